{{ config(indexes=clustered_by(['person_id', 'social_care_episode_id'])) }}

{%- set records = nested_records() -%}
{%- set purge = 'cast(1 as ' ~ flag_type() ~ ')' -%}

with accepted_item as (
    select * from {{ ref('accepted_item') }}
)

, current_item as (
    select * from {{ ref('current_item') }}
)

{% if payload_mode() == 'delta' %}
-- one row an item that the receiver holds, or may, however many versions it is in
, held_item as (
    select
        accepted_item.person_id
        , accepted_item.social_care_episode_id
        , accepted_item.block
        , accepted_item.item_id
        , min(accepted_item.item_json) as least_json
        , max(accepted_item.item_json) as greatest_json
    from accepted_item
    group by
        accepted_item.person_id
        , accepted_item.social_care_episode_id
        , accepted_item.block
        , accepted_item.item_id
)

-- the comparison is of text: what is written in another way counts as changed
, item as (
    select
        coalesce(current_item.person_id, held_item.person_id) as person_id
        , coalesce(current_item.social_care_episode_id, held_item.social_care_episode_id) as social_care_episode_id
        , coalesce(current_item.block, held_item.block) as block
        , coalesce(current_item.item_id, held_item.item_id) as item_id
        , current_item.position
        , current_item.item_json
        , case
            when current_item.person_id is null then 'gone'
            when held_item.person_id is null then 'new'
            when held_item.least_json = current_item.item_json and held_item.greatest_json = current_item.item_json then 'same'
            else 'changed'
        end as fate
    from held_item
    full join current_item
        on current_item.person_id = held_item.person_id
        and current_item.social_care_episode_id = held_item.social_care_episode_id
        and current_item.block = held_item.block
        and current_item.item_id = held_item.item_id
)

, held_attribute as (
    select distinct
        item.person_id
        , item.social_care_episode_id
        , item.block
        , item.item_id
        , attribute.name
    from item
    inner join accepted_item
        on accepted_item.person_id = item.person_id
        and accepted_item.social_care_episode_id = item.social_care_episode_id
        and accepted_item.block = item.block
        and accepted_item.item_id = item.item_id
    {{ json_members('accepted_item.item_json', 'attribute') }}
    where item.fate = 'changed'
)

, current_attribute as (
    select
        item.person_id
        , item.social_care_episode_id
        , item.block
        , item.item_id
        , attribute.name
    from item
    {{ json_members('item.item_json', 'attribute') }}
    where item.fate = 'changed'
)

-- what an item had and has no longer, each as a null
, cleared as (
    select
        held_attribute.person_id
        , held_attribute.social_care_episode_id
        , held_attribute.block
        , held_attribute.item_id
        , {{ exact(json_object_agg('held_attribute.name', "'null'", 'held_attribute.name')) }} as nulls
    from held_attribute
    where not exists (
            select 1
            from current_attribute
            where current_attribute.person_id = held_attribute.person_id
                and current_attribute.social_care_episode_id = held_attribute.social_care_episode_id
                and current_attribute.block = held_attribute.block
                and current_attribute.item_id = held_attribute.item_id
                and current_attribute.name = held_attribute.name
        )
        {%- if var('csc_delta_nulls', true) %}
        and held_attribute.name in ('{{ optional_attributes() | join("', '") }}')
        {%- else %}
        and 1 = 0
        {%- endif %}
    group by
        held_attribute.person_id
        , held_attribute.social_care_episode_id
        , held_attribute.block
        , held_attribute.item_id
)

select
    cast(item.person_id as {{ text_type(48) }}) as person_id
    , cast(item.social_care_episode_id as {{ text_type(48) }}) as social_care_episode_id
    , cast(item.block as {{ text_type(48) }}) as block
    , cast(item.item_id as {{ text_type(48) }}) as item_id
    , item.position
    , cast(item.fate as {{ text_type(10) }}) as fate
    , case when item.fate = 'gone' or cleared.nulls is not null then 1 else 0 end as is_taken_back
    , cast(case
        when item.fate <> 'gone' then {{ json_joined('item.item_json', 'cleared.nulls') }}
        when item.block = 'social_care_episodes' then {{ exact(json_object({
            'social_care_episode_id': 'item.item_id'
            , 'purge': purge
        })) }}
        {%- for block, id in records.items() %}
        when item.block = '{{ block }}' then {{ exact(json_object({
            id: 'item.item_id'
            , 'purge': purge
        })) }}
        {%- endfor %}
        when item.block = 'care_worker_details' then {{ exact("'null'") }}
        else {{ exact(json_object({'purge': purge})) }}
    end as {{ text_type() }}) as item_json
from item
left join cleared
    on cleared.person_id = item.person_id
    and cleared.social_care_episode_id = item.social_care_episode_id
    and cleared.block = item.block
    and cleared.item_id = item.item_id
{% else %}
select
    cast(null as {{ text_type(48) }}) as person_id
    , cast(null as {{ text_type(48) }}) as social_care_episode_id
    , cast(null as {{ text_type(48) }}) as block
    , cast(null as {{ text_type(48) }}) as item_id
    , cast(null as int) as position
    , cast(null as {{ text_type(10) }}) as fate
    , cast(null as int) as is_taken_back
    , cast(null as {{ text_type() }}) as item_json
where 1 = 0
{% endif %}