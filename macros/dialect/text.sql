{# Without blanks, tabs, line ends and no-break spaces at either end; null when nothing is left. On SQL Server the
   result also takes the database's collation, because SSD columns keep the collation of where they came from. #}
{% macro trimmed(text) %}
    {{- return(adapter.dispatch('trimmed', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__trimmed(text) -%}
    {%- if sql_server_before(2017) -%}
        {{ sqlserver_2012__trimmed(text) }}
    {%- else -%}
        nullif(trim(nchar(9) + nchar(10) + nchar(13) + nchar(32) + nchar(160) from {{ text }}) collate database_default, N'')
    {%- endif -%}
{%- endmacro %}

{# From the first character that is no blank; turned round; the same again. The full stop makes a text of blanks only
   end behind them, where nothing is left. `len` forgets blanks at the end, which go anyway. #}
{% macro sqlserver_2012__trimmed(text) -%}
    {%- set no_blank = "N'%[^' + nchar(9) + nchar(10) + nchar(13) + nchar(32) + nchar(160) + N']%'" -%}
    (
            select nullif(reverse(substring(turned.text, patindex({{ no_blank }}, (turned.text + N'.') collate Latin1_General_BIN2), len(turned.text))) collate database_default, N'')
            from (
                select reverse(substring(entered.text, patindex({{ no_blank }}, (entered.text + N'.') collate Latin1_General_BIN2), len(entered.text))) as text
                from (select {{ text }} as text) as entered
            ) as turned
        )
{%- endmacro %}

{% macro duckdb__trimmed(text) -%}
    nullif(trim({{ text }}, chr(9) || chr(10) || chr(13) || chr(32) || chr(160)), '')
{%- endmacro %}


{# Without any blank, tab or line end, inside or out; null when nothing is left. #}
{% macro without_blanks(text) %}
    {{- return(adapter.dispatch('without_blanks', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__without_blanks(text) -%}
    nullif(replace(replace(replace(replace(replace({{ text }}, N' ', N''), nchar(9), N''), nchar(10), N''), nchar(13), N''), nchar(160), N''), N'')
{%- endmacro %}

{% macro duckdb__without_blanks(text) -%}
    nullif(translate({{ text }}, ' ' || chr(9) || chr(10) || chr(13) || chr(160), ''), '')
{%- endmacro %}


{# Every run of blanks, tabs, line ends and no-break spaces made one blank. #}
{% macro single_blanks(text) %}
    {{- return(adapter.dispatch('single_blanks', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__single_blanks(text) -%}
    {%- set blanks = "replace(replace(replace(replace(" ~ text ~ ", nchar(9), N' '), nchar(10), N' '), nchar(13), N' '), nchar(160), N' ')" -%}
    {#- "a   b" becomes "a ~ ~ ~b", then "a ~b", then "a b" -#}
    replace(replace(replace({{ blanks }}, N' ', N' ~'), N'~ ', N''), N' ~', N' ')
{%- endmacro %}

{% macro duckdb__single_blanks(text) -%}
    regexp_replace({{ text }}, '[ \t\n\r\x{A0}]+', ' ', 'g')
{%- endmacro %}


{# What stands before the first blank, tab, line end, no-break space, dash or colon. #}
{% macro first_word(text) %}
    {{- return(adapter.dispatch('first_word', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__first_word(text) -%}
    left({{ text }}, patindex(N'%[-: ' + nchar(9) + nchar(10) + nchar(13) + nchar(160) + N']%', ({{ text }} + N' ') collate Latin1_General_BIN2) - 1)
{%- endmacro %}

{% macro duckdb__first_word(text) -%}
    regexp_extract({{ text }}, '^[^-: \t\n\r\x{A0}]*')
{%- endmacro %}


{% macro first_chars(text, length) %}
    {{- return(adapter.dispatch('first_chars', 'csc_submit')(text, length)) -}}
{% endmacro %}

{% macro sqlserver__first_chars(text, length) -%}
    left({{ text }}, {{ length }})
{%- endmacro %}

{% macro duckdb__first_chars(text, length) -%}
    left({{ text }}, {{ length }})
{%- endmacro %}


{# A condition: true when `text` holds `needle` (ASCII letters), whatever the case and the accents. #}
{% macro contains_text(text, needle) %}
    {{- return(adapter.dispatch('contains_text', 'csc_submit')(text, needle)) -}}
{% endmacro %}

{% macro sqlserver__contains_text(text, needle) -%}
    charindex(N'{{ needle }}', {{ text }} collate Latin1_General_CI_AI) > 0
{%- endmacro %}

{% macro duckdb__contains_text(text, needle) -%}
    contains(upper(strip_accents({{ text }})), '{{ needle | upper }}')
{%- endmacro %}


{# A condition: true when `text` is `shortest` to `longest` characters, all of them in `characters`, the inside of
   a bracket expression such as A-Za-z0-9. SQL Server needs a binary collation for this: elsewhere the range A-Z
   holds accented letters too. #}
{% macro has_only(text, characters, shortest, longest) %}
    {{- return(adapter.dispatch('has_only', 'csc_submit')(text, characters, shortest, longest)) -}}
{% endmacro %}

{% macro sqlserver__has_only(text, characters, shortest, longest) -%}
    (len({{ text }}) between {{ shortest }} and {{ longest }} and {{ text }} collate Latin1_General_BIN2 not like N'%[^{{ characters }}]%')
{%- endmacro %}

{% macro duckdb__has_only(text, characters, shortest, longest) -%}
    regexp_full_match({{ text }}, '[{{ characters }}]{{ '{' }}{{ shortest }},{{ longest }}{{ '}' }}')
{%- endmacro %}


{# For `order by`: code point order, the same on every server whatever its collation. #}
{% macro binary_order(text) %}
    {{- return(adapter.dispatch('binary_order', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__binary_order(text) -%}
    {{ text }} collate Latin1_General_BIN2
{%- endmacro %}

{% macro duckdb__binary_order(text) -%}
    {{ text }}
{%- endmacro %}


{# How many characters a text has, blanks at its end too. SQL Server counts what is outside the basic plane as two. #}
{% macro characters(text) %}
    {{- return(adapter.dispatch('characters', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__characters(text) -%}
    (len(cast({{ text }} as nvarchar(max)) + N'.') - 1)
{%- endmacro %}

{% macro duckdb__characters(text) -%}
    length({{ text }})
{%- endmacro %}


{# At which character, counted from 1, a text of `letters` (a constant) stands in it; 0 where it does not. #}
{% macro place_in(letters, character) %}
    {{- return(adapter.dispatch('place_in', 'csc_submit')(letters, character)) -}}
{% endmacro %}

{% macro sqlserver__place_in(letters, character) -%}
    charindex({{ character }}, N'{{ letters }}')
{%- endmacro %}

{% macro duckdb__place_in(letters, character) -%}
    strpos('{{ letters }}', {{ character }})
{%- endmacro %}


{# How many bytes a text takes in UTF-8. SQL Server counts UTF-16 units, which are as many where all is ASCII and fewer where
   it is not. #}
{% macro text_bytes(text) %}
    {{- return(adapter.dispatch('text_bytes', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__text_bytes(text) -%}
    {{ characters(text) }}
{%- endmacro %}

{% macro duckdb__text_bytes(text) -%}
    strlen({{ text }})
{%- endmacro %}
