{# No child breaks a rule of preflight; the failing rows are those of preflight_issue. Severity is warn. Only where
   csc_on_breach says stop is it error for the rules of that severity, and then what is no child of the cohort counts not. #}
{% test no_breach_of(model, rule) %}

{%- set stops = on_breach() == 'stop' and rule_severities()[rule] == 'error' -%}
{{ config(severity='error' if stops else 'warn') }}

select
    issue.rule_name
    , issue.ssd_table
    , issue.record_id
    , issue.person_id
from {{ model }} as issue
where issue.rule_name = '{{ rule }}'
    {%- if stops %}
    and issue.is_in_cohort = 1
    {%- endif %}

{% endtest %}
