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
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__json_object(attributes, nested) }}
    {%- elif nested -%}
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

{# Where there is no for json, which tells a flag from a text by its type, the specification's names say what is a flag,
   an integer or a date; all else is a text. `concat` takes a null for an empty text, so that an attribute without a value
   goes with its name; the first comma becomes the brace. #}
{% macro sqlserver_2012__json_object(attributes, nested) -%}
    {%- set flags = ['purge', 'uasc_flag', 'referral_no_further_action_flag', 'icpc_required_flag'] -%}
    {%- set integers = ['score'] -%}
    stuff(concat(
            {%- for name, expression in attributes.items() %}
            {{ ', ' if not loop.first -}} N',"{{ name }}":' +
                {%- if name in flags %} case {{ expression }} when 1 then N'true' when 0 then N'false' end
                {%- elif name in integers %} cast({{ expression }} as nvarchar(20))
                {%- elif name.endswith(('date', 'date_of_birth')) %} N'"' + convert(nvarchar(10), {{ expression }}, 126) + N'"'
                {%- else %} {{ sqlserver_2012__json_string(expression) }}
                {%- endif -%}
            {%- endfor %}
            {%- for name, expression in nested.items() %}
            , N',"{{ name }}":' + {{ expression }}
            {%- endfor %}
            , N'}'
        ), 1, 1, N'{') collate database_default
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


{# A JSON string made of a text. #}
{% macro json_string(text) %}
    {{- return(adapter.dispatch('json_string', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__json_string(text) -%}
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__json_string(text) }}
    {%- else -%}
        N'"' + string_escape({{ text }}, 'json') + N'"'
    {%- endif -%}
{%- endmacro %}

{# The escapes of string_escape and for json. Only a binary collation sees every control character. Most texts hold
   nothing but letters, digits and signs that need no escape: they are spared the replacements. #}
{% macro sqlserver_2012__json_string(text) -%}
    {%- set plain = 'cast(' ~ text ~ ' as nvarchar(max)) collate Latin1_General_BIN2' -%}
    {%- set escapes = [('N\'\\\'', '\\\\'), ('N\'"\'', '\\"'), ("N'/'", '\\/')] -%}
    {%- for unit in range(32) -%}
        {%- do escapes.append(('nchar(' ~ unit ~ ')', '\\' ~ {8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r'}.get(unit, 'u%04x' % unit))) -%}
    {%- endfor -%}
    N'"' + (case when {{ plain }} not like N'%[^ !#-.0-Z_a-z]%' then {{ plain }} else
        {{- ' ' ~ 'replace(' * (escapes | length) ~ plain -}}
        {%- for sign, escape in escapes -%}
            , {{ sign }}, N'{{ escape }}')
        {%- endfor %} end) collate database_default + N'"'
{%- endmacro %}

{% macro duckdb__json_string(text) -%}
    to_json({{ text }})
{%- endmacro %}


{# An aggregate: the JSON array of a group's items, each already JSON text in a column: no subquery. `order_by` is a total
   order. SQL Server has one since 2017: models that must run on older ones use json_arrays and json_short_array. #}
{% macro json_array_agg(item, order_by) %}
    {{- return(adapter.dispatch('json_array_agg', 'csc_submit')(item, order_by)) -}}
{% endmacro %}

{% macro sqlserver__json_array_agg(item, order_by) -%}
    {%- if sql_server_before(2017) -%}
        {{- exceptions.raise_compiler_error('json_array_agg needs SQL Server 2017, and csc_sql_server is older') -}}
    {%- endif -%}
    concat(N'[', string_agg(cast({{ item }} as nvarchar(max)), N',') within group (order by {{ order_by }}), N']')
{%- endmacro %}

{% macro duckdb__json_array_agg(item, order_by) -%}
    '[' || string_agg({{ item }}, ',' order by {{ order_by }}) || ']'
{%- endmacro %}


{# An aggregate: the JSON array of a group's items, each already JSON text. There are `longest` at most, and `position`
   numbers them from 1. #}
{% macro json_short_array(item, position, longest) %}
    {{- return(adapter.dispatch('json_short_array', 'csc_submit')(item, position, longest)) -}}
{% endmacro %}

{% macro sqlserver__json_short_array(item, position, longest) -%}
    {%- if sql_server_before(2017) -%}
        {{ sqlserver_2012__json_short_array(item, position, longest) }}
    {%- else -%}
        {{ json_array_agg(item, position) }}
    {%- endif -%}
{%- endmacro %}

{# The first comma becomes the bracket. #}
{% macro sqlserver_2012__json_short_array(item, position, longest) -%}
    stuff(concat(
            {%- for number in range(1, longest + 1) %}
            {{ ', ' if not loop.first }}max(case when {{ position }} = {{ number }} then N',' + {{ item }} end)
            {%- endfor %}
            , N']'
        ), 1, 1, N'[')
{%- endmacro %}

{% macro duckdb__json_short_array(item, position, longest) -%}
    {{ json_array_agg(item, position) }}
{%- endmacro %}


{# A query: one row a `key` of `table`, with the JSON array of its items in a column named like the table. An item has the
   `attributes`, the id first, and `nested` JSON; the array is in the order `newest`, then `id`: a total order. A call block
   joins what the items need beside the table.

   While variable csc_volatile_ids asks for it there is a second column, `table`_content: the array as it is compared, without
   the ids that do not count. Then records that are equal but for their ids stand in the order of their content, so that other
   ids leave the same text. #}
{% macro json_arrays(table, key, attributes, newest, id, nested={}) %}
    {%- set joins = '\n    ' ~ caller() | trim if caller is defined else '' -%}
    {%- set content = none -%}
    {%- if has_content(table) -%}
        {%- set counted = {} -%}
        {%- for name, expression in attributes.items() -%}
            {%- if not loop.first or table not in volatile_blocks() -%}
                {%- do counted.update({name: expression}) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set content = json_object(counted, nested_content(nested)) -%}
    {%- endif -%}
    {{- adapter.dispatch('json_arrays', 'csc_submit')(table, key, json_object(attributes, nested), content, newest, id, joins) -}}
{% endmacro %}

{# The items are made in a query of their own: no aggregate takes a subquery (message 130), and for json is one. #}
{% macro sqlserver__json_arrays(table, key, item, content, newest, id, joins) -%}
    {%- if sql_server_before(2017) -%}
        {{ sqlserver_2012__json_arrays(table, key, item, content, newest, id, joins) }}
    {%- else -%}
    select
        items.{{ key }}
        , {{ json_array_agg('items.json', 'items.position') }} as {{ table }}
        {%- if content %}
        , {{ json_array_agg('items.content', 'items.position') }} as {{ table }}_content
        {%- endif %}
    from (
        select
            {{ table }}.{{ key }}
            , {{ item }} as json
            {%- if content %}
            , counted.content
            {%- endif %}
            , row_number() over (
                partition by {{ table }}.{{ key }}
                order by {{ newest }}{{ ', ' ~ exact('counted.content') if content }}, {{ id }}
            ) as position
        from {{ table }}
        {{- (joins ~ counted_apart(content)) | replace('\n', '\n    ') }}
    ) as items
    group by items.{{ key }}
    {%- endif -%}
{%- endmacro %}

{# Without string_agg: a subquery a key, which seeks because the clustered index of every such table begins with the key.
   The first comma becomes the bracket. XML knows fewer characters than JSON text may hold: U+FFFE, U+FFFF or half a
   surrogate pair would stop the query, so that items must be made of ids, codes, dates, numbers and flags. #}
{% macro sqlserver_2012__json_arrays(table, key, item, content, newest, id, joins) -%}
    {%- set arrays = {table: item} -%}
    {%- if content -%}
        {%- do arrays.update({table ~ '_content': 'counted.content'}) -%}
    {%- endif -%}
    select
        keys.{{ key }}
        {%- for name, json in arrays.items() %}
        , stuff((
            select N',' + {{ json }}
            from {{ table }}
            {{- (joins ~ counted_apart(content)) | replace('\n', '\n        ') }}
            where {{ table }}.{{ key }} = keys.{{ key }}
            order by {{ newest }}{{ ', ' ~ exact('counted.content') if content }}, {{ id }}
            for xml path(''), type
        ).value('.', 'nvarchar(max)'), 1, 1, N'[') + N']' as {{ name }}
        {%- endfor %}
    from (select distinct {{ key }} from {{ table }}) as keys
{%- endmacro %}

{% macro counted_apart(content) -%}
    {%- if content %}
    cross apply (select {{ content }} as content) as counted
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__json_arrays(table, key, item, content, newest, id, joins) -%}
    {%- set order_by = newest ~ (', ' ~ content if content else '') ~ ', ' ~ id -%}
    select
        {{ table }}.{{ key }}
        , {{ json_array_agg(item, order_by) }} as {{ table }}
        {%- if content %}
        , {{ json_array_agg(content, order_by) }} as {{ table }}_content
        {%- endif %}
    from {{ table }}
    {{- joins }}
    group by {{ table }}.{{ key }}
{%- endmacro %}


{# The scalar at `path` as text; null when the text is not JSON or holds none there. #}
{% macro json_value(text, path) %}
    {{- return(adapter.dispatch('json_value', 'csc_submit')(text, path)) -}}
{% endmacro %}

{% macro sqlserver__json_value(text, path) -%}
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__json_value(text, path) }}
    {%- else -%}
        case when isjson({{ text }}) = 1 then json_value({{ text }}, '{{ path }}') end
    {%- endif -%}
{%- endmacro %}

{# A reader of '$.name' in an object, for short values without escapes, such as flags. Escaped backslashes and quotes are
   masked, so that a quoted name before a colon is a name and never part of a text. It cannot tell that something else
   in the text is no JSON. It answers null where json_value would know more: the value holds an escape, or the name comes
   after an inner brace. #}
{% macro sqlserver_2012__json_value(text, path) -%}
    {%- set name = '"' ~ path[2:] ~ '":' -%}
    {%- set masked = "replace(replace(" ~ text ~ ", N'\\\\', N'\\/'), N'\\\"', N'\\/')" -%}
    (
            select case
                when charindex(N'\', answer.json) > 0 then null
                when left(answer.json, 1) = N'"' then substring(answer.json, 2, nullif(charindex(N'"', answer.json, 2), 0) - 2)
                when left(answer.json, 1) in (N'{', N'[') then null
                else nullif(nullif(left(answer.json, patindex(N'%[,} ]%', answer.json + N',') - 1), N'null'), N'')
            end
            from (
                select case
                    when left(object.json, 1) = N'{' and right(object.json, 1) = N'}' and charindex(N'{', left(object.json, object.place), 2) = 0
                        then substring(object.json, nullif(object.place, 0) + {{ name | length }}, len(object.json))
                end as json
                from (
                    select
                        tidy.json
                        , charindex(N'{{ name }}', tidy.json collate Latin1_General_BIN2) as place
                    from (
                        select replace(replace(ltrim(rtrim({{ single_blanks(masked) }})), N'" :', N'":'), N'": ', N'":') as json
                    ) as tidy
                ) as object
            ) as answer
        )
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
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__is_json_array(text) }}
    {%- else -%}
        (isjson({{ text }}) = 1 and left({{ text }}, 1) = N'[')
    {%- endif -%}
{%- endmacro %}

{# Brackets around it and every quote paired: what stands between them may still be no JSON. #}
{% macro sqlserver_2012__is_json_array(text) -%}
    {%- set masked = "replace(replace(" ~ text ~ ", N'\\\\', N'/'), N'\\\"', N'/')" -%}
    ({{ text }} like N'[[]%]' and (len({{ masked }}) - len(replace({{ masked }}, N'"', N''))) % 2 = 0)
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


{# How many strings a JSON array of strings holds. #}
{% macro json_array_strings(text) %}
    {{- return(adapter.dispatch('json_array_strings', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__json_array_strings(text) -%}
    {%- set masked = "replace(replace(" ~ text ~ ", N'\\\\', N'/'), N'\\\"', N'/')" -%}
    ((len({{ masked }}) - len(replace({{ masked }}, N'"', N''))) / 2)
{%- endmacro %}

{% macro duckdb__json_array_strings(text) -%}
    {%- set masked = "replace(replace(" ~ text ~ ", '\\\\', '/'), '\\\"', '/')" -%}
    ((length({{ masked }}) - length(replace({{ masked }}, '"', ''))) // 2)
{%- endmacro %}
