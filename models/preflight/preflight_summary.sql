{{ config(indexes=clustered_by(['position'], unique=true)) }}

with preflight_rule as (
    select * from {{ ref('preflight_rule') }}
)

, issue as (
    select * from {{ ref('preflight_issue') }}
)

, counted as (
    select
        issue.rule_name
        , count(*) as breaches
        , count(distinct issue.person_id) as children
        , count(distinct case when issue.is_in_cohort = 1 then issue.person_id end) as children_in_cohort
    from issue
    group by issue.rule_name
)

, ranked as (
    select
        issue.rule_name
        , issue.ssd_table
        , issue.ssd_column
        , issue.record_id
        , issue.person_id
        , row_number() over (
            partition by issue.rule_name
            order by
                issue.is_in_cohort desc
                , {{ binary_order('issue.person_id') }} asc
                , issue.ssd_table
                , issue.ssd_column
                , {{ binary_order('issue.record_id') }} asc
        ) as position
    from issue
)

-- what needs a person comes first, then what was looked for and not found, then what was not looked for
select
    row_number() over (
        order by
            case
                when preflight_rule.severity = 'off' then 3
                when counted.rule_name is null then 2
                when preflight_rule.severity = 'warn' then 1
                else 0
            end
            , coalesce(counted.children_in_cohort, 0) desc
            , coalesce(counted.breaches, 0) desc
            , {{ binary_order('preflight_rule.rule_name') }} asc
    ) as position
    , preflight_rule.severity
    , preflight_rule.rule_name
    , case when preflight_rule.severity <> 'off' then coalesce(counted.breaches, 0) end as breaches
    , case when preflight_rule.severity <> 'off' then coalesce(counted.children, 0) end as children
    , case when preflight_rule.severity <> 'off' then coalesce(counted.children_in_cohort, 0) end as children_in_cohort
    , preflight_rule.problem
    , preflight_rule.consequence
    , preflight_rule.attribute
    , coalesce(preflight_rule.ssd_table, ranked.ssd_table) as ssd_table
    , coalesce(preflight_rule.ssd_column, ranked.ssd_column) as ssd_column
    , ranked.record_id as example_record_id
    , ranked.person_id as example_person_id
from preflight_rule
left join counted
    on counted.rule_name = preflight_rule.rule_name
left join ranked
    on ranked.rule_name = preflight_rule.rule_name
    and ranked.position = 1
