{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cohort_census_date as (
    select * from {{ ref('cohort_census_date') }}
)

-- not the block child_in_need_plans: a plan whose own id cannot be sent is a plan still
, cin_plan as (
    select * from {{ ref('stg_ssd__cin_plans') }}
)

, involvement as (
    select * from {{ ref('stg_ssd__involvements') }}
)

, professional as (
    select * from {{ ref('stg_ssd__professionals') }}
)

-- distinct: an involvement may span two census dates, and be entered twice
select distinct
    social_care_episode.social_care_episode_id
    , professional.registration_no as worker_id
    , involvement.start_date
    , involvement.end_date
from social_care_episode
inner join involvement
    on involvement.referral_id = social_care_episode.social_care_episode_id
inner join professional
    on professional.professional_id = involvement.professional_id
inner join cohort_census_date
    on involvement.start_date <= cohort_census_date.census_date
    and (involvement.end_date is null or involvement.end_date >= cohort_census_date.census_date)
where involvement.role_id = 'CW'
    and exists (
        select 1
        from cin_plan
        cross join cohort_window
        where cin_plan.referral_id = social_care_episode.social_care_episode_id
            and {{ overlaps_window('cin_plan.start_date', 'cin_plan.end_date') }}
    )
    and {{ is_id('professional.registration_no', 12) }}
