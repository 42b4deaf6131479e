with source as (
    select * from {{ ssd_table('ssd_permanence') }}
)

, cleaned as (
    select
        {{ trimmed('perm_table_id') }} as permanence_id
        , {{ trimmed('perm_person_id') }} as person_id
        , {{ trimmed('perm_cla_id') }} as cla_id
        , {{ iso_date('perm_adm_decision_date') }} as decision_date
        , {{ iso_date('perm_matched_date') }} as matched_date
        , {{ iso_date('perm_placed_for_adoption_date') }} as placed_date
    from source
)

select
    permanence_id
    , person_id
    , cla_id
    , decision_date
    , matched_date
    , placed_date
from cleaned
