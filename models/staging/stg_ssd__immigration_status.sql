with source as (
    select * from {{ ssd_table('ssd_immigration_status') }}
)

, cleaned as (
    select
        {{ trimmed('immi_immigration_status_id') }} as immigration_status_id
        , {{ trimmed('immi_person_id') }} as person_id
        , {{ iso_date('immi_immigration_status_start_date') }} as start_date
        , {{ iso_date('immi_immigration_status_end_date') }} as end_date
        , {{ trimmed('immi_immigration_status') }} as immigration_status
    from source
)

select
    immigration_status_id
    , person_id
    , start_date
    , end_date
    , immigration_status
from cleaned
