with payload as (
    select * from {{ ref('payload') }}
)

, child_details as (
    select * from {{ ref('child_details') }}
)

, shared_upn as (
    select child_details.unique_pupil_number
    from child_details
    where child_details.unique_pupil_number is not null
    group by child_details.unique_pupil_number
    having count(*) > 1
)

, breach_of_payload as (
    {% call breaches('ssd_person', 'payload.person_id', 'payload.person_id', [
        check('payload_too_large', text_bytes('payload.json_payload') ~ ' > ' ~ max_payload_bytes())
    ]) %}
    from payload
    {% endcall %}
)

, breach_of_upn as (
    {% call breaches('ssd_person', 'child_details.person_id', 'child_details.person_id', [
        check('upn_shared', 'shared_upn.unique_pupil_number is not null')
    ]) %}
    from child_details
    inner join shared_upn
        on shared_upn.unique_pupil_number = child_details.unique_pupil_number
    {% endcall %}
)

{%- for breach in ['breach_of_payload', 'breach_of_upn'] %}
{{ '\nunion all' if not loop.first }}
select
    rule_name
    , attribute
    , ssd_table
    , ssd_column
    , record_id
    , person_id
    , value
from {{ breach }}
{%- endfor %}
