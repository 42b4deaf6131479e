with source as (
    select * from {{ ssd_table('ssd_cp_plans') }}
)

, cleaned as (
    select
        {{ trimmed('cppl_cp_plan_id') }} as cp_plan_id
        , {{ trimmed('cppl_referral_id') }} as referral_id
        , {{ trimmed('cppl_person_id') }} as person_id
        , {{ iso_date('cppl_cp_plan_start_date') }} as start_date
        , {{ iso_date('cppl_cp_plan_end_date') }} as end_date
    from source
)

, ranked as (
    select
        cleaned.*
        , {{ duplicate_rank(['cp_plan_id'], [
            'referral_id'
            , 'person_id'
            , 'start_date'
            , 'end_date'
        ]) }} as duplicate_rank
    from cleaned
)

select
    cp_plan_id
    , referral_id
    , person_id
    , start_date
    , end_date
from ranked
where duplicate_rank = 1
    and cp_plan_id is not null
