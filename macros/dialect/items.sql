{# JSON taken apart, set-wise. SQL Server does it with openjson, which needs database compatibility level 130; models
   ask `payload_mode()` before they call these. Every text that comes out compares letter by letter, whatever the
   database's collation: two records that differ in a capital only are two records. #}

{# A text that compares letter by letter. #}
{% macro exact(text) %}
    {{- return(adapter.dispatch('exact', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__exact(text) -%}
    {{ text }} collate Latin1_General_BIN2
{%- endmacro %}

{% macro duckdb__exact(text) -%}
    {{ text }}
{%- endmacro %}


{# The text where it is JSON, else null. #}
{% macro valid_json(text) %}
    {{- return(adapter.dispatch('valid_json', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__valid_json(text) -%}
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__valid_json(text) }}
    {%- else -%}
        case when isjson({{ text }}) = 1 then {{ text }} end
    {%- endif -%}
{%- endmacro %}

{# There nothing is taken apart, so that nobody reads it as JSON. #}
{% macro sqlserver_2012__valid_json(text) -%}
    {{ text }}
{%- endmacro %}

{% macro duckdb__valid_json(text) -%}
    case when json_valid({{ text }}) then {{ text }} end
{%- endmacro %}


{# A join: the members of a JSON object as columns `name`, `json` (the value's JSON text) and `kind` (object, array or
   scalar) of `alias`. No row where the text is null or an array. #}
{% macro json_members(text, alias) %}
    {{- return(adapter.dispatch('json_members', 'csc_submit')(text, alias)) -}}
{% endmacro %}

{% macro sqlserver__json_members(text, alias) -%}
    cross apply (
        select
            member.[key] collate Latin1_General_BIN2 as name
            , case member.type
                when 0 then N'null'
                when 1 then N'"' + string_escape(member.value, 'json') + N'"'
                else member.value
            end collate Latin1_General_BIN2 as json
            , case member.type when 4 then N'array' when 5 then N'object' else N'scalar' end as kind
        from openjson(case when left({{ text }}, 1) = N'{' then {{ text }} end) as member
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__json_members(text, alias) -%}
    cross join lateral (
        select
            member.key as name
            , cast(member.value as varchar) as json
            , case member.type when 'ARRAY' then 'array' when 'OBJECT' then 'object' else 'scalar' end as kind
        from json_each(case when left({{ text }}, 1) = '{' then {{ text }} end) as member
    ) as {{ alias }}
{%- endmacro %}


{# A join: the objects of a JSON array as columns `position`, from 0, and `json` of `alias`. No row where the text is
   null or no array. #}
{% macro json_elements(text, alias) %}
    {{- return(adapter.dispatch('json_elements', 'csc_submit')(text, alias)) -}}
{% endmacro %}

{% macro sqlserver__json_elements(text, alias) -%}
    cross apply (
        select
            cast(element.[key] as int) as position
            , element.value collate Latin1_General_BIN2 as json
        from openjson(case when left({{ text }}, 1) = N'[' then {{ text }} end) as element
        where element.type = 5
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__json_elements(text, alias) -%}
    cross join lateral (
        select
            cast(element.key as integer) as position
            , cast(element.value as varchar) as json
        from json_each(case when left({{ text }}, 1) = '[' then {{ text }} end) as element
        where element.type = 'OBJECT'
    ) as {{ alias }}
{%- endmacro %}


{# An aggregate: the JSON object whose members are a group's names, each with its JSON text. `order_by` is a total
   order. #}
{% macro json_object_agg(name, json, order_by) %}
    {{- return(adapter.dispatch('json_object_agg', 'csc_submit')(name, json, order_by)) -}}
{% endmacro %}

{% macro sqlserver__json_object_agg(name, json, order_by) -%}
    concat(
            N'{'
            , string_agg(cast(N'"' + string_escape({{ name }}, 'json') + N'":' + {{ json }} as nvarchar(max)), N',')
                within group (order by {{ order_by }})
            , N'}'
        )
{%- endmacro %}

{% macro duckdb__json_object_agg(name, json, order_by) -%}
    '{' || string_agg(to_json({{ name }}) || ':' || {{ json }}, ',' order by {{ order_by }}) || '}'
{%- endmacro %}


{# One JSON object with the members of two, neither of them empty; the first alone where `more` is null. #}
{% macro json_joined(object, more) %}
    {{- return(adapter.dispatch('json_joined', 'csc_submit')(object, more)) -}}
{% endmacro %}

{% macro sqlserver__json_joined(object, more) -%}
    case
            when {{ more }} is null then {{ object }}
            else concat(left({{ object }}, len({{ object }}) - 1), N',', substring({{ more }}, 2, len({{ more }})))
        end
{%- endmacro %}

{% macro duckdb__json_joined(object, more) -%}
    case
            when {{ more }} is null then {{ object }}
            else left({{ object }}, length({{ object }}) - 1) || ',' || substr({{ more }}, 2)
        end
{%- endmacro %}


{# Whether the database can take JSON apart. SQL Server is asked for its compatibility level; where nobody may be asked
   (`--no-introspect`) the answer is yes. #}
{% macro takes_json_apart() %}
    {{- return(adapter.dispatch('takes_json_apart', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__takes_json_apart() %}
    {%- if sql_server_before(2017) -%}
        {{- return(false) -}}
    {%- endif -%}
    {%- if not execute or not flags.INTROSPECT -%}
        {{- return(true) -}}
    {%- endif -%}
    {%- set found = run_query('select compatibility_level from sys.databases where name = db_name()') -%}
    {{- return(found.rows | length > 0 and found.rows[0][0] | int >= 130) -}}
{% endmacro %}

{% macro duckdb__takes_json_apart() %}
    {{- return(true) -}}
{% endmacro %}
