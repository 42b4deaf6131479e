{# Column types. SQL Server text is Unicode and its length is in UTF-16 units; DuckDB text has no length. #}

{% macro text_type(length=none) %}
    {{- return(adapter.dispatch('text_type', 'csc_submit')(length)) -}}
{% endmacro %}

{% macro sqlserver__text_type(length) %}
    {{- return('nvarchar(' ~ (length or 'max') ~ ')') -}}
{% endmacro %}

{% macro duckdb__text_type(length) %}
    {{- return('varchar') -}}
{% endmacro %}


{% macro flag_type() %}
    {{- return(adapter.dispatch('flag_type', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__flag_type() %}
    {{- return('bit') -}}
{% endmacro %}

{% macro duckdb__flag_type() %}
    {{- return('boolean') -}}
{% endmacro %}


{% macro hash_type() %}
    {{- return(adapter.dispatch('hash_type', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__hash_type() %}
    {{- return('binary(32)') -}}
{% endmacro %}

{% macro duckdb__hash_type() %}
    {{- return('blob') -}}
{% endmacro %}


{% macro timestamp_type() %}
    {{- return(adapter.dispatch('timestamp_type', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__timestamp_type() %}
    {{- return('datetime2(3)') -}}
{% endmacro %}

{% macro duckdb__timestamp_type() %}
    {{- return('timestamp') -}}
{% endmacro %}
