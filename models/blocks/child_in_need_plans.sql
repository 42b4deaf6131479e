{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cin_plan as (
    select * from {{ ref('stg_ssd__cin_plans') }}
)

select
    social_care_episode.social_care_episode_id
    , cin_plan.cin_plan_id as child_in_need_plan_id
    , cin_plan.start_date
    , cin_plan.end_date
from social_care_episode
inner join cin_plan
    on cin_plan.referral_id = social_care_episode.social_care_episode_id
cross join cohort_window
where {{ overlaps_window('cin_plan.start_date', 'cin_plan.end_date') }}
    and {{ is_id('cin_plan.cin_plan_id') }}
