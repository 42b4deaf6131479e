{# One JSON object a row, as text. `attributes` maps attribute names to SQL expressions of type text, date, integer
   or flag, of which at least one is not null; `nested` maps names to expressions that already hold JSON text, set
   in before the closing brace. Nulls are left out of both. #}
{% macro json_object(attributes, nested={}) %}
    {{- return(adapter.dispatch('json_object', 'csc_submit')(attributes, nested)) -}}
{% endmacro %}

{% macro sqlserver__json_object(attributes, nested) -%}
    {%- set flat -%}
        select
        {%- for name, expression in attributes.items() %}
            {{ ', ' if not loop.first }}{{ expression }} as [{{ name }}]
        {%- endfor %}
        for json path, without_array_wrapper
    {%- endset -%}
    {%- if nested -%}
        (
        select concat(
            left(flat.json, len(flat.json) - 1)
            {%- for name, expression in nested.items() %}
            , N',"{{ name }}":' + {{ expression }}
            {%- endfor %}
            , N'}'
        )
        from (select ({{ flat }}) as json) as flat
    )
    {%- else -%}
        ({{ flat }})
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__json_object(attributes, nested) -%}
    '{' || concat_ws(
        ','
        {%- for name, expression in attributes.items() %}
        , '"{{ name }}":' || to_json({{ expression }})
        {%- endfor %}
        {%- for name, expression in nested.items() %}
        , '"{{ name }}":' || {{ expression }}
        {%- endfor %}
    ) || '}'
{%- endmacro %}


{# An aggregate: the JSON array of a group's items, each already JSON text. `order_by` is a total order. #}
{% macro json_array_agg(item, order_by) %}
    {{- return(adapter.dispatch('json_array_agg', 'csc_submit')(item, order_by)) -}}
{% endmacro %}

{% macro sqlserver__json_array_agg(item, order_by) -%}
    concat(N'[', string_agg(cast({{ item }} as nvarchar(max)), N',') within group (order by {{ order_by }}), N']')
{%- endmacro %}

{% macro duckdb__json_array_agg(item, order_by) -%}
    '[' || string_agg({{ item }}, ',' order by {{ order_by }}) || ']'
{%- endmacro %}


{# An aggregate: the JSON array of a group's texts. #}
{% macro json_string_array(text, order_by) %}
    {{- return(adapter.dispatch('json_string_array', 'csc_submit')(text, order_by)) -}}
{% endmacro %}

{% macro sqlserver__json_string_array(text, order_by) -%}
    {{ json_array_agg("N'\"' + string_escape(" ~ text ~ ", 'json') + N'\"'", order_by) }}
{%- endmacro %}

{% macro duckdb__json_string_array(text, order_by) -%}
    {{ json_array_agg('to_json(' ~ text ~ ')', order_by) }}
{%- endmacro %}


{# The scalar at `path` as text; null when the text is not JSON or holds none there. #}
{% macro json_value(text, path) %}
    {{- return(adapter.dispatch('json_value', 'csc_submit')(text, path)) -}}
{% endmacro %}

{% macro sqlserver__json_value(text, path) -%}
    case when isjson({{ text }}) = 1 then json_value({{ text }}, '{{ path }}') end
{%- endmacro %}

{% macro duckdb__json_value(text, path) -%}
    case when json_valid({{ text }}) then json_extract_string({{ text }}, '{{ path }}') end
{%- endmacro %}


{# A condition: true when the text is a JSON array. SQL Server's isjson takes arrays and objects; the first
   character tells them apart without openjson, which authorities on compatibility level 120 lack. #}
{% macro is_json_array(text) %}
    {{- return(adapter.dispatch('is_json_array', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__is_json_array(text) -%}
    (isjson({{ text }}) = 1 and left({{ text }}, 1) = N'[')
{%- endmacro %}

{% macro duckdb__is_json_array(text) -%}
    (json_valid({{ text }}) and left({{ text }}, 1) = '[')
{%- endmacro %}


{# A JSON array of strings made ready for json_array_has_code: upper case, every code right after its item's opening
   quote. Escaped backslashes and quotes inside an item are masked first, in this order, so that no quote of a text
   looks like an opening one and none of the array's own is taken for a text's. #}
{% macro json_array_codes(text) %}
    {{- return(adapter.dispatch('json_array_codes', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__json_array_codes(text) -%}
    {%- set masked = "replace(replace(" ~ text ~ ", N'\\\\', N'/'), N'\\\"', N'/')" -%}
    upper(replace({{ single_blanks(masked) }}, N'" ', N'"'))
{%- endmacro %}

{% macro duckdb__json_array_codes(text) -%}
    regexp_replace(
        upper(replace(replace({{ text }}, '\\', '/'), '\"', '/'))
        , '"[ \t\n\r\x{A0}]*([0-9A-Z]+)[^"]*"'
        , '"\1"'
        , 'g'
    )
{%- endmacro %}


{# A condition: true when what json_array_codes made has an item that is `code`, or `code` and then anything but a
   letter or a digit ("1A - alcohol misuse"). #}
{% macro json_array_has_code(codes, code) %}
    {{- return(adapter.dispatch('json_array_has_code', 'csc_submit')(codes, code)) -}}
{% endmacro %}

{% macro sqlserver__json_array_has_code(codes, code) -%}
    {{ codes }} collate Latin1_General_BIN2 like N'%"' + {{ code }} + N'[^0-9A-Z]%'
{%- endmacro %}

{% macro duckdb__json_array_has_code(codes, code) -%}
    contains({{ codes }}, '"' || {{ code }} || '"')
{%- endmacro %}
