{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

with issue as (
    select * from {{ ref('preflight_issue') }}
)

, held as (
    select
        issue.person_id
        , concat(
            {%- for rule in preflight_rules() | sort(attribute='rule') %}
            {{ ', ' if not loop.first }}max(case when issue.rule_name = '{{ rule.rule }}' then ', {{ rule.rule }}' end)
            {%- endfor %}
        ) as rules
    from issue
    where issue.severity = 'error'
        and issue.is_in_cohort = 1
        and {{ '1 = 1' if on_breach() == 'hold' else '1 = 0' }}
    group by issue.person_id
)

select
    held.person_id
    , concat('{{ held_by_preflight() }}', substring(held.rules, 3, 4000)) as reason
from held
