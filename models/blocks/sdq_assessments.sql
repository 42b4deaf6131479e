{{ config(indexes=clustered_by(['person_id'])) }}

with cohort as (
    select * from {{ ref('cohort') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, sdq_score as (
    select * from {{ ref('stg_ssd__sdq_scores') }}
)

select
    cohort.person_id
    , sdq_score.sdq_id
    , sdq_score.completed_date as date
    , sdq_score.score
from cohort
inner join sdq_score
    on sdq_score.person_id = cohort.person_id
cross join cohort_window
where {{ inside_window('sdq_score.completed_date') }}
    and sdq_score.score between 0 and 40
