{{ config(indexes=clustered_by(['rule_name'], unique=true)) }}

{%- set severities = rule_severities() %}

with named as (
    select
        rules.rule_name
        , rules.severity
        , rules.attribute
        , rules.ssd_table
        , rules.ssd_column
        , rules.problem
        , rules.consequence
    from (
        values
        {%- for rule in preflight_rules() %}
        {%- do rule.update({'severity': severities[rule.rule]}) %}
        {{ ', ' if not loop.first }}({{ text_literals(rule.values()) }})
        {%- endfor %}
    ) as rules (rule_name, severity, attribute, ssd_table, ssd_column, problem, consequence)
)

select
    cast(named.rule_name as {{ text_type(40) }}) as rule_name
    , cast(named.severity as {{ text_type(10) }}) as severity
    , cast(nullif(named.attribute, '') as {{ text_type(10) }}) as attribute
    , cast(nullif(named.ssd_table, '') as {{ text_type(40) }}) as ssd_table
    , cast(nullif(named.ssd_column, '') as {{ text_type(60) }}) as ssd_column
    , cast(named.problem as {{ text_type(200) }}) as problem
    , cast(named.consequence as {{ text_type(200) }}) as consequence
from named
