{# Babelfish has no OPTION (LABEL ...), no CREATE OR ALTER VIEW and no sp_refreshview. #}
{% macro get_query_options(parse_options=false) %}{% endmacro %}

{% macro sqlserver__create_view_as(relation, sql) %}
    {%- set query %}CREATE VIEW {{ relation.include(database=False) }} AS {{ sql }};{% endset %}
    USE [{{ relation.database }}];
    DROP VIEW IF EXISTS {{ relation.include(database=False) }};
    EXEC('{{ query | replace("'", "''") }}')
{% endmacro %}

{% macro sqlserver__get_view_skip_check_sql(relation, compiled_sql) %}
    select cast(null as nvarchar(max)) as definition, 0 as needs_refresh where 1 = 0
{% endmacro %}

{% macro sqlserver__rename_relation(from_relation, to_relation) %}
    {% call statement('rename_relation') %}
        USE [{{ from_relation.database }}];
        EXEC sp_rename '{{ from_relation.schema }}.{{ from_relation.identifier }}', '{{ to_relation.identifier }}', 'OBJECT'
    {% endcall %}
{% endmacro %}

{# Its indexes are PostgreSQL's: none is clustered, and a name belongs to the schema, not to the table, so that the new
   table of a run cannot have the names of the old one's. #}
{% macro sqlserver__reconcile_indexes(relation) %}{% endmacro %}

{% macro sqlserver__get_create_index_sql(relation, index_dict) %}
    create {{ 'unique ' if index_dict.get('unique') }}index ix_{{ modules.datetime.datetime.now().strftime('%H%M%S%f') }}
    on {{ relation.include(database=False) }} ({{ index_dict['columns'] | join(', ') }})
{% endmacro %}
