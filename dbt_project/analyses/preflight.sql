-- What is wrong with the records, and what comes of it: one row a rule that is broken, what matters most at the top.
-- The records: select * from csc.preflight_issue where rule_name = '...' order by is_in_cohort desc, person_id
with summary as (
    select * from {{ ref('preflight_summary') }}
)

select
    summary.severity
    , summary.rule_name
    , summary.breaches
    , summary.children
    , summary.children_in_cohort
    , summary.problem
    , summary.consequence
    , summary.attribute
    , summary.ssd_table
    , summary.ssd_column
    , summary.example_record_id
    , summary.example_person_id
from summary
where summary.breaches > 0
order by summary.position
