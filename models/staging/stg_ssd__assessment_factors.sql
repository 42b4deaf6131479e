with source as (
    select * from {{ ssd_table('ssd_assessment_factors') }}
)

, cleaned as (
    select
        {{ trimmed('cinf_table_id') }} as assessment_factors_id
        , {{ trimmed('cinf_assessment_id') }} as assessment_id
        , {{ trimmed('cinf_assessment_factors_json') }} as factors_json
    from source
)

select
    assessment_factors_id
    , assessment_id
    , factors_json
from cleaned
