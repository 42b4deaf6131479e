with source as (
    select * from {{ ssd_table('ssd_cin_assessments') }}
)

, cleaned as (
    select
        {{ trimmed('cina_assessment_id') }} as assessment_id
        , {{ trimmed('cina_person_id') }} as person_id
        , {{ trimmed('cina_referral_id') }} as referral_id
        , {{ iso_date('cina_assessment_start_date') }} as start_date
        , {{ iso_date('cina_assessment_auth_date') }} as authorisation_date
    from source
)

, ranked as (
    select
        cleaned.*
        , {{ duplicate_rank(['assessment_id'], [
            'person_id'
            , 'referral_id'
            , 'start_date'
            , 'authorisation_date'
        ]) }} as duplicate_rank
    from cleaned
)

select
    assessment_id
    , person_id
    , referral_id
    , start_date
    , authorisation_date
from ranked
where duplicate_rank = 1
    and assessment_id is not null
