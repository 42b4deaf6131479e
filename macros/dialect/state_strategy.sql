{# The incremental strategy of the state table: an update, an insert and a delete in the one transaction that dbt
   opens around them, and never a merge. The update leaves alone what the receiver holds and what is in flight. #}
{% macro get_incremental_csc_state_sql(arg_dict) %}
    {{- return(adapter.dispatch('csc_state_sql', 'csc_submit')(arg_dict['target_relation'], arg_dict['temp_relation'])) -}}
{% endmacro %}

{% macro csc_state_built_columns() %}
    {{- return([
        'legacy_id', 'json_payload', 'current_hash', 'partial_json_payload'
        , 'row_state', 'submission_status', 'last_updated'
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
    from {{ state }} as state
    inner join {{ changed }} as changed
        on changed.person_id = state.person_id
    where changed.row_state <> 'removed';

    {{ csc_state_insert_sql(state, changed) }}

    {{ csc_state_delete_sql(state, changed) }}

    commit transaction;
{% endmacro %}

{% macro duckdb__csc_state_sql(state, changed) %}
    update {{ state }} as state
    set
        {%- for column in csc_state_built_columns() %}
        {{ ', ' if not loop.first }}{{ column }} = changed.{{ column }}
        {%- endfor %}
    from {{ changed }} as changed
    where changed.person_id = state.person_id
        and changed.row_state <> 'removed';

    {{ csc_state_insert_sql(state, changed) }}

    {{ csc_state_delete_sql(state, changed) }}
{% endmacro %}

{% macro csc_state_insert_sql(state, changed) %}
    {%- set columns = ['person_id'] + csc_state_built_columns() + ['error_count'] -%}
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

{% macro csc_state_delete_sql(state, changed) %}
    delete from {{ state }}
    where person_id in (
        select changed.person_id
        from {{ changed }} as changed
        where changed.row_state = 'removed'
    );
{% endmacro %}
