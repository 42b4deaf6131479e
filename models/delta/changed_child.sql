{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

-- after preflight, so that a breach under csc_on_breach: stop also stops this
-- depends_on: {{ ref('preflight_issue') }}
with payload as (
    select * from {{ ref('payload') }}
)

{% if payload_mode() == 'delta' and state_table_exists() %}
, state as (
    select * from {{ source('csc', 'ssd_api_data_staging') }}
)
{% else %}
-- nothing was sent, or full payloads are
, state as (
    {{ empty_state() }}
)
{% endif %}

, changed as (
    select
        state.person_id
        , state.previous_json_payload
        , case
            when state.inflight_hash is not null then coalesce(state.inflight_full_payload, state.inflight_payload)
        end as in_flight_payload
        , state.doubted_payloads
        , state.submission_timestamp
        , state.inflight_batch_id
        , case when {{ is_in_doubt('payload.payload_hash') }} then 0 else 1 end as is_certain
    from state
    inner join payload
        on payload.person_id = state.person_id
    where {{ is_behind('payload.payload_hash') }}
)

select
    changed.person_id
    , changed.is_certain
    , {{ valid_json('changed.previous_json_payload') }} as accepted_payload
    , case
        when changed.is_certain = 0 then {{ valid_json('changed.in_flight_payload') }}
    end as in_flight_payload
    , {{ valid_json("concat('[', changed.doubted_payloads, ']')") }} as doubted_payloads
    , changed.submission_timestamp
    , changed.inflight_batch_id
from changed
