{# A table's `indexes` config. On SQL Server the first columns are the clustered index; `also` is a list of lists, one
   nonclustered index each. DuckDB needs none: it scans columns. docs/physical_design.md says what each is for. #}
{% macro clustered_by(columns, unique=false, also=[]) %}
    {{- return(adapter.dispatch('clustered_by', 'csc_submit')(columns, unique, also)) -}}
{% endmacro %}

{% macro sqlserver__clustered_by(columns, unique, also) %}
    {%- set indexes = [{'columns': columns, 'unique': unique, 'type': 'clustered'}] -%}
    {%- for further in also -%}
        {%- do indexes.append({'columns': further, 'type': 'nonclustered'}) -%}
    {%- endfor -%}
    {{- return(indexes) -}}
{% endmacro %}

{% macro duckdb__clustered_by(columns, unique, also) %}
    {{- return([]) -}}
{% endmacro %}
