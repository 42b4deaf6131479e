-- What goes out tonight: one row a child, in the order in which csc-submit takes them.
with state as (
    select * from {{ ref('ssd_api_data_staging') }}
)

, changed_item as (
    select * from {{ ref('changed_item') }}
)

, items_of_child as (
    select
        changed_item.person_id
        , sum(case when changed_item.fate = 'new' then 1 else 0 end) as new_items
        , sum(case when changed_item.fate = 'changed' then 1 else 0 end) as changed_items
        , sum(case when changed_item.fate = 'gone' then 1 else 0 end) as gone_items
    from changed_item
    group by changed_item.person_id
)

, going as (
    select
        state.person_id
        , {{ going_out_as() }} as goes_as
        , {{ characters(going_out_text()) }} as characters
        , case when lower(state.submission_status) = 'error' then 1 else 0 end as was_rejected
        , state.row_state
        , state.last_updated
    from state
    where {{ is_going_out() }}
)

select
    going.person_id
    , going.goes_as
    , going.was_rejected
    , going.characters
    , items_of_child.new_items
    , items_of_child.changed_items
    , items_of_child.gone_items
    , going.row_state
    , going.last_updated
from going
left join items_of_child
    on items_of_child.person_id = going.person_id
order by
    case when going.goes_as = 'again' then 0 else 1 end
    , going.was_rejected
    , going.person_id
