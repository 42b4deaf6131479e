{{ config(indexes=clustered_by(['person_id', 'social_care_episode_id'])) }}

with changed_child as (
    select * from {{ ref('changed_child') }}
)

, payload as (
    select * from {{ ref('payload') }}
)

{% if payload_mode() == 'delta' %}
, held as (
    select
        changed_child.person_id
        , 'current' as version
        , payload.json_payload as payload
    from changed_child
    inner join payload
        on payload.person_id = changed_child.person_id
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
