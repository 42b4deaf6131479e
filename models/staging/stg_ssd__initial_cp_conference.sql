with source as (
    select * from {{ ssd_table('ssd_initial_cp_conference') }}
)

, cleaned as (
    select
        {{ trimmed('icpc_icpc_id') }} as icpc_id
        , {{ trimmed('icpc_s47_enquiry_id') }} as s47_enquiry_id
        , {{ trimmed('icpc_person_id') }} as person_id
        , {{ iso_date('icpc_icpc_date') }} as icpc_date
    from source
)

select
    icpc_id
    , s47_enquiry_id
    , person_id
    , icpc_date
from cleaned
