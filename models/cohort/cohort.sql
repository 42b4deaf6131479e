{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

{%- set filter_table = cohort_filter_table() -%}
{%- set person_ids = pilot_person_ids() -%}

with cohort_reason as (
    select * from {{ ref('cohort_reason') }}
)

, included as (
    select distinct cohort_reason.person_id
    from cohort_reason
)

select included.person_id
from included
where 1 = 1
    {%- if filter_table %}
    and exists (
        select 1
        from {{ filter_table }} as audited
        where {{ trimmed('cast(audited.person_id as ' ~ text_type(48) ~ ')') }} = included.person_id
    )
    {%- endif %}
    {%- if person_ids %}
    and included.person_id in (
        {%- for person_id in person_ids %}
        {{ ', ' if not loop.first }}'{{ person_id }}'
        {%- endfor %}
    )
    {%- endif %}
