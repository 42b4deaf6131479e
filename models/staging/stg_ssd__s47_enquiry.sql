with source as (
    select * from {{ ssd_table('ssd_s47_enquiry') }}
)

, cleaned as (
    select
        {{ trimmed('s47e_s47_enquiry_id') }} as s47_enquiry_id
        , {{ trimmed('s47e_referral_id') }} as referral_id
        , {{ trimmed('s47e_person_id') }} as person_id
        , {{ iso_date('s47e_s47_start_date') }} as start_date
        , {{ iso_date('s47e_s47_end_date') }} as end_date
        , {{ trimmed(json_value('s47e_s47_outcome_json', '$.CP_CONFERENCE_FLAG')) }} as icpc_required_entered
    from source
)

, flagged as (
    select
        cleaned.*
        , {{ yes_or_no('cleaned.icpc_required_entered') }} as icpc_required
    from cleaned
)

, ranked as (
    select
        flagged.*
        , {{ duplicate_rank(['s47_enquiry_id'], [
            'referral_id'
            , 'person_id'
            , 'start_date'
            , 'end_date'
            , 'icpc_required'
        ]) }} as duplicate_rank
    from flagged
)

select
    s47_enquiry_id
    , referral_id
    , person_id
    , start_date
    , end_date
    , icpc_required
    , icpc_required_entered
from ranked
where duplicate_rank = 1
    and s47_enquiry_id is not null
