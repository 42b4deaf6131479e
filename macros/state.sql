{# The state before anything was sent: the columns that the models read, and no row. #}
{% macro empty_state() -%}
    select
        cast(null as {{ text_type(48) }}) as person_id
        , cast(null as {{ text_type(48) }}) as legacy_id
        , cast(null as {{ text_type() }}) as json_payload
        , cast(null as {{ hash_type() }}) as current_hash
        , cast(null as {{ hash_type() }}) as partial_hash
        , cast(null as {{ text_type() }}) as previous_json_payload
        , cast(null as {{ hash_type() }}) as previous_hash
        , cast(null as {{ text_type() }}) as inflight_payload
        , cast(null as {{ text_type() }}) as inflight_full_payload
        , cast(null as {{ hash_type() }}) as inflight_hash
        , cast(null as {{ text_type(36) }}) as inflight_batch_id
        , cast(null as {{ text_type() }}) as doubted_payloads
        , cast(null as {{ text_type(20) }}) as row_state
        , cast(null as {{ text_type(20) }}) as submission_status
        , cast(null as {{ timestamp_type() }}) as submission_timestamp
        , cast(null as {{ text_type() }}) as api_response
    where 1 = 0
{%- endmacro %}


{# Whether the state table is there to be read. `dbt compile --no-introspect` cannot look, and shows every night's
   form, not the first one's. #}
{% macro state_exists() %}
    {{- return(is_incremental() if flags.INTROSPECT else true) -}}
{% endmacro %}


{# The same, for a model that the state model reads. While dbt parses it must see the source. #}
{% macro state_table_exists() %}
    {%- if not execute or not flags.INTROSPECT -%}
        {{- return(true) -}}
    {%- endif -%}
    {{- return(load_relation(source('csc', 'ssd_api_data_staging')) is not none) -}}
{% endmacro %}


{# Two conditions on `state` and `hash`, the hash of the child's payload as it is now. #}

{# The receiver may hold something else than it last accepted: a version whose outcome is unknown, or was unknown before
   it was refused. A version in flight that is the current one is no doubt: it is sent again until it is answered. #}
{% macro is_in_doubt(hash) -%}
    (state.doubted_payloads is not null
        or (state.inflight_payload is not null and (state.inflight_hash is null or state.inflight_hash <> {{ hash }})))
{%- endmacro %}

{# The receiver holds something, or may, and not for certain what is current. #}
{% macro is_behind(hash) -%}
    ((state.previous_json_payload is not null and (state.previous_hash is null or state.previous_hash <> {{ hash }}))
        or {{ is_in_doubt(hash) }})
{%- endmacro %}


{# What api_response begins with while preflight holds a child; whatever else holds one begins in another way. #}
{% macro held_by_preflight() %}
    {{- return('breaks preflight rules: ') -}}
{% endmacro %}


{# The purge of a child (attribute 2c). #}
{% macro purge_of_child() -%}
    {{ json_object({
        'la_child_id': 'child.person_id'
        , 'mis_child_id': 'child.legacy_id'
        , 'purge': 'cast(1 as ' ~ flag_type() ~ ')'
    }) }}
{%- endmacro %}


{# What goes out for a child the next time csc-submit runs (`--payload delta`), as a word and as a text: two expressions
   on `state`, a row of the state table that is pending, rejected before or in flight. #}
{% macro going_out_as() -%}
    case
        when state.inflight_payload is not null then 'again'
        when lower(state.row_state) = 'deleted' then 'purge'
        when state.partial_json_payload is null then 'whole'
        when state.doubted_payloads is not null then 'whole'
        else 'changes'
    end
{%- endmacro %}

{% macro going_out_text() -%}
    coalesce(state.inflight_payload, state.partial_json_payload, state.json_payload)
{%- endmacro %}

{# Whether anything goes out: a condition on `state`. #}
{% macro is_going_out() -%}
    (state.inflight_payload is not null or lower(state.submission_status) in ('pending', 'error'))
{%- endmacro %}
