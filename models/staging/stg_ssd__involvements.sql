with source as (
    select * from {{ ssd_table('ssd_involvements') }}
)

, cleaned as (
    select
        {{ trimmed('invo_involvements_id') }} as involvement_id
        , {{ trimmed('invo_professional_id') }} as professional_id
        , upper({{ trimmed('invo_professional_role_id') }}) as role_id
        , {{ trimmed('invo_person_id') }} as person_id
        , {{ trimmed('invo_referral_id') }} as referral_id
        , {{ iso_date('invo_involvement_start_date') }} as start_date
        , {{ iso_date('invo_involvement_end_date') }} as end_date
    from source
)

select
    involvement_id
    , professional_id
    , role_id
    , person_id
    , referral_id
    , start_date
    , end_date
from cleaned
