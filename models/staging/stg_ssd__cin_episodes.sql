with source as (
    select * from {{ ssd_table('ssd_cin_episodes') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('cine_referral_id') }} as referral_id
        , {{ trimmed('cine_person_id') }} as person_id
        , {{ iso_date('cine_referral_date') }} as referral_date
        , {{ trimmed('cine_referral_source_code') }} as source_entered
        , {{ iso_date('cine_close_date') }} as close_date
        , {{ trimmed('cine_close_reason') }} as close_reason_entered
        , {{ trimmed('cine_referral_nfa') }} as nfa_entered
    from source
)

, coded as (
    select
        cleaned.referral_id
        , cleaned.person_id
        , cleaned.referral_date
        , coalesce(two_characters.code, one_character.code) as referral_source
        , cleaned.close_date
        , closure.code as close_reason
        , {{ yes_or_no('cleaned.nfa_entered') }} as referral_nfa
        , cleaned.source_entered
        , cleaned.close_reason_entered
        , cleaned.nfa_entered
    from cleaned
    left join code_set as two_characters
        on two_characters.code_set = 'referral_source'
        and two_characters.code = {{ first_chars('upper(cleaned.source_entered)', 2) }}
    left join code_set as one_character
        on one_character.code_set = 'referral_source'
        and one_character.code = {{ first_chars('cleaned.source_entered', 1) }}
    left join code_set as closure
        on closure.code_set = 'closure_reason'
        and closure.code = {{ leading_code('cleaned.close_reason_entered', 3) }}
)

, ranked as (
    select
        coded.*
        , {{ duplicate_rank(['person_id', 'referral_id'], [
            'referral_date'
            , 'referral_source'
            , 'close_date'
            , 'close_reason'
            , 'referral_nfa'
        ]) }} as duplicate_rank
    from coded
)

select
    referral_id
    , person_id
    , referral_date
    , referral_source
    , close_date
    , close_reason
    , referral_nfa
    , source_entered
    , close_reason_entered
    , nfa_entered
from ranked
where duplicate_rank = 1
    and referral_id is not null
