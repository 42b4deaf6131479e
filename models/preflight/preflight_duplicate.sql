{#- the staging views keep one row an id and leave out what has none: the SSD tables themselves are asked -#}
{%- set tables = {
    'ssd_person': ['duplicate_person_id', 'pers_person_id', 'pers_person_id', '']
    , 'ssd_cin_episodes': ['duplicate_referral_id', 'cine_referral_id', 'cine_person_id', 'person']
    , 'ssd_cin_assessments': ['duplicate_assessment_id', 'cina_assessment_id', 'cina_person_id', '']
    , 'ssd_cin_plans': ['duplicate_cin_plan_id', 'cinp_cin_plan_id', 'cinp_person_id', '']
    , 'ssd_s47_enquiry': ['duplicate_s47_id', 's47e_s47_enquiry_id', 's47e_person_id', '']
    , 'ssd_cp_plans': ['duplicate_cp_plan_id', 'cppl_cp_plan_id', 'cppl_person_id', '']
    , 'ssd_cla_placement': ['duplicate_placement_id', 'clap_cla_placement_id', 'clap_person_id', '']
    , 'ssd_professionals': ['duplicate_professional_id', 'prof_professional_id', '', '']
} -%}

with ssd_person as (
    select * from {{ ssd_table('ssd_person') }}
)

, ssd_cin_episodes as (
    select * from {{ ssd_table('ssd_cin_episodes') }}
)

, ssd_cin_assessments as (
    select * from {{ ssd_table('ssd_cin_assessments') }}
)

, ssd_cin_plans as (
    select * from {{ ssd_table('ssd_cin_plans') }}
)

, ssd_s47_enquiry as (
    select * from {{ ssd_table('ssd_s47_enquiry') }}
)

, ssd_cp_plans as (
    select * from {{ ssd_table('ssd_cp_plans') }}
)

, ssd_cla_placement as (
    select * from {{ ssd_table('ssd_cla_placement') }}
)

, ssd_professionals as (
    select * from {{ ssd_table('ssd_professionals') }}
)

{%- for table, (rule, id, person_id, key) in tables.items() %}

, numbered_{{ table }} as (
    {{ numbered_rows(table, id, person_id, key) }}
)

, breach_of_{{ table }} as (
    {%- call breaches(table, 'numbered.record_id', 'numbered.person_id', [
        check(rule, 'numbered.record_id is not null and numbered.position = 2')
        , check('record_without_id', 'numbered.record_id is null', '', id, preflight_rule_named(rule).attribute)
    ]) %}
    from numbered_{{ table }} as numbered
    {%- endcall %}
)
{%- endfor %}

{%- for table in tables %}
{{ '\nunion all' if not loop.first }}
select
    rule_name
    , attribute
    , ssd_table
    , ssd_column
    , record_id
    , person_id
    , value
from breach_of_{{ table }}
{%- endfor %}
