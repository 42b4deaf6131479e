{{ config(indexes=clustered_by(['person_id', 'reason'])) }}

{%- set known_reasons = {
    'active_referral': 'referral_in_window',
    'awaiting_assessment': 'referral_without_assessment',
    'cin_plan': 'cin_plan_in_window',
    'looked_after': 'looked_after_in_window',
    'care_leaver': 'care_leaver_in_touch',
    'child_protection_plan': 'cp_plan_in_window',
    'disability': 'disabled_child'
} -%}
{%- set reasons = chosen_cohort_reasons(known_reasons) -%}

with cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, person as (
    select * from {{ ref('stg_ssd__person') }}
)

, cin_episode as (
    select * from {{ ref('stg_ssd__cin_episodes') }}
)

, cin_assessment as (
    select * from {{ ref('stg_ssd__cin_assessments') }}
)

, cin_plan as (
    select * from {{ ref('stg_ssd__cin_plans') }}
)

, cp_plan as (
    select * from {{ ref('stg_ssd__cp_plans') }}
)

, cla_episode as (
    select * from {{ ref('stg_ssd__cla_episodes') }}
)

, cla_placement as (
    select * from {{ ref('stg_ssd__cla_placement') }}
)

, care_leaver as (
    select * from {{ ref('stg_ssd__care_leavers') }}
)

, disability as (
    select * from {{ ref('stg_ssd__disability') }}
)

-- born by the window's end and not yet 26 at its start, or unborn and expected inside it; months are taken from the
-- window, never added to a birthday, which may be too late in the calendar for that (9999-12-31)
, eligible as (
    select
        person.person_id
        , person.date_of_birth
    from person
    cross join cohort_window
    where (person.date_of_birth <= cohort_window.window_end
            and person.date_of_birth > {{ add_months('cohort_window.window_start', -312) }})
        or (person.date_of_birth is null
            and {{ inside_window('person.expected_date_of_birth') }})
)

, referral_in_window as (
    select
        cin_episode.person_id
        , cin_episode.referral_id
    from cin_episode
    cross join cohort_window
    where {{ overlaps_window('cin_episode.referral_date', 'cin_episode.close_date') }}
)

, referral_without_assessment as (
    select cin_episode.person_id
    from cin_episode
    where cin_episode.close_date is null
        and not exists (
            select 1
            from cin_assessment
            where cin_assessment.referral_id = cin_episode.referral_id
                and cin_assessment.start_date is not null
        )
)

, cin_plan_in_window as (
    select cin_plan.person_id
    from cin_plan
    cross join cohort_window
    where {{ overlaps_window('cin_plan.start_date', 'cin_plan.end_date') }}
)

, cp_plan_in_window as (
    select cp_plan.person_id
    from cp_plan
    cross join cohort_window
    where {{ overlaps_window('cp_plan.start_date', 'cp_plan.end_date') }}
)

, looked_after_in_window as (
    select cla_episode.person_id
    from cla_episode
    inner join referral_in_window
        on referral_in_window.referral_id = cla_episode.referral_id
    union all
    select cla_placement.person_id
    from cla_placement
    cross join cohort_window
    where {{ overlaps_window('cla_placement.start_date', 'cla_placement.end_date') }}
)

, latest_contact as (
    select
        care_leaver.person_id
        , max(care_leaver.latest_contact_date) as contact_date
    from care_leaver
    group by care_leaver.person_id
)

, care_leaver_in_touch as (
    select latest_contact.person_id
    from latest_contact
    inner join eligible
        on eligible.person_id = latest_contact.person_id
    cross join cohort_window
    where {{ inside_window('latest_contact.contact_date') }}
        and eligible.date_of_birth <= {{ add_months('cohort_window.window_end', -192) }}
        and exists (
            select 1
            from cin_episode
            where cin_episode.person_id = latest_contact.person_id
                and cin_episode.close_date is null
        )
)

, disabled_child as (
    select disability.person_id
    from disability
    where disability.disability_code <> 'NONE'
)

, reason as (
    {%- for name in reasons %}
    select
        person_id
        , cast('{{ name }}' as {{ text_type(40) }}) as reason
    from {{ known_reasons[name] }}
    {{- '\n    union' if not loop.last }}
    {%- endfor %}
)

select distinct
    eligible.person_id
    , reason.reason
from eligible
inner join reason
    on reason.person_id = eligible.person_id
