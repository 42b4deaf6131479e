-- What changed for one child since the receiver last accepted it. Write the child's id in the line below, between the quotes.
with chosen as (select cast('{{ var('csc_analysis_person_id', '') | string | replace("'", "''") }}' as {{ text_type(48) }}) as person_id)

, changed_item as (
    select * from {{ ref('changed_item') }}
)

, accepted_item as (
    select * from {{ ref('accepted_item') }}
)

-- held_version and held_json: an item has one row for each version that the receiver holds, or may hold
select
    changed_item.fate
    , changed_item.block
    , changed_item.item_id
    , changed_item.social_care_episode_id
    , accepted_item.version as held_version
    , accepted_item.item_json as held_json
    , changed_item.item_json as sent_json
from changed_item
inner join chosen
    on chosen.person_id = changed_item.person_id
left join accepted_item
    on accepted_item.person_id = changed_item.person_id
    and accepted_item.social_care_episode_id = changed_item.social_care_episode_id
    and accepted_item.block = changed_item.block
    and accepted_item.item_id = changed_item.item_id
where changed_item.fate <> 'same'
order by
    changed_item.social_care_episode_id
    , case when changed_item.block in ('child', 'child_details', 'social_care_episodes') then 0 else 1 end
    , changed_item.block
    , changed_item.position
    , changed_item.item_id
    , accepted_item.version
