{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

with person as (
    select * from {{ ref('stg_ssd__person') }}
)

, cohort as (
    select * from {{ ref('cohort') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

-- a day of birth that is impossible itself says nothing about other dates
, believed as (
    select
        person.person_id
        , case
            when person.date_of_birth between cast('1900-01-01' as date) and cohort_window.run_date then person.date_of_birth
        end as date_of_birth
        , case
            when person.date_of_birth is null and person.expected_date_of_birth >= cast('1900-01-01' as date)
                then person.expected_date_of_birth
        end as expected_date_of_birth
    from person
    cross join cohort_window
)

select
    believed.person_id
    , believed.date_of_birth
    , {{ add_days('coalesce(believed.date_of_birth, believed.expected_date_of_birth)', -280) }} as earliest_referral_date
    , case when cohort.person_id is not null then 1 else 0 end as is_in_cohort
from believed
left join cohort
    on cohort.person_id = believed.person_id
