{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

{%- set records = nested_records() -%}
{%- set purge = 'cast(1 as ' ~ flag_type() ~ ')' -%}

with changed_child as (
    select * from {{ ref('changed_child') }}
)

, accepted_item as (
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

, touched_episode as (
    select
        item.person_id
        , item.social_care_episode_id
        , max(case when item.fate = 'gone' and item.block = 'social_care_episodes' then 1 else 0 end) as is_gone
    from item
    where item.fate <> 'same'
        and item.social_care_episode_id <> ''
    group by
        item.person_id
        , item.social_care_episode_id
)

-- the changes alone, and all there is with the same purges and nulls
, form as (
    select 'delta' as form
    union all
    select 'full' as form
)

-- An episode goes with its own attributes and its care workers when anything under it goes: a receiver that replaces
-- records would lose them. Nothing goes under an episode that is gone.
, sent_item as (
    select
        item.person_id
        , form.form
        , item.social_care_episode_id
        , item.block
        , item.item_id
        , case when item.fate = 'gone' then 1 else 0 end as is_gone
        , item.position
        , case
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
        end as json
    from item
    cross join form
    left join cleared
        on cleared.person_id = item.person_id
        and cleared.social_care_episode_id = item.social_care_episode_id
        and cleared.block = item.block
        and cleared.item_id = item.item_id
    left join touched_episode
        on touched_episode.person_id = item.person_id
        and touched_episode.social_care_episode_id = item.social_care_episode_id
    where (coalesce(touched_episode.is_gone, 0) = 0 or item.block = 'social_care_episodes')
        and (form.form = 'full'
            or item.fate <> 'same'
            or item.block in ('child', 'child_details')
            or (touched_episode.person_id is not null and item.block in ('social_care_episodes', 'care_worker_details')))
)

, episode_part as (
    select
        sent_item.person_id
        , sent_item.form
        , sent_item.social_care_episode_id
        , sent_item.block
        , {{ exact(json_array_agg('sent_item.json', 'sent_item.is_gone, sent_item.position, sent_item.item_id')) }} as json
    from sent_item
    where sent_item.block in ('{{ records | join("', '") }}')
    group by
        sent_item.person_id
        , sent_item.form
        , sent_item.social_care_episode_id
        , sent_item.block
    union all
    select
        sent_item.person_id
        , sent_item.form
        , sent_item.social_care_episode_id
        , sent_item.block
        , sent_item.json
    from sent_item
    where sent_item.social_care_episode_id <> ''
        and sent_item.block not in ('social_care_episodes', '{{ records | join("', '") }}')
)

, episode_parts as (
    select
        episode_part.person_id
        , episode_part.form
        , episode_part.social_care_episode_id
        , {{ exact(json_object_agg('episode_part.block', 'episode_part.json', 'episode_part.block')) }} as json
    from episode_part
    group by
        episode_part.person_id
        , episode_part.form
        , episode_part.social_care_episode_id
)

, episode as (
    select
        sent_item.person_id
        , sent_item.form
        , sent_item.item_id
        , sent_item.is_gone
        , sent_item.position
        , {{ exact(json_joined('sent_item.json', 'episode_parts.json')) }} as json
    from sent_item
    left join episode_parts
        on episode_parts.person_id = sent_item.person_id
        and episode_parts.form = sent_item.form
        and episode_parts.social_care_episode_id = sent_item.social_care_episode_id
    where sent_item.block = 'social_care_episodes'
)

, child_part as (
    select
        episode.person_id
        , episode.form
        , {{ exact("cast('social_care_episodes' as " ~ text_type(48) ~ ")") }} as block
        , {{ exact(json_array_agg('episode.json', 'episode.is_gone, episode.position, episode.item_id')) }} as json
    from episode
    group by
        episode.person_id
        , episode.form
    union all
    select
        sent_item.person_id
        , sent_item.form
        , sent_item.block
        , sent_item.json
    from sent_item
    where sent_item.social_care_episode_id = ''
        and sent_item.block <> 'child'
)

, child_parts as (
    select
        child_part.person_id
        , child_part.form
        , {{ exact(json_object_agg('child_part.block', 'child_part.json', 'child_part.block')) }} as json
    from child_part
    group by
        child_part.person_id
        , child_part.form
)

, child as (
    select
        sent_item.person_id
        , sent_item.form
        , {{ json_joined('sent_item.json', 'child_parts.json') }} as json
    from sent_item
    left join child_parts
        on child_parts.person_id = sent_item.person_id
        and child_parts.form = sent_item.form
    where sent_item.block = 'child'
)

-- children whose payload alone would leave something behind
, taking_back as (
    select item.person_id
    from item
    where item.fate = 'gone'
    union
    select cleared.person_id
    from cleared
)

, decided as (
    select
        changed_child.person_id
        , changed_child.submission_timestamp
        , changed_child.inflight_batch_id
        , case when taking_back.person_id is not null then whole.json end as full_json_payload
        , case
            when changed_child.is_certain = 1 then change.json
            when taking_back.person_id is not null then whole.json
        end as partial_json_payload
    from changed_child
    left join child as change
        on change.person_id = changed_child.person_id
        and change.form = 'delta'
    left join child as whole
        on whole.person_id = changed_child.person_id
        and whole.form = 'full'
    left join taking_back
        on taking_back.person_id = changed_child.person_id
)
{% else %}
, decided as (
    select
        changed_child.person_id
        , changed_child.submission_timestamp
        , changed_child.inflight_batch_id
        , cast(null as {{ text_type() }}) as full_json_payload
        , cast(null as {{ text_type() }}) as partial_json_payload
    from changed_child
)
{% endif %}

select
    decided.person_id
    , cast(decided.partial_json_payload as {{ text_type() }}) as partial_json_payload
    , {{ sha256('decided.partial_json_payload') }} as partial_hash
    , cast(decided.full_json_payload as {{ text_type() }}) as full_json_payload
    , decided.submission_timestamp
    , decided.inflight_batch_id
from decided
