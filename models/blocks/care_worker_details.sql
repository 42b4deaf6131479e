with cohort_census_date as (
    select * from {{ ref('cohort_census_date') }}
)

, child_in_need_plan as (
    select distinct social_care_episode_id
    from {{ ref('child_in_need_plans') }}
)

, involvement as (
    select * from {{ ref('stg_ssd__involvements') }}
)

, professional as (
    select * from {{ ref('stg_ssd__professionals') }}
)

-- distinct: an involvement may span two census dates, and be entered twice
select distinct
    child_in_need_plan.social_care_episode_id
    , professional.registration_no as worker_id
    , involvement.start_date
    , involvement.end_date
from child_in_need_plan
inner join involvement
    on involvement.referral_id = child_in_need_plan.social_care_episode_id
inner join professional
    on professional.professional_id = involvement.professional_id
inner join cohort_census_date
    on involvement.start_date <= cohort_census_date.census_date
    and (involvement.end_date is null or involvement.end_date >= cohort_census_date.census_date)
where involvement.role_id = 'CW'
    and {{ is_id('professional.registration_no', 12) }}
