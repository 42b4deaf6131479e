with source as (
    select * from {{ ssd_table('ssd_cla_episodes') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('clae_cla_episode_id') }} as cla_episode_id
        , {{ trimmed('clae_person_id') }} as person_id
        , {{ trimmed('clae_cla_placement_id') }} as cla_placement_id
        , {{ trimmed('clae_cla_id') }} as cla_id
        , {{ trimmed('clae_referral_id') }} as referral_id
        , {{ iso_date('clae_cla_episode_start_date') }} as start_date
        , {{ trimmed('clae_cla_episode_start_reason') }} as start_reason_entered
        , {{ iso_date('clae_cla_episode_ceased_date') }} as ceased_date
        , {{ trimmed('clae_cla_episode_ceased_reason') }} as ceased_reason_entered
    from source
)

, coded as (
    select
        cleaned.cla_episode_id
        , cleaned.person_id
        , cleaned.cla_placement_id
        , cleaned.cla_id
        , cleaned.referral_id
        , cleaned.start_date
        , start.code as start_reason
        , cleaned.ceased_date
        , coalesce(ceased.code, ceased_before_blank.code) as ceased_reason
        , cleaned.start_reason_entered
        , cleaned.ceased_reason_entered
    from cleaned
    left join code_set as start
        on start.code_set = 'cla_start_reason'
        and start.code = {{ leading_code('cleaned.start_reason_entered', 1) }}
    left join code_set as ceased
        on ceased.code_set = 'cla_end_reason'
        and ceased.code = {{ leading_code(without_blanks('cleaned.ceased_reason_entered'), 3) }}
    left join code_set as ceased_before_blank
        on ceased_before_blank.code_set = 'cla_end_reason'
        and ceased_before_blank.code = {{ leading_code('cleaned.ceased_reason_entered', 3) }}
)

select
    cla_episode_id
    , person_id
    , cla_placement_id
    , cla_id
    , referral_id
    , start_date
    , start_reason
    , ceased_date
    , ceased_reason
    , start_reason_entered
    , ceased_reason_entered
from coded
