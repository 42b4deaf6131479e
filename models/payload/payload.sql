{{ config(
    indexes=clustered_by(['person_id'], unique=true)
    , pre_hook="{{ anonymisation_salt_sql() }}"
) }}

{%- set not_purged = 'cast(0 as ' ~ flag_type() ~ ')' -%}
{%- set child = {
    'la_child_id': 'child_details.person_id'
    , 'mis_child_id': 'child_details.legacy_id'
    , 'purge': not_purged
} -%}
{%- set nested = {
    'child_details': json_object({
        'unique_pupil_number': 'child_details.unique_pupil_number'
        , 'former_unique_pupil_number': 'child_details.former_unique_pupil_number'
        , 'unique_pupil_number_unknown_reason': 'child_details.unique_pupil_number_unknown_reason'
        , 'first_name': 'child_details.first_name'
        , 'surname': 'child_details.surname'
        , 'date_of_birth': 'child_details.date_of_birth'
        , 'expected_date_of_birth': 'child_details.expected_date_of_birth'
        , 'sex': 'child_details.sex'
        , 'ethnicity': 'child_details.ethnicity'
        , 'postcode': 'child_details.postcode'
        , 'uasc_flag': 'child_details.uasc_flag'
        , 'uasc_end_date': 'child_details.uasc_end_date'
        , 'purge': not_purged
    }, {
        'disabilities': 'child_details.disabilities'
    })
    , 'health_and_wellbeing': 'health_and_wellbeing_json.health_and_wellbeing'
    , 'social_care_episodes': 'social_care_episodes_json.social_care_episodes'
} -%}

with {{ anonymised_child_ctes(ref('child_details'), ref('social_care_episodes')) -}}
child_details as (
    {{ payload_block('child_details', ref('child_details')) }}
)

, sdq_assessments as (
    {{ payload_block('sdq_assessments', ref('sdq_assessments')) }}
)

, social_care_episodes as (
    {{ payload_block('social_care_episodes', ref('social_care_episodes')) }}
)

, child_and_family_assessments as (
    {{ payload_block('child_and_family_assessments', ref('child_and_family_assessments')) }}
)

, child_in_need_plans as (
    {{ payload_block('child_in_need_plans', ref('child_in_need_plans')) }}
)

, section_47_assessments as (
    {{ payload_block('section_47_assessments', ref('section_47_assessments')) }}
)

, child_protection_plans as (
    {{ payload_block('child_protection_plans', ref('child_protection_plans')) }}
)

, child_looked_after_placements as (
    {{ payload_block('child_looked_after_placements', ref('child_looked_after_placements')) }}
)

, adoption as (
    {{ payload_block('adoption', ref('adoption')) }}
)

, care_leavers as (
    {{ payload_block('care_leavers', ref('care_leavers')) }}
)

, care_worker_details as (
    {{ payload_block('care_worker_details', ref('care_worker_details')) }}
)

, child_and_family_assessments_json as (
    {{ json_arrays('child_and_family_assessments', 'social_care_episode_id', {
        'child_and_family_assessment_id': 'child_and_family_assessments.child_and_family_assessment_id'
        , 'start_date': 'child_and_family_assessments.start_date'
        , 'authorisation_date': 'child_and_family_assessments.authorisation_date'
        , 'purge': not_purged
    }, nested={
        'factors': 'child_and_family_assessments.factors'
    }, newest='child_and_family_assessments.start_date desc', id=binary_order('child_and_family_assessments.child_and_family_assessment_id')) }}
)

, child_in_need_plans_json as (
    {{ json_arrays('child_in_need_plans', 'social_care_episode_id', {
        'child_in_need_plan_id': 'child_in_need_plans.child_in_need_plan_id'
        , 'start_date': 'child_in_need_plans.start_date'
        , 'end_date': 'child_in_need_plans.end_date'
        , 'purge': not_purged
    }, newest='child_in_need_plans.start_date desc', id=binary_order('child_in_need_plans.child_in_need_plan_id')) }}
)

, section_47_assessments_json as (
    {{ json_arrays('section_47_assessments', 'social_care_episode_id', {
        'section_47_assessment_id': 'section_47_assessments.section_47_assessment_id'
        , 'start_date': 'section_47_assessments.start_date'
        , 'icpc_required_flag': 'section_47_assessments.icpc_required_flag'
        , 'icpc_date': 'section_47_assessments.icpc_date'
        , 'end_date': 'section_47_assessments.end_date'
        , 'purge': not_purged
    }, newest='section_47_assessments.start_date desc', id=binary_order('section_47_assessments.section_47_assessment_id')) }}
)

, child_protection_plans_json as (
    {{ json_arrays('child_protection_plans', 'social_care_episode_id', {
        'child_protection_plan_id': 'child_protection_plans.child_protection_plan_id'
        , 'start_date': 'child_protection_plans.start_date'
        , 'end_date': 'child_protection_plans.end_date'
        , 'purge': not_purged
    }, newest='child_protection_plans.start_date desc', id=binary_order('child_protection_plans.child_protection_plan_id')) }}
)

