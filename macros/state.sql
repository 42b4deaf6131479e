{# The state before anything was sent: the columns that the state model reads, and no row. #}
{% macro empty_state() -%}
    select
        cast(null as {{ text_type(48) }}) as person_id
        , cast(null as {{ text_type(48) }}) as legacy_id
        , cast(null as {{ text_type() }}) as previous_json_payload
        , cast(null as {{ hash_type() }}) as previous_hash
        , cast(null as {{ text_type() }}) as inflight_payload
        , cast(null as {{ hash_type() }}) as current_hash
        , cast(null as {{ text_type(20) }}) as row_state
        , cast(null as {{ text_type(20) }}) as submission_status
    where 1 = 0
{%- endmacro %}


{# Whether the state table is there to be read. `dbt compile --no-introspect` cannot look, and shows every night's
   form, not the first one's. #}
{% macro state_exists() %}
    {{- return(is_incremental() if flags.INTROSPECT else true) -}}
{% endmacro %}
