{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

with cohort as (
    select * from {{ ref('cohort') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, permanence as (
    select * from {{ ref('stg_ssd__permanence') }}
)

, cla_episode as (
    select * from {{ ref('stg_ssd__cla_episodes') }}
)

, childs_permanence as (
    select
        permanence.person_id
        , permanence.permanence_id
        , permanence.decision_date
        , permanence.matched_date
        , permanence.placed_date
    from permanence
    union
    select
        cla_episode.person_id
        , permanence.permanence_id
        , permanence.decision_date
        , permanence.matched_date
        , permanence.placed_date
    from permanence
    inner join cla_episode
        on cla_episode.cla_id = permanence.cla_id
)

, ranked as (
    select
        childs_permanence.*
        , row_number() over (
            partition by childs_permanence.person_id
            order by
                childs_permanence.placed_date desc
                , childs_permanence.matched_date desc
                , childs_permanence.decision_date desc
                , {{ binary_order('childs_permanence.permanence_id') }} desc
        ) as latest
    from childs_permanence
    cross join cohort_window
    where {{ inside_window('childs_permanence.decision_date') }}
        or {{ inside_window('childs_permanence.matched_date') }}
        or {{ inside_window('childs_permanence.placed_date') }}
)

select
    cohort.person_id
    , ranked.decision_date as initial_decision_date
    , ranked.matched_date
    , ranked.placed_date
from cohort
inner join ranked
    on ranked.person_id = cohort.person_id
where ranked.latest = 1
