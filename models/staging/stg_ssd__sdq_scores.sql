with source as (
    select * from {{ source('ssd', 'ssd_sdq_scores') }}
)

-- distinct: a score entered twice is one score; trimmed: a blank text would be cast to 0
select distinct
    {{ trimmed('csdq_table_id') }} as sdq_id
    , {{ trimmed('csdq_person_id') }} as person_id
    , {{ iso_date('csdq_sdq_completed_date') }} as completed_date
    , try_cast({{ trimmed('cast(csdq_sdq_score as ' ~ text_type(48) ~ ')') }} as int) as score
from source