, child_looked_after_placements_json as (
    {{ json_arrays('child_looked_after_placements', 'social_care_episode_id', {
        'child_looked_after_placement_id': 'child_looked_after_placements.child_looked_after_placement_id'
        , 'start_date': 'child_looked_after_placements.start_date'
        , 'start_reason': 'child_looked_after_placements.start_reason'
        , 'postcode': 'child_looked_after_placements.postcode'
        , 'placement_type': 'child_looked_after_placements.placement_type'
        , 'end_date': 'child_looked_after_placements.end_date'
        , 'end_reason': 'child_looked_after_placements.end_reason'
        , 'change_reason': 'child_looked_after_placements.change_reason'
        , 'purge': not_purged
    }, newest='child_looked_after_placements.start_date desc', id=binary_order('child_looked_after_placements.child_looked_after_placement_id')) }}
)

, care_worker_details_json as (
    {{ json_arrays('care_worker_details', 'social_care_episode_id', {
        'worker_id': 'care_worker_details.worker_id'
        , 'start_date': 'care_worker_details.start_date'
        , 'end_date': 'care_worker_details.end_date'
    }, newest='care_worker_details.start_date desc, care_worker_details.end_date desc', id=binary_order('care_worker_details.worker_id')) }}
)

, adoption_json as (
    select
        adoption.person_id
        , {{ json_object({
            'initial_decision_date': 'adoption.initial_decision_date'
            , 'matched_date': 'adoption.matched_date'
            , 'placed_date': 'adoption.placed_date'
            , 'purge': not_purged
        }) }} as adoption
    from adoption
)

, care_leavers_json as (
    select
        care_leavers.person_id
        , {{ json_object({
            'contact_date': 'care_leavers.contact_date'
            , 'activity': 'care_leavers.activity'
            , 'accommodation': 'care_leavers.accommodation'
            , 'purge': not_purged
        }) }} as care_leavers
    from care_leavers
)

, social_care_episodes_json as (
    {% call json_arrays('social_care_episodes', 'person_id', {
        'social_care_episode_id': 'social_care_episodes.social_care_episode_id'
        , 'referral_date': 'social_care_episodes.referral_date'
        , 'referral_source': 'social_care_episodes.referral_source'
        , 'closure_date': 'social_care_episodes.closure_date'
        , 'closure_reason': 'social_care_episodes.closure_reason'
        , 'referral_no_further_action_flag': 'social_care_episodes.referral_no_further_action_flag'
        , 'purge': not_purged
    }, nested={
        'child_and_family_assessments': 'child_and_family_assessments_json.child_and_family_assessments'
        , 'child_in_need_plans': 'child_in_need_plans_json.child_in_need_plans'
        , 'section_47_assessments': 'section_47_assessments_json.section_47_assessments'
        , 'child_protection_plans': 'child_protection_plans_json.child_protection_plans'
        , 'child_looked_after_placements': 'child_looked_after_placements_json.child_looked_after_placements'
        , 'adoption': 'adoption_json.adoption'
        , 'care_leavers': 'care_leavers_json.care_leavers'
        , 'care_worker_details': 'care_worker_details_json.care_worker_details'
    }, newest='social_care_episodes.referral_date desc', id=binary_order('social_care_episodes.social_care_episode_id')) %}
    left join child_and_family_assessments_json
        on child_and_family_assessments_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join child_in_need_plans_json
        on child_in_need_plans_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join section_47_assessments_json
        on section_47_assessments_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join child_protection_plans_json
        on child_protection_plans_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join child_looked_after_placements_json
        on child_looked_after_placements_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join care_worker_details_json
        on care_worker_details_json.social_care_episode_id = social_care_episodes.social_care_episode_id
    left join adoption_json
        on adoption_json.person_id = social_care_episodes.person_id
    left join care_leavers_json
        on care_leavers_json.person_id = social_care_episodes.person_id
    {% endcall %}
)

, sdq_assessments_json as (
    {{ json_arrays('sdq_assessments', 'person_id', {
        'date': 'sdq_assessments.date'
        , 'score': 'sdq_assessments.score'
    }, newest='sdq_assessments.date desc', id=binary_order('sdq_assessments.sdq_id') ~ ', sdq_assessments.score') }}
)

, health_and_wellbeing_json as (
    select
        sdq_assessments_json.person_id
        , {{ json_object({
            'purge': not_purged
        }, {
            'sdq_assessments': 'sdq_assessments_json.sdq_assessments'
        }) }} as health_and_wellbeing
    from sdq_assessments_json
)

, child_json as (
    select
        child_details.person_id
        , child_details.legacy_id
        , {{ json_object(child, nested) }} as json_payload
        {%- if volatile_blocks() %}
        , {{ json_object(child, nested_content(nested)) }} as content
        {%- endif %}
    from child_details
    left join health_and_wellbeing_json
        on health_and_wellbeing_json.person_id = child_details.person_id
    left join social_care_episodes_json
        on social_care_episodes_json.person_id = child_details.person_id
)

select
    person_id
    , legacy_id
    , cast(json_payload as {{ text_type() }}) as json_payload
    , {{ sha256('content' if volatile_blocks() else 'json_payload') }} as payload_hash
from child_json
