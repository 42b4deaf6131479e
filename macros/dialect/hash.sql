{# SHA-256 of a text, 32 bytes. The bytes hashed are the engine's own form of the text (UTF-16 on SQL Server, UTF-8
   on DuckDB), so hashes compare within one database only. #}
{% macro sha256(text) %}
    {{- return(adapter.dispatch('sha256', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__sha256(text) -%}
    {%- if sql_server_before(2016) -%}
        {{ sqlserver_2012__sha256(text) }}
    {%- else -%}
        cast(hashbytes('sha2_256', cast({{ text }} as nvarchar(max))) as binary(32))
    {%- endif -%}
{%- endmacro %}

{# Before 2016 hashbytes took 8,000 bytes at most. A longer text is cut into pieces of 3,900 UTF-16 units (the binary
   collation counts those). Each piece is hashed with its number before it, each of these hashes is read as four numbers,
   and the hash of the four sums is the text's: a piece that changes or moves changes the sums. This is not what 2016 and
   later answer for a long text: where csc_sql_server crosses that line, every such child is `updated` once. #}
{% macro sqlserver_2012__sha256(text) -%}
    {%- set sixteen = '(values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15))' -%}
    cast(case
            when datalength(cast({{ text }} as nvarchar(max))) > 8000 then (
                select hashbytes('sha2_256', concat(
                    N'sums'
                    {%- for start in (1, 9, 17, 25) %}
                    , N' ', sum(cast(cast(substring(hashed.piece, {{ start }}, 8) as bigint) as decimal(38, 0)))
                    {%- endfor %}
                ))
                from (
                    select hashbytes('sha2_256', cast(concat(
                        numbered.number
                        , N' '
                        , substring(cast({{ text }} as nvarchar(max)) collate Latin1_General_BIN2, cast(3900 * (numbered.number - 1) + 1 as int), 3900)
                    ) as nvarchar(4000))) as piece
                    from (
                        select top ((datalength(cast({{ text }} as nvarchar(max))) + 7799) / 7800)
                            row_number() over (order by (select null)) as number
                        {%- for place in ('first', 'second', 'third', 'fourth', 'fifth') %}
                        {{ 'from' if loop.first else 'cross join' }} {{ sixteen }} as {{ place }}_digit (digit)
                        {%- endfor %}
                    ) as numbered
                ) as hashed
            )
            else hashbytes('sha2_256', cast({{ text }} as nvarchar(4000)))
        end as binary(32))
{%- endmacro %}

{% macro duckdb__sha256(text) -%}
    unhex(sha256({{ text }}))
{%- endmacro %}


{# The hash as 64 hexadecimal digits in capitals. #}
{% macro hex_sha256(text) %}
    {{- return(adapter.dispatch('hex_sha256', 'csc_submit')(text)) -}}
{% endmacro %}

{% macro sqlserver__hex_sha256(text) -%}
    convert(nvarchar(64), {{ sha256(text) }}, 2)
{%- endmacro %}

{% macro duckdb__hex_sha256(text) -%}
    upper(sha256({{ text }}))
{%- endmacro %}


{# A number from 0 to `numbers` - 1, the same for the same text; `numbers` is a few hundred at most. #}
{% macro hash_number(text, numbers) %}
    {{- return(adapter.dispatch('hash_number', 'csc_submit')(text, numbers)) -}}
{% endmacro %}

{# Three bytes: a number that has no sign. #}
{% macro sqlserver__hash_number(text, numbers) -%}
    (cast(substring({{ sha256(text) }}, 1, 3) as int) % {{ numbers }})
{%- endmacro %}

{% macro duckdb__hash_number(text, numbers) -%}
    (cast('0x' || left(sha256({{ text }}), 6) as integer) % {{ numbers }})
{%- endmacro %}


{# A table with one row that nobody can guess, made where it is not there. #}
{% macro made_salt_sql(table) %}
    {{- return(adapter.dispatch('made_salt_sql', 'csc_submit')(table)) -}}
{% endmacro %}

{% macro sqlserver__made_salt_sql(table) -%}
    if object_id(N'{{ table }}', N'U') is null
    select cast(concat(newid(), N' ', newid()) as nvarchar(80)) as salt into {{ table }};
{%- endmacro %}

{% macro duckdb__made_salt_sql(table) -%}
    create table if not exists {{ table }} as select concat(uuid(), ' ', uuid()) as salt;
{%- endmacro %}
