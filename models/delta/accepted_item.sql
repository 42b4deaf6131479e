{{ config(indexes=clustered_by(['person_id', 'social_care_episode_id'])) }}

with changed_child as (
    select * from {{ ref('changed_child') }}
)

{% if payload_mode() == 'delta' %}
, held as (
    select
        changed_child.person_id
        , 'accepted' as version
        , changed_child.accepted_payload as payload
    from changed_child
    union all
    select
        changed_child.person_id
        , 'in_flight' as version
        , changed_child.in_flight_payload as payload
    from changed_child
    union all
    select
        changed_child.person_id
        , concat('doubted ', doubted.position + 1) as version
        , doubted.json as payload
    from changed_child
    {{ json_elements('changed_child.doubted_payloads', 'doubted') }}
)

{{ item_ctes() }}
{% else %}
, item as (
    {{ no_items() }}
)
{% endif %}

select
    {{ item_columns() }}
from item
