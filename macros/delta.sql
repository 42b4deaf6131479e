{# What the models of the delta share. #}

{# The blocks of an episode whose records have an id, and its name. #}
{% macro nested_records() %}
    {{- return({
        'child_and_family_assessments': 'child_and_family_assessment_id'
        , 'child_in_need_plans': 'child_in_need_plan_id'
        , 'section_47_assessments': 'section_47_assessment_id'
        , 'child_protection_plans': 'child_protection_plan_id'
        , 'child_looked_after_placements': 'child_looked_after_placement_id'
    }) -}}
{% endmacro %}


{# The names of all attributes that the specification lets be left out: an explicit null clears them. #}
{% macro optional_attributes() %}
    {{- return([
        'mis_child_id'
        , 'unique_pupil_number', 'former_unique_pupil_number', 'unique_pupil_number_unknown_reason', 'first_name'
        , 'surname', 'date_of_birth', 'expected_date_of_birth', 'ethnicity', 'postcode', 'uasc_end_date'
        , 'referral_date', 'referral_source', 'closure_date', 'closure_reason', 'referral_no_further_action_flag'
        , 'start_date', 'authorisation_date', 'factors', 'end_date', 'icpc_required_flag', 'icpc_date'
        , 'start_reason', 'placement_type', 'end_reason', 'change_reason'
        , 'initial_decision_date', 'matched_date', 'placed_date', 'contact_date', 'activity', 'accommodation'
    ]) -}}
{% endmacro %}


{# CTEs that take payloads apart: `held` is the CTE to read (person_id, version, payload), `item` the last one made. #}
{% macro item_ctes() -%}
{%- set records = nested_records() -%}
, child_member as (
    select
        held.person_id
        , held.version
        , member.name
        , member.json
        , member.kind
    from held
    {{ json_members('held.payload', 'member') }}
)

, episode as (
    select
        child_member.person_id
        , child_member.version
        , {{ exact(json_value('element.json', '$.social_care_episode_id')) }} as social_care_episode_id
        , element.position
        , element.json
    from child_member
    {{ json_elements('child_member.json', 'element') }}
    where child_member.name = 'social_care_episodes'
)

, episode_member as (
    select
        episode.person_id
        , episode.version
        , episode.social_care_episode_id
        , episode.position
        , member.name
        , member.json
        , member.kind
    from episode
    {{ json_members('episode.json', 'member') }}
    where episode.social_care_episode_id is not null
)

, nested_record as (
    select
        episode_member.person_id
        , episode_member.version
        , episode_member.social_care_episode_id
        , episode_member.name as block
        , {{ exact('case episode_member.name' ~ id_by_block(records) ~ ' end') }} as item_id
        , element.position
        , element.json
    from episode_member
    {{ json_elements('episode_member.json', 'element') }}
    where episode_member.name in ('{{ records | join("', '") }}')
)

, item as (
    select
        child_member.person_id
        , child_member.version
        , {{ exact("cast('' as " ~ text_type(48) ~ ")") }} as social_care_episode_id
        , {{ exact("cast('child' as " ~ text_type(48) ~ ")") }} as block
        , {{ exact("cast('' as " ~ text_type(48) ~ ")") }} as item_id
        , 0 as position
        , {{ exact(json_object_agg('child_member.name', 'child_member.json', 'child_member.name')) }} as item_json
    from child_member
    where child_member.kind = 'scalar'
    group by
        child_member.person_id
        , child_member.version
    union all
    select
        child_member.person_id
        , child_member.version
        , {{ exact("cast('' as " ~ text_type(48) ~ ")") }} as social_care_episode_id
        , child_member.name as block
        , {{ exact("cast('' as " ~ text_type(48) ~ ")") }} as item_id
        , 0 as position
        , child_member.json as item_json
    from child_member
    where child_member.kind = 'object'
        and child_member.name in ('child_details', 'health_and_wellbeing')
    union all
    select
        episode_member.person_id
        , episode_member.version
        , episode_member.social_care_episode_id
        , {{ exact("cast('social_care_episodes' as " ~ text_type(48) ~ ")") }} as block
        , episode_member.social_care_episode_id as item_id
        , episode_member.position
        , {{ exact(json_object_agg('episode_member.name', 'episode_member.json', 'episode_member.name')) }} as item_json
    from episode_member
    where episode_member.kind = 'scalar'
    group by
        episode_member.person_id
        , episode_member.version
        , episode_member.social_care_episode_id
        , episode_member.position
    union all
    select
        episode_member.person_id
        , episode_member.version
        , episode_member.social_care_episode_id
        , episode_member.name as block
        , {{ exact("cast('' as " ~ text_type(48) ~ ")") }} as item_id
        , 0 as position
        , episode_member.json as item_json
    from episode_member
    where (episode_member.kind = 'object' and episode_member.name in ('adoption', 'care_leavers'))
        or (episode_member.kind = 'array' and episode_member.name = 'care_worker_details')
    union all
    select
        nested_record.person_id
        , nested_record.version
        , nested_record.social_care_episode_id
        , nested_record.block
        , nested_record.item_id
        , nested_record.position
        , nested_record.json as item_json
    from nested_record
    where nested_record.item_id is not null
)
{%- endmacro %}

{% macro id_by_block(records) -%}
    {%- for block, id in records.items() %} when '{{ block }}' then {{ json_value('element.json', '$.' ~ id) }}{% endfor -%}
{%- endmacro %}


{# The columns of an item, as the models that hold items select them. #}
{% macro item_columns() -%}
    cast(item.person_id as {{ text_type(48) }}) as person_id
    , cast(item.version as {{ text_type(20) }}) as version
    , cast(item.social_care_episode_id as {{ text_type(48) }}) as social_care_episode_id
    , cast(item.block as {{ text_type(48) }}) as block
    , cast(item.item_id as {{ text_type(48) }}) as item_id
    , item.position
    , cast(item.item_json as {{ text_type() }}) as item_json
{%- endmacro %}


{# The same columns and no row: nothing is taken apart. #}
{% macro no_items() -%}
    select
        cast(null as {{ text_type(48) }}) as person_id
        , cast(null as {{ text_type(20) }}) as version
        , cast(null as {{ text_type(48) }}) as social_care_episode_id
        , cast(null as {{ text_type(48) }}) as block
        , cast(null as {{ text_type(48) }}) as item_id
        , cast(null as int) as position
        , cast(null as {{ text_type() }}) as item_json
    where 1 = 0
{%- endmacro %}


{# Whether the models work out what changed (delta), or leave it at full payloads (full): variable csc_payload_mode. auto
   is delta wherever the database can take JSON apart. #}
{% macro payload_mode() %}
    {%- set known = ['auto', 'delta', 'full'] -%}
    {%- set mode = var('csc_payload_mode', 'auto') | string | trim | lower -%}
    {%- if mode not in known -%}
        {{- exceptions.raise_compiler_error("csc_payload_mode is '" ~ mode ~ "': write one of " ~ known | join(', ')) -}}
    {%- endif -%}
    {%- if mode == 'auto' -%}
        {{- return('delta' if takes_json_apart() else 'full') -}}
    {%- endif -%}
    {{- return(mode) -}}
{% endmacro %}
