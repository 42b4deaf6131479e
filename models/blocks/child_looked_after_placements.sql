{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, cla_placement as (
    select * from {{ ref('stg_ssd__cla_placement') }}
)

, cla_episode as (
    select * from {{ ref('stg_ssd__cla_episodes') }}
)

-- a placement's episodes are those of its period of care that name it, or name no placement
, placement_episode as (
    select
        cla_placement.cla_placement_id
        , cla_episode.start_reason
        , cla_episode.ceased_reason
        , social_care_episode.social_care_episode_id
        , row_number() over (
            partition by cla_placement.cla_placement_id
            order by
                case when social_care_episode.social_care_episode_id is null then 1 else 0 end
                , cla_episode.start_date desc
                , {{ binary_order('social_care_episode.social_care_episode_id') }} desc
        ) as latest
    from cla_placement
    inner join cla_episode
        on cla_episode.cla_id = cla_placement.cla_id
        and coalesce(cla_episode.cla_placement_id, cla_placement.cla_placement_id) = cla_placement.cla_placement_id
    left join social_care_episode
        on social_care_episode.social_care_episode_id = cla_episode.referral_id
)

-- one row a placement, under the referral of its latest episode
, placement as (
    select
        placement_episode.cla_placement_id
        , min(placement_episode.start_reason) as start_reason
        , min(placement_episode.ceased_reason) as end_reason
        , max(case when placement_episode.latest = 1 then placement_episode.social_care_episode_id end) as social_care_episode_id
    from placement_episode
    group by placement_episode.cla_placement_id
)

select
    placement.social_care_episode_id
    , cla_placement.cla_placement_id as child_looked_after_placement_id
    , cla_placement.start_date
    , placement.start_reason
    , cla_placement.postcode
    , cla_placement.placement_type
    , case when cla_placement.end_date >= cla_placement.start_date then cla_placement.end_date end as end_date
    , placement.end_reason
    , cla_placement.change_reason
from placement
inner join cla_placement
    on cla_placement.cla_placement_id = placement.cla_placement_id
cross join cohort_window
where placement.social_care_episode_id is not null
    and {{ overlaps_window('cla_placement.start_date', 'cla_placement.end_date') }}
    and {{ is_id('cla_placement.cla_placement_id') }}
