{{ config(indexes=clustered_by(['person_id', 'social_care_episode_id'])) }}

with cohort as (
    select * from {{ ref('cohort') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cin_episode as (
    select * from {{ ref('stg_ssd__cin_episodes') }}
)

select
    cohort.person_id
    , cin_episode.referral_id as social_care_episode_id
    , cin_episode.referral_date
    , cin_episode.referral_source
    , cin_episode.close_date as closure_date
    , cin_episode.close_reason as closure_reason
    , cin_episode.referral_nfa as referral_no_further_action_flag
from cohort
inner join cin_episode
    on cin_episode.person_id = cohort.person_id
cross join cohort_window
where {{ overlaps_window('cin_episode.referral_date', 'cin_episode.close_date') }}
    and {{ is_id('cin_episode.referral_id') }}
