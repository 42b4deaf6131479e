{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cp_plan as (
    select * from {{ ref('stg_ssd__cp_plans') }}
)

select
    social_care_episode.social_care_episode_id
    , cp_plan.cp_plan_id as child_protection_plan_id
    , cp_plan.start_date
    , cp_plan.end_date
from social_care_episode
inner join cp_plan
    on cp_plan.referral_id = social_care_episode.social_care_episode_id
cross join cohort_window
where {{ overlaps_window('cp_plan.start_date', 'cp_plan.end_date') }}
    and {{ is_id('cp_plan.cp_plan_id') }}
