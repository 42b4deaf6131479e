-- How large payloads are: of all children as they were last built, and of those who go out tonight as what goes.
with payload as (
    select * from {{ ref('payload') }}
)

, state as (
    select * from {{ ref('ssd_api_data_staging') }}
)

, measured as (
    select
        'built' as what
        , {{ characters('payload.json_payload') }} as characters
    from payload
    union all
    select
        {{ going_out_as() }} as what
        , {{ characters(going_out_text()) }} as characters
    from state
    where {{ is_going_out() }}
)

select
    measured.what
    , count(*) as children
    , sum(measured.characters) as all_characters
    , min(measured.characters) as least_characters
    , cast(avg(measured.characters) as bigint) as mean_characters
    , max(measured.characters) as most_characters
    , sum(case when measured.characters > 10000 then 1 else 0 end) as over_10000_characters
    , sum(case when measured.characters > 100000 then 1 else 0 end) as over_100000_characters
from measured
group by measured.what
order by measured.what
