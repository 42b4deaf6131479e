with source as (
    select * from {{ ssd_table('ssd_cin_plans') }}
)

, cleaned as (
    select
        {{ trimmed('cinp_cin_plan_id') }} as cin_plan_id
        , {{ trimmed('cinp_referral_id') }} as referral_id
        , {{ trimmed('cinp_person_id') }} as person_id
        , {{ iso_date('cinp_cin_plan_start_date') }} as start_date
        , {{ iso_date('cinp_cin_plan_end_date') }} as end_date
    from source
)

, ranked as (
    select
        cleaned.*
        , {{ duplicate_rank(['cin_plan_id'], [
            'referral_id'
            , 'person_id'
            , 'start_date'
            , 'end_date'
        ]) }} as duplicate_rank
    from cleaned
)

select
    cin_plan_id
    , referral_id
    , person_id
    , start_date
    , end_date
from ranked
where duplicate_rank = 1
    and cin_plan_id is not null
