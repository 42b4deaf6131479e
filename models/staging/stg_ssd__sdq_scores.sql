with source as (
    select * from {{ ssd_table('ssd_sdq_scores') }}
)

-- by way of a decimal: a score kept as text, '12' or '12.0', is 12 on every engine, and a blank is none
, numbered as (
    select
        {{ trimmed('csdq_table_id') }} as sdq_id
        , {{ trimmed('csdq_person_id') }} as person_id
        , {{ iso_date('csdq_sdq_completed_date') }} as completed_date
        , try_cast({{ trimmed('cast(csdq_sdq_score as ' ~ text_type(48) ~ ')') }} as decimal(9, 2)) as score
    from source
)

-- distinct: a score entered twice is one score
select distinct
    sdq_id
    , person_id
    , completed_date
    , case when score = floor(score) then cast(score as int) end as score
from numbered
