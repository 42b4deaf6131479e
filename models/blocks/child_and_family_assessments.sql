{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cin_assessment as (
    select * from {{ ref('stg_ssd__cin_assessments') }}
)

, assessment_factors as (
    select * from {{ ref('stg_ssd__assessment_factors') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, assessment as (
    select
        social_care_episode.social_care_episode_id
        , cin_assessment.assessment_id
        , cin_assessment.start_date
        , cin_assessment.authorisation_date
    from social_care_episode
    inner join cin_assessment
        on cin_assessment.referral_id = social_care_episode.social_care_episode_id
    cross join cohort_window
    where ({{ inside_window('cin_assessment.start_date') }}
            or {{ inside_window('cin_assessment.authorisation_date') }})
        and {{ is_id('cin_assessment.assessment_id') }}
)

, factor_list as (
    select
        assessment_factors.assessment_id
        , case
            when {{ is_json_array('assessment_factors.factors_json') }}
                then {{ json_array_codes('assessment_factors.factors_json') }}
        end as codes
    from assessment_factors
    inner join assessment
        on assessment.assessment_id = assessment_factors.assessment_id
)

-- every code is looked for in the list: the array is never taken apart, which SQL Server could only do with openjson
, factor as (
    select distinct
        factor_list.assessment_id
        , code_set.code
    from factor_list
    inner join code_set
        on code_set.code_set = 'assessment_factor'
        and {{ json_array_has_code('factor_list.codes', 'code_set.code') }}
)

, ranked_factor as (
    select
        factor.assessment_id
        , {{ json_string('factor.code') }} as code
        , row_number() over (
            partition by factor.assessment_id
            order by {{ binary_order('factor.code') }}
        ) as position
    from factor
)

, factors as (
    select
        ranked_factor.assessment_id
        , {{ json_short_array('ranked_factor.code', 'ranked_factor.position', 60) }} as factors
    from ranked_factor
    group by ranked_factor.assessment_id
)

select
    assessment.social_care_episode_id
    , assessment.assessment_id as child_and_family_assessment_id
    , assessment.start_date
    , assessment.authorisation_date
    , coalesce(factors.factors, '[]') as factors
from assessment
left join factors
    on factors.assessment_id = assessment.assessment_id
