with source as (
    select * from {{ ssd_table('ssd_care_leavers') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('clea_table_id') }} as care_leaver_id
        , {{ trimmed('clea_person_id') }} as person_id
        , {{ iso_date('clea_care_leaver_latest_contact') }} as latest_contact_date
        , {{ trimmed('clea_care_leaver_activity') }} as activity_entered
        , {{ trimmed('clea_care_leaver_accommodation') }} as accommodation_entered
    from source
)

, coded as (
    select
        cleaned.care_leaver_id
        , cleaned.person_id
        , cleaned.latest_contact_date
        , activity.code as activity
        , cleaned.activity_entered
        , accommodation.code as accommodation
        , cleaned.accommodation_entered
    from cleaned
    left join code_set as activity
        on activity.code_set = 'care_leaver_activity'
        and activity.code = {{ leading_code('cleaned.activity_entered', 2) }}
    left join code_set as accommodation
        on accommodation.code_set = 'care_leaver_accommodation'
        and accommodation.code = {{ leading_code('cleaned.accommodation_entered', 1) }}
)

select
    care_leaver_id
    , person_id
    , latest_contact_date
    , activity
    , accommodation
    , activity_entered
    , accommodation_entered
from coded
