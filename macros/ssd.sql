{# What a staging view reads: an SSD table, or, where variable csc_absent_tables says that the authority has none, its
   columns and no row. #}
{% macro ssd_table(name) -%}
    {%- set table = source('ssd', name) -%}
    {%- if not execute or name not in absent_tables() -%}
        {{ table }}
    {%- else -%}
        (
        select
            {%- for column in ssd_source(name).columns.values() %}
            {{ ', ' if not loop.first }}cast(null as {{ family_type(column.data_type) }}) as {{ column.name }}
            {%- endfor %}
        where 1 = 0
    ) as absent
    {%- endif -%}
{%- endmacro %}


{# The source of that name as models/staging/ssd.yml describes it; only while dbt executes. #}
{% macro ssd_source(name) %}
    {{- return(ssd_sources() | selectattr('name', 'equalto', name) | first) -}}
{% endmacro %}

{% macro ssd_sources() %}
    {{- return(graph.get('sources', {}).values() | selectattr('source_name', 'equalto', 'ssd') | list) -}}
{% endmacro %}


{# Variable csc_absent_tables: the names of the SSD tables that the authority does not have. Only while dbt executes. #}
{% macro absent_tables() %}
    {%- set value = var('csc_absent_tables', []) or [] -%}
    {%- set names = [value] if value is string else value -%}
    {#- a unit test knows no source, and gives its rows itself -#}
    {%- if not names or not ssd_sources() -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set known = ssd_sources() | map(attribute='name') | reject('equalto', 'ssd_person') | list -%}
    {%- set unknown = names | reject('in', known) | list -%}
    {%- if unknown -%}
        {{- exceptions.raise_compiler_error(
            "csc_absent_tables must be a list of some of " ~ known | sort | join(', ') ~ "; found: " ~ unknown | join(', ')
        ) -}}
    {%- endif -%}
    {{- return(names) -}}
{% endmacro %}


{# The attributes that need a column of an SSD table, as its description in models/staging/ssd.yml names them; a column
   that names none serves all those of its table. #}
{% macro attributes_of_column(table, column) %}
    {%- set own = modules.re.findall('attributes? ([0-9]+[a-c]?)', column.description) -%}
    {%- if own -%}
        {{- return(own) -}}
    {%- endif -%}
    {%- set numbers = [] -%}
    {%- for other in table.columns.values() -%}
        {%- for number in modules.re.findall('attributes? ([0-9]+[a-c]?)', other.description) if number not in numbers -%}
            {%- do numbers.append(number) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(numbers) -}}
{% endmacro %}
