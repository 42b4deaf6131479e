{# A query: one row for each row of a table and each check that it fails: rule_name, attribute, ssd_table, ssd_column,
   record_id, person_id, value. Every check is tried in the one scan. `checks` is a list made by check() and its like; a
   call block gives the `from` and its joins. #}
{% macro breaches(ssd_table, record_id, person_id, checks) -%}
    select
        tried.rule_name
        , tried.attribute
        , '{{ ssd_table }}' as ssd_table
        , tried.ssd_column
        , cast({{ record_id }} as {{ text_type(48) }}) as record_id
        , cast({{ person_id }} as {{ text_type(48) }}) as person_id
        {%- if checks | selectattr('code') | list %}
        , case tried.number
            {%- for each in checks if each.code %}
            when {{ checks.index(each) }} then {{ shown_code(each.code) }}
            {%- endfor %}
        end as value
        {%- else %}
        , cast(null as {{ text_type(10) }}) as value
        {%- endif %}
    {{ caller() | trim }}
    cross join (
        values
        {%- for each in checks %}
        {{ ', ' if not loop.first }}({{ loop.index0 }}, '{{ each.rule }}', '{{ each.attribute }}', '{{ each.ssd_column }}')
        {%- endfor %}
    ) as tried (number, rule_name, attribute, ssd_column)
    where case tried.number
        {%- for each in checks %}
        when {{ loop.index0 }} then case when {{ each.condition }} then 1 end
        {%- endfor %}
    end = 1
{%- endmacro %}


{# One check of a rule: a row breaks it where `condition` holds. `code` is an entered text that is shown with the breach,
   as far as it looks like a code. The column and its attribute are the rule's own unless said. #}
{% macro check(rule, condition, code='', ssd_column='', attribute='') %}
    {%- set named = preflight_rule_named(rule) -%}
    {{- return({
        'rule': rule
        , 'condition': condition | trim
        , 'code': code
        , 'ssd_column': ssd_column or named.ssd_column
        , 'attribute': attribute or named.attribute
    }) -}}
{% endmacro %}


{# Checks of a coded attribute: what was entered is a code of the set (`code` is null where it is none), and no longer
   than the attribute takes. #}
{% macro code_checks(rule, entered, code, may_be_longer=false) %}
    {%- set named = preflight_rule_named(rule) -%}
    {%- set checks = [check(rule, entered ~ ' is not null and ' ~ code ~ ' is null', entered)] -%}
    {%- if not may_be_longer -%}
        {%- set words = [first_word('upper(' ~ entered ~ ')') | trim, first_word(without_blanks('upper(' ~ entered ~ ')')) | trim] -%}
        {%- do checks.append(check('code_cut', code ~ ' not in (' ~ words | join(', ') ~ ')', entered, named.ssd_column, named.attribute)) -%}
    {%- endif -%}
    {{- return(checks) -}}
{% endmacro %}


{# Checks of the dates of records, each a list: expression, column, attribute. The query has joined `cohort_window` and
   `child`. What comes with a referral may be dated before the birth, but not before the pregnancy. #}
{% macro date_checks(dates, before_birth='date_before_birth', may_be_ahead=false) %}
    {%- set first = "cast('1900-01-01' as date)" -%}
    {%- set earliest = {'date_before_birth': 'child.date_of_birth', 'referral_before_birth': 'child.earliest_referral_date'}[before_birth] -%}
    {%- set checks = [] -%}
    {%- for day, ssd_column, attribute in dates -%}
        {%- do checks.append(check('date_before_1900', day ~ ' < ' ~ first, '', ssd_column, attribute)) -%}
        {%- do checks.append(check(before_birth, day ~ ' >= ' ~ first ~ ' and ' ~ day ~ ' < ' ~ earliest, '', ssd_column, attribute)) -%}
        {%- if not may_be_ahead -%}
            {%- do checks.append(check('date_in_future', day ~ ' > cohort_window.run_date', '', ssd_column, attribute)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(checks) -}}
{% endmacro %}


{# Checks of a period, a list for each end of it as in date_checks. #}
{% macro period_checks(start, end, before_birth='date_before_birth') %}
    {{- return(
        date_checks([start, end], before_birth)
        + [check('end_before_start', end[0] ~ ' < ' ~ start[0], '', end[1], end[2])]
    ) -}}
{% endmacro %}


{# A query: the rows of an SSD table by id, each with its number among those of the same key. #}
{% macro numbered_rows(table, id, person_id='', key='') -%}
    select
        entered.record_id
        , entered.person_id
        , row_number() over (
            partition by entered.record_id{{ ', entered.person_id' if key == 'person' }}
            order by entered.person_id
        ) as position
    from (
        select
            {{ trimmed(table ~ '.' ~ id) }} as record_id
            , {{ trimmed(table ~ '.' ~ person_id) if person_id else 'cast(null as ' ~ text_type(48) ~ ')' }} as person_id
        from {{ table }}
    ) as entered
{%- endmacro %}
