{{ config(indexes=clustered_by(['rule_name', 'person_id'])) }}

with preflight_rule as (
    select * from {{ ref('preflight_rule') }}
)

, child as (
    select * from {{ ref('preflight_child') }}
)

, breach as (
    {%- for part in ['identity', 'need', 'care', 'duplicate', 'payload'] %}
    select
        rule_name
        , attribute
        , ssd_table
        , ssd_column
        , record_id
        , person_id
        , value
    from {{ ref('preflight_' ~ part) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    preflight_rule.rule_name
    , preflight_rule.severity
    , cast(breach.attribute as {{ text_type(10) }}) as attribute
    , cast(breach.ssd_table as {{ text_type(40) }}) as ssd_table
    , cast(breach.ssd_column as {{ text_type(60) }}) as ssd_column
    , breach.record_id
    , breach.person_id
    , preflight_rule.problem
    , cast(breach.value as {{ text_type(10) }}) as value
    , coalesce(child.is_in_cohort, 0) as is_in_cohort
from breach
inner join preflight_rule
    on preflight_rule.rule_name = breach.rule_name
left join child
    on child.person_id = breach.person_id
where preflight_rule.severity <> 'off'
