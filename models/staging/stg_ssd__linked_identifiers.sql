with source as (
    select * from {{ ssd_table('ssd_linked_identifiers') }}
)

, cleaned as (
    select
        {{ trimmed('link_table_id') }} as linked_identifier_id
        , {{ trimmed('link_person_id') }} as person_id
        , {{ trimmed('link_identifier_type') }} as identifier_type
        , {{ trimmed('link_identifier_value') }} as identifier_value
        , {{ iso_date('link_valid_from_date') }} as valid_from_date
    from source
)

select
    linked_identifier_id
    , person_id
    , identifier_type
    , identifier_value
    , valid_from_date
from cleaned
