{# The incremental strategy of the state table: an update, an insert and a delete in the one transaction that dbt
   opens around them, and never a merge. The update leaves alone what the receiver holds and what is in flight. A row that
   csc-submit wrote after it was read here is left as it is until the next run: what was built for it rests on what is no
   longer so. #}
{% macro get_incremental_csc_state_sql(arg_dict) %}
    {{- return(adapter.dispatch('csc_state_sql', 'csc_submit')(arg_dict['target_relation'], arg_dict['temp_relation'])) -}}
{% endmacro %}

{% macro csc_state_built_columns() %}
    {{- return([
        'legacy_id', 'json_payload', 'current_hash'
        , 'partial_json_payload', 'partial_hash', 'full_json_payload', 'row_state', 'submission_status', 'last_updated'
    ]) -}}
{% endmacro %}

{% macro sqlserver__csc_state_sql(state, changed) %}
    set nocount on;
    set xact_abort on;
    begin transaction;

    update state
    set
        {%- for column in csc_state_built_columns() %}
        {{ ', ' if not loop.first }}{{ column }} = changed.{{ column }}
        {%- endfor %}
        , api_response = {{ csc_state_response('state') }}
    from {{ state }} as state
    inner join {{ changed }} as changed
        on changed.person_id = state.person_id
    where changed.row_state <> 'removed'
        and {{ csc_state_as_read('state') }};

    {{ csc_state_insert_sql(state, changed) }}

    delete from state
    from {{ state }} as state
    inner join {{ changed }} as changed
        on changed.person_id = state.person_id
    where changed.row_state = 'removed'
        and {{ csc_state_as_read('state') }};

    commit transaction;
{% endmacro %}

{% macro duckdb__csc_state_sql(state, changed) %}
    update {{ state }} as state
    set
        {%- for column in csc_state_built_columns() %}
        {{ ', ' if not loop.first }}{{ column }} = changed.{{ column }}
        {%- endfor %}
        , api_response = {{ csc_state_response('state') }}
    from {{ changed }} as changed
    where changed.person_id = state.person_id
        and changed.row_state <> 'removed'
        and {{ csc_state_as_read('state') }};

    {{ csc_state_insert_sql(state, changed) }}

    delete from {{ state }} as state
    using {{ changed }} as changed
    where changed.person_id = state.person_id
        and changed.row_state = 'removed'
        and {{ csc_state_as_read('state') }};
{% endmacro %}

{% macro csc_state_insert_sql(state, changed) %}
    {%- set columns = ['person_id'] + csc_state_built_columns() + ['api_response', 'error_count'] -%}
    insert into {{ state }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }}
    from {{ changed }} as changed
    where changed.row_state <> 'removed'
        and not exists (
            select 1
            from {{ state }} as known
            where known.person_id = changed.person_id
        );
{% endmacro %}

{% macro csc_state_as_read(state) -%}
    ({{ state }}.submission_timestamp = changed.submission_timestamp
            or ({{ state }}.submission_timestamp is null and changed.submission_timestamp is null))
        and ({{ state }}.inflight_batch_id = changed.inflight_batch_id
            or ({{ state }}.inflight_batch_id is null and changed.inflight_batch_id is null))
{%- endmacro %}


{# Why preflight holds the child; what csc-submit wrote stays, and what preflight wrote goes when it lets the child go. #}
{% macro csc_state_response(state) -%}
    case
            when changed.api_response is not null or {{ state }}.api_response like '{{ held_by_preflight() }}%'
                then changed.api_response
            else {{ state }}.api_response
        end
{%- endmacro %}
