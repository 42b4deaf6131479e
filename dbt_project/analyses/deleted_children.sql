-- Who is deleted: one row a child whom the receiver held, or may have held, and who is in the payloads no longer.
with state as (
    select * from {{ ref('ssd_api_data_staging') }}
)

, person as (
    select * from {{ ref('stg_ssd__person') }}
)

select
    state.person_id
    , case when person.person_id is null then 'not in the SSD' else 'not in the cohort' end as why
    , case
        when state.inflight_payload is not null then 'sent, without an answer'
        when lower(state.submission_status) = 'sent' then 'taken by the receiver'
        when lower(state.submission_status) = 'error' then 'rejected by the receiver'
        when lower(state.submission_status) = 'held' then 'held back'
        else 'goes out next'
    end as purge
    , state.submission_timestamp
    , state.api_response
from state
left join person
    on person.person_id = state.person_id
where lower(state.row_state) = 'deleted'
order by
    case when lower(state.submission_status) = 'sent' then 1 else 0 end
    , state.submission_timestamp desc
    , state.person_id
