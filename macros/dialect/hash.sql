{# SHA-256 of a text, 32 bytes. The bytes hashed are the engine's own form of the text (UTF-16 on SQL Server, UTF-8
   on DuckDB), so hashes compare within one database only. #}
{% macro sha256(text) %}
    {{- return(adapter.dispatch('sha256', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__sha256(text) -%}
    cast(hashbytes('sha2_256', cast({{ text }} as nvarchar(max))) as binary(32))
{%- endmacro %}

{% macro duckdb__sha256(text) -%}
    unhex(sha256({{ text }}))
{%- endmacro %}
