with source as (
    select * from {{ ssd_table('ssd_disability') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('disa_table_id') }} as disability_id
        , {{ trimmed('disa_person_id') }} as person_id
        , {{ trimmed('disa_disability_code') }} as entered
    from source
)

, coded as (
    select
        cleaned.disability_id
        , cleaned.person_id
        , disability.code as disability_code
        , cleaned.entered as code_entered
    from cleaned
    left join code_set as disability
        on disability.code_set = 'disability'
        and disability.code = {{ leading_code('cleaned.entered', 4) }}
)

select
    disability_id
    , person_id
    , disability_code
    , code_entered
from coded
