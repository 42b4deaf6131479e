{# A query: the columns of a table or view as the database's catalogue has them: column_name in small letters, and
   family: text, date, number or other. No row when there is no such table, or when it may not be seen. #}
{% macro catalogue_columns(schema, table) %}
    {{- return(adapter.dispatch('catalogue_columns', 'csc_submit')(schema, table)) -}}
{% endmacro %}

{% macro sqlserver__catalogue_columns(schema, table) -%}
    select
        lower(columns.column_name) as column_name
        , case
            when columns.data_type in ('char', 'nchar', 'varchar', 'nvarchar', 'text', 'ntext') then 'text'
            when columns.data_type in ('date', 'datetime', 'datetime2', 'smalldatetime', 'datetimeoffset') then 'date'
            when columns.data_type in ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'numeric', 'float', 'real', 'bit') then 'number'
            else 'other'
        end as family
    from information_schema.columns as columns
    where columns.table_schema = '{{ schema }}'
        and columns.table_name = '{{ table }}'
{%- endmacro %}

{% macro duckdb__catalogue_columns(schema, table) -%}
    select
        lower(columns.column_name) as column_name
        , case
            when columns.data_type in ('VARCHAR', 'JSON') then 'text'
            when columns.data_type in ('DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE') then 'date'
            when columns.data_type like '%INT' or columns.data_type like 'DECIMAL%'
                or columns.data_type in ('INTEGER', 'FLOAT', 'DOUBLE', 'BOOLEAN') then 'number'
            else 'other'
        end as family
    from information_schema.columns as columns
    where columns.table_catalog = current_database()
        and columns.table_schema = '{{ schema }}'
        and columns.table_name = '{{ table }}'
{%- endmacro %}


{# The type of a column of that family, for a column that is not there. #}
{% macro family_type(family) %}
    {{- return({'text': text_type(48), 'date': 'date', 'number': 'int'}[family]) -}}
{% endmacro %}
