{# A date without its time, which JSON writes as YYYY-MM-DD; null when the source holds no date. #}
{% macro iso_date(value) %}
    {{- return(adapter.dispatch('iso_date', 'csc_submit')(value)) -}}
{% endmacro %}

{% macro sqlserver__iso_date(value) -%}
    try_convert(date, {{ value }}, 126)
{%- endmacro %}

{% macro duckdb__iso_date(value) -%}
    try_cast({{ value }} as date)
{%- endmacro %}


{# A day too late for the month becomes the month's last: 29 February plus 12 months is 28 February. #}
{% macro add_months(day, months) %}
    {{- return(adapter.dispatch('add_months', 'csc_submit')(day, months)) -}}
{% endmacro %}

{% macro sqlserver__add_months(day, months) -%}
    dateadd(month, {{ months }}, {{ day }})
{%- endmacro %}

{% macro duckdb__add_months(day, months) -%}
    cast({{ day }} + to_months({{ months }}) as date)
{%- endmacro %}


{% macro add_days(day, days) %}
    {{- return(adapter.dispatch('add_days', 'csc_submit')(day, days)) -}}
{% endmacro %}

{% macro sqlserver__add_days(day, days) -%}
    dateadd(day, {{ days }}, {{ day }})
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
    cast({{ day }} + to_days({{ days }}) as date)
{%- endmacro %}


{% macro calendar_date(year, month, day) %}
    {{- return(adapter.dispatch('calendar_date', 'csc_submit')(year, month, day)) -}}
{% endmacro %}

{% macro sqlserver__calendar_date(year, month, day) -%}
    datefromparts({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}

{% macro duckdb__calendar_date(year, month, day) -%}
    make_date({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}


{% macro today() %}
    {{- return(adapter.dispatch('today', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__today() -%}
    cast(getdate() as date)
{%- endmacro %}

{% macro duckdb__today() -%}
    current_date
{%- endmacro %}


{% macro now_utc() %}
    {{- return(adapter.dispatch('now_utc', 'csc_submit')()) -}}
{% endmacro %}

{% macro sqlserver__now_utc() -%}
    cast(sysutcdatetime() as datetime2(3))
{%- endmacro %}

{% macro duckdb__now_utc() -%}
    make_timestamp(epoch_us(now()))
{%- endmacro %}


{# This moment so many days ago; `days` is a number that is written here. #}
{% macro days_ago_utc(days) %}
    {{- return(adapter.dispatch('days_ago_utc', 'csc_submit')(days)) -}}
{% endmacro %}

{% macro sqlserver__days_ago_utc(days) -%}
    dateadd(day, -{{ days }}, {{ now_utc() }})
{%- endmacro %}

{% macro duckdb__days_ago_utc(days) -%}
    ({{ now_utc() }} - to_days({{ days }}))
{%- endmacro %}
