{# The variables an authority sets, checked before they reach any SQL. #}

{# A condition: variable csc_sql_server names a SQL Server older than that of `year`, so that an older body is needed. #}
{% macro sql_server_before(year) %}
    {%- set known = [2012, 2014, 2016, 2017, 2019, 2022, 2025] -%}
    {%- set value = var('csc_sql_server', 2017) -%}
    {%- if value | string | trim not in known | map('string') -%}
        {{- exceptions.raise_compiler_error("csc_sql_server is '" ~ value ~ "': write one of " ~ known | join(', ')) -}}
    {%- endif -%}
    {{- return(value | string | trim | int < year) -}}
{% endmacro %}


{# The day of the run: variable csc_run_date, else today by the database's clock. #}
{% macro run_date() %}
    {%- set value = (var('csc_run_date', '') or '') | string | trim -%}
    {%- if not value -%}
        {{- return(today()) -}}
    {%- endif -%}
    {%- set parts = modules.re.fullmatch('([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value) -%}
    {%- if parts -%}
        {%- set first_of_month = modules.datetime.date(parts[1] | int, parts[2] | int, 1) -%}
        {%- set day = first_of_month + modules.datetime.timedelta(days=(parts[3] | int) - 1) -%}
    {%- endif -%}
    {%- if not parts or day.month != first_of_month.month -%}
        {{- exceptions.raise_compiler_error("csc_run_date is '" ~ value ~ "': write a day as YYYY-MM-DD, or leave it out for today") -}}
    {%- endif -%}
    {{- return("cast('" ~ value ~ "' as date)") -}}
{% endmacro %}


{# The names of the reasons in variable csc_cohort_reasons, every one a key of `known`. #}
{% macro chosen_cohort_reasons(known) %}
    {%- set chosen = var('csc_cohort_reasons', []) -%}
    {%- set unknown = chosen | reject('in', known) | list if chosen is sequence and chosen is not string else [chosen] -%}
    {%- if unknown or not chosen -%}
        {{- exceptions.raise_compiler_error(
            "csc_cohort_reasons must be a list of one or more of " ~ known | join(', ') ~ "; found: " ~ unknown | join(', ')
        ) -}}
    {%- endif -%}
    {{- return(chosen) -}}
{% endmacro %}


{# Variable csc_cohort_filter_table, [[database.]schema.]table with a column person_id; none when not set. #}
{% macro cohort_filter_table() %}
    {%- set value = (var('csc_cohort_filter_table', '') or '') | string | trim -%}
    {%- if value and not modules.re.fullmatch('[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*){0,2}', value) -%}
        {{- exceptions.raise_compiler_error(
            "csc_cohort_filter_table is '" ~ value ~ "': write table, schema.table or database.schema.table, without quotes"
        ) -}}
    {%- endif -%}
    {{- return(value) -}}
{% endmacro %}


{# Variable csc_person_ids: a short list of person ids, ready to stand between quotes. #}
{% macro pilot_person_ids() %}
    {%- set value = var('csc_person_ids', []) or [] -%}
    {%- set ids = [value] if value is string or value is number else value -%}
    {%- set quoted = [] -%}
    {%- for person_id in ids -%}
        {%- do quoted.append(person_id | string | trim | replace("'", "''")) -%}
    {%- endfor -%}
    {{- return(quoted) -}}
{% endmacro %}


{# Variable csc_audit_days, a whole number of days; 0 keeps the audit trail for ever. An anonymised run lets nothing go: it
   does not see what the real state has in flight. #}
{% macro audit_days() %}
    {%- if is_anonymising() -%}
        {{- return(0) -}}
    {%- endif -%}
    {%- set value = var('csc_audit_days', 0) | string | trim -%}
    {%- if not modules.re.fullmatch('[0-9]{1,5}', value) -%}
        {{- exceptions.raise_compiler_error(
            "csc_audit_days is '" ~ value ~ "': write a whole number of days up to 99999, or 0 to keep the audit trail for ever"
        ) -}}
    {%- endif -%}
    {{- return(value | int) -}}
{% endmacro %}


{# Variable csc_volatile_ids: the blocks whose ids do not count as a change; none when not set. #}
{% macro volatile_blocks() %}
    {%- set known = ['social_care_episodes'] + nested_records() | list -%}
    {%- set value = var('csc_volatile_ids', []) or [] -%}
    {%- set unknown = value | reject('in', known) | list if value is sequence and value is not string else [value] -%}
    {%- if unknown -%}
        {{- exceptions.raise_compiler_error(
            "csc_volatile_ids must be a list of none or more of " ~ known | join(', ') ~ "; found: " ~ unknown | join(', ')
        ) -}}
    {%- endif -%}
    {{- return(value) -}}
{% endmacro %}


{# Variable csc_on_breach, what becomes of a child of the cohort that breaks a preflight rule of severity error: `send`, the
   child goes all the same; `hold`, it waits; `stop`, dbt build fails before the state is touched. #}
{% macro on_breach() %}
    {%- set value = var('csc_on_breach', 'send') | string | trim -%}
    {%- if value not in ['send', 'hold', 'stop'] -%}
        {{- exceptions.raise_compiler_error("csc_on_breach is '" ~ value ~ "': write send, hold or stop") -}}
    {%- endif -%}
    {{- return(value) -}}
{% endmacro %}


{# Variable csc_max_payload_bytes: payloads that are larger break the rule payload_too_large. #}
{% macro max_payload_bytes() %}
    {%- set value = var('csc_max_payload_bytes', 5000000) | string | trim -%}
    {%- if not modules.re.fullmatch('[1-9][0-9]{0,8}', value) -%}
        {{- exceptions.raise_compiler_error(
            "csc_max_payload_bytes is '" ~ value ~ "': write a whole number from 1 to 999999999"
        ) -}}
    {%- endif -%}
    {{- return(value | int) -}}
{% endmacro %}
