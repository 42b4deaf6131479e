{# Variable csc_anonymise: the payloads, their deltas and the state in tables of their own, named like the others with
   `_anon` behind, in which nobody can be recognised. For test phases, before children's data may leave.

   - An id becomes its hash with a secret salt, the same one every night: records keep belonging together.
   - A name, a UPN and a postcode become invented ones made of that hash.
   - Every date of a child moves back by the same number of days, so that all intervals stay.
   - Codes, flags and scores stay. #}
{% macro is_anonymising() %}
    {{- return(var('csc_anonymise', false) | string | lower == 'true') -}}
{% endmacro %}


{# The name of a model's table. dbt calls this for every node. #}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set name = custom_alias_name or node.name -%}
    {%- set parts = node.fqn if node.resource_type == 'model' else [] -%}
    {%- if is_anonymising() and (name == 'ssd_api_data_staging' or 'payload' in parts[1:2] or 'delta' in parts[1:2]) -%}
        {{- name }}_anon
    {%- else -%}
        {{- name -}}
    {%- endif -%}
{%- endmacro %}


{# A query: the rows of a block, as they are or anonymised; `relation` is where they are. #}
{% macro payload_block(block, relation) %}
    {%- if not is_anonymising() -%}
    select * from {{ relation }}
    {%- else -%}
    {%- set columns = block_columns()[block] -%}
    {%- set key = 'person_id' if 'person_id' in columns else 'social_care_episode_id' -%}
    select
        {%- for column in columns %}
        {{ ', ' if not loop.first }}{{ anonymised('block.' ~ column, column) }} as {{ column }}
        {%- endfor %}
    from {{ relation }} as block
    inner join anonymised_child as child
        on child.{{ key }} = block.{{ key }}
        and child.key_name = '{{ key }}'
    {%- endif -%}
{% endmacro %}

{# The columns of every block; those that are no id, name, UPN, postcode or date stay as they are. #}
{% macro block_columns() %}
    {{- return({
        'child_details': ['person_id', 'legacy_id', 'unique_pupil_number', 'former_unique_pupil_number'
            , 'unique_pupil_number_unknown_reason', 'first_name', 'surname', 'date_of_birth'
            , 'expected_date_of_birth', 'sex', 'ethnicity', 'disabilities', 'postcode', 'uasc_flag'
            , 'uasc_end_date']
        , 'sdq_assessments': ['person_id', 'sdq_id', 'date', 'score']
        , 'social_care_episodes': ['person_id', 'social_care_episode_id', 'referral_date', 'referral_source', 'closure_date'
            , 'closure_reason', 'referral_no_further_action_flag']
        , 'child_and_family_assessments': ['social_care_episode_id', 'child_and_family_assessment_id', 'start_date', 'authorisation_date'
            , 'factors']
        , 'child_in_need_plans': ['social_care_episode_id', 'child_in_need_plan_id', 'start_date', 'end_date']
        , 'section_47_assessments': ['social_care_episode_id', 'section_47_assessment_id', 'start_date', 'icpc_required_flag', 'icpc_date'
            , 'end_date']
        , 'child_protection_plans': ['social_care_episode_id', 'child_protection_plan_id', 'start_date', 'end_date']
        , 'child_looked_after_placements': ['social_care_episode_id', 'child_looked_after_placement_id', 'start_date', 'start_reason', 'postcode'
            , 'placement_type', 'end_date', 'end_reason', 'change_reason']
        , 'adoption': ['person_id', 'initial_decision_date', 'matched_date', 'placed_date']
        , 'care_leavers': ['person_id', 'contact_date', 'activity', 'accommodation']
        , 'care_worker_details': ['social_care_episode_id', 'worker_id', 'start_date', 'end_date']
    }) -}}
{% endmacro %}

{% macro anonymised(value, column) -%}
    {%- if column in ['person_id', 'legacy_id'] or column.endswith('_id') and column != 'worker_id' -%}
        left({{ salted_hash(value) }}, 32)
    {%- elif column == 'worker_id' -%}
        left({{ salted_hash(value) }}, 12)
    {%- elif column in ['unique_pupil_number', 'former_unique_pupil_number'] -%}
        left({{ salted_hash(value) }}, 13)
    {%- elif column in ['first_name', 'surname'] -%}
        case when {{ value }} is not null then concat('Anon ', left({{ salted_hash(value) }}, 8)) end
    {%- elif column == 'postcode' -%}
        case when {{ value }} is not null then concat('ZZ', 10 + {{ hash_number(salted(value), 90) }}, ' ', {{ hash_number(salted(value), 10) }}, 'ZZ') end
    {%- elif column == 'date' or column.endswith(('_date', 'date_of_birth')) -%}
        {#- SQL Server has no day before the year 1 #}
        case when {{ value }} >= {{ calendar_date(1800, 1, 1) }} then {{ add_days(value, '-child.days_back') }} end
    {%- else -%}
        {{ value }}
    {%- endif -%}
{%- endmacro %}


{# CTEs before the blocks: for each child, and for each of its episodes, the salt and the days to move back. #}
{% macro anonymised_child_ctes(child_details, social_care_episodes) %}
{%- if is_anonymising() -%}
salt as (
    select max(kept.salt) as salt
    from {{ anonymisation_salt() }} as kept
)

, anonymised_person as (
    select
        child_details.person_id
        , salt.salt
        , 30 + {{ hash_number("concat(salt.salt, ' days ', child_details.person_id)", 336) }} as days_back
    from {{ child_details }} as child_details
    cross join salt
)

, anonymised_child as (
    select
        anonymised_person.person_id
        , cast(null as {{ text_type(48) }}) as social_care_episode_id
        , 'person_id' as key_name
        , anonymised_person.salt
        , anonymised_person.days_back
    from anonymised_person
    union all
    select
        min(social_care_episodes.person_id) as person_id
        , social_care_episodes.social_care_episode_id
        , 'social_care_episode_id' as key_name
        , max(anonymised_person.salt) as salt
        , min(anonymised_person.days_back) as days_back
    from {{ social_care_episodes }} as social_care_episodes
    inner join anonymised_person
        on anonymised_person.person_id = social_care_episodes.person_id
    group by social_care_episodes.social_care_episode_id
)

, {% endif -%}
{% endmacro %}

{% macro salted(value) -%}
    concat(child.salt, ' ', {{ value }})
{%- endmacro %}

{% macro salted_hash(value) -%}
    case when {{ value }} is not null then {{ hex_sha256(salted(value)) }} end
{%- endmacro %}


{# The table of the salt. It is made once, and does not leave the database. #}
{% macro anonymisation_salt() %}
    {{- return(this.incorporate(path={'identifier': 'anonymisation_salt'})) -}}
{% endmacro %}

{% macro anonymisation_salt_sql() -%}
    {%- if is_anonymising() %}{{ made_salt_sql(anonymisation_salt()) }}{% endif -%}
{%- endmacro %}
