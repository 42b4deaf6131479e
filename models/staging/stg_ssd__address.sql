with source as (
    select * from {{ ssd_table('ssd_address') }}
)

, cleaned as (
    select
        {{ trimmed('addr_table_id') }} as address_id
        , {{ trimmed('addr_person_id') }} as person_id
        , {{ iso_date('addr_address_start_date') }} as start_date
        , {{ iso_date('addr_address_end_date') }} as end_date
        , {{ postcode('addr_address_postcode') }} as postcode
        , {{ trimmed('addr_address_postcode') }} as postcode_entered
    from source
)

select
    address_id
    , person_id
    , start_date
    , end_date
    , postcode
    , postcode_entered
from cleaned
