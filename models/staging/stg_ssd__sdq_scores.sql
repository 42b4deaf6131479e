with source as (
    select * from {{ ssd_table('ssd_sdq_scores') }}
)

, cleaned as (
    select
        {{ trimmed('csdq_table_id') }} as sdq_id
        , {{ trimmed('csdq_person_id') }} as person_id
        , {{ iso_date('csdq_sdq_completed_date') }} as completed_date
        , {{ trimmed('cast(csdq_sdq_score as ' ~ text_type(48) ~ ')') }} as score_entered
    from source
)

-- by way of a decimal: a score kept as text, '12' or '12.0', is 12 on every engine, and a blank is none
, numbered as (
    select
        cleaned.*
        , try_cast(cleaned.score_entered as decimal(9, 2)) as number
    from cleaned
)

, scored as (
    select
        numbered.*
        , case when numbered.number = floor(numbered.number) then cast(numbered.number as int) end as score
    from numbered
)

-- distinct: a score entered twice is one score
select distinct
    sdq_id
    , person_id
    , completed_date
    , score
    , case when score is null then score_entered end as score_not_read
from scored
