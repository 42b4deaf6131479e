with source as (
    select * from {{ ssd_table('ssd_professionals') }}
)

, cleaned as (
    select
        {{ trimmed('prof_professional_id') }} as professional_id
        , {{ trimmed('prof_social_worker_registration_no') }} as registration_no
    from source
)

, ranked as (
    select
        cleaned.*
        , {{ duplicate_rank(['professional_id'], [
            binary_order('registration_no')
        ]) }} as duplicate_rank
    from cleaned
)

select
    professional_id
    , registration_no
from ranked
where duplicate_rank = 1
    and professional_id is not null
