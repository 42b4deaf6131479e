{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

{%- set records = nested_records() -%}

with changed_child as (
    select * from {{ ref('changed_child') }}
)

, changed_item as (
    select * from {{ ref('changed_item') }}
)

{% if payload_mode() == 'delta' %}
, touched_episode as (
    select
        changed_item.person_id
        , changed_item.social_care_episode_id
        , max(case when changed_item.fate = 'gone' and changed_item.block = 'social_care_episodes' then 1 else 0 end) as is_gone
    from changed_item
    where changed_item.fate <> 'same'
        and changed_item.social_care_episode_id <> ''
    group by
        changed_item.person_id
        , changed_item.social_care_episode_id
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
        changed_item.person_id
        , form.form
        , changed_item.social_care_episode_id
        , changed_item.block
        , changed_item.item_id
        , case when changed_item.fate = 'gone' then 1 else 0 end as is_gone
        , changed_item.position
        , changed_item.item_json as json
    from changed_item
    cross join form
    left join touched_episode
        on touched_episode.person_id = changed_item.person_id
        and touched_episode.social_care_episode_id = changed_item.social_care_episode_id
    where (coalesce(touched_episode.is_gone, 0) = 0 or changed_item.block = 'social_care_episodes')
        and (form.form = 'full'
            or changed_item.fate <> 'same'
            or changed_item.block in ('child', 'child_details')
            or (touched_episode.person_id is not null and changed_item.block in ('social_care_episodes', 'care_worker_details')))
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
    select distinct changed_item.person_id
    from changed_item
    where changed_item.is_taken_back = 1
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
