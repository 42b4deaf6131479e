{{ config(
    materialized='incremental'
    , incremental_strategy='csc_state'
    , unique_key='person_id'
    , on_schema_change='append_new_columns'
    , full_refresh=false
    , indexes=clustered_by(['person_id'], unique=true, also=[['submission_status', 'person_id'], ['inflight_batch_id']])
) }}

with payload as (
    select
        person_id
        , legacy_id
        , json_payload
        , payload_hash
    from {{ ref('payload') }}
)

, payload_delta as (
    select * from {{ ref('payload_delta') }}
)

-- empty unless csc_on_breach says hold
, preflight_hold as (
    select * from {{ ref('preflight_hold') }}
)

{% if state_exists() %}
, state as (
    select * from {{ this }}
)
{% else %}
-- the first run: nothing has been sent
, state as (
    {{ empty_state() }}
)
{% endif %}

-- each row of the state is read once: csc-submit may write it meanwhile
, child as (
    select
        coalesce(payload.person_id, state.person_id) as person_id
        , case when payload.person_id is not null then payload.legacy_id else state.legacy_id end as legacy_id
        , payload.json_payload
        , payload.payload_hash
        , state.person_id as known_person_id
        , state.json_payload as former_json_payload
        , state.current_hash as former_hash
        , state.partial_hash as former_partial_hash
        , state.row_state as former_row_state
        , state.submission_status as former_submission_status
        , state.previous_json_payload
        , state.inflight_payload
        , state.inflight_batch_id
        , state.submission_timestamp
        , state.api_response as former_response
        , case
            when state.person_id is null then 'new'
            when payload.person_id is null and (
                state.previous_json_payload is not null
                -- a hash without its payload is an adopted row's, of which the receiver may hold something
                or state.previous_hash is not null
                or state.inflight_payload is not null
                or state.doubted_payloads is not null
            ) then 'deleted'
            when payload.person_id is null then 'removed'
            when state.previous_json_payload is null then 'new'
            when state.previous_hash = payload.payload_hash and state.doubted_payloads is null then 'unchanged'
            else 'updated'
        end as row_state
        , case when payload.person_id is not null and {{ is_behind('payload.payload_hash') }} then 1 else 0 end as is_behind
    from payload
    full join state
        on state.person_id = payload.person_id
    where payload.person_id is not null
        -- the receiver took the purge: the row stays, to say so
        or not (
            coalesce(lower(state.row_state), '') = 'deleted'
            and coalesce(lower(state.submission_status), '') = 'sent'
        )
)

-- children who left: a purge where the receiver holds them, or may; else the row goes
, wanted as (
    select
        child.*
        , case when child.payload_hash is null then {{ purge_of_child() }} else child.json_payload end as wanted_payload
        , case when child.payload_hash is null then {{ sha256(purge_of_child()) }} else child.payload_hash end as current_hash
    from child
)

, weighed as (
    select
        wanted.*
        -- csc-submit holds the child as it is
        , case
            when lower(wanted.former_submission_status) = 'held'
                and wanted.former_hash = wanted.current_hash
                and coalesce(wanted.former_response, '') not like '{{ held_by_preflight() }}%' then 1
            else 0
        end as is_held_otherwise
    from wanted
)

, decided as (
    select
        weighed.person_id
        , weighed.legacy_id
        , weighed.wanted_payload as json_payload
        , weighed.current_hash
        , payload_delta.partial_json_payload
        , payload_delta.partial_hash
        , payload_delta.full_json_payload
        , weighed.row_state
        , weighed.inflight_batch_id
        , weighed.submission_timestamp
        , case
            when weighed.inflight_payload is not null then 'sending'
            when weighed.row_state = 'unchanged' then 'sent'
            when weighed.is_held_otherwise = 1 then 'held'
            when preflight_hold.reason is not null and weighed.row_state in ('new', 'updated') then 'held'
            when lower(weighed.former_submission_status) = 'error' and weighed.former_hash = weighed.current_hash then 'error'
            else 'pending'
        end as submission_status
        , case
            when weighed.inflight_payload is null and weighed.row_state in ('new', 'updated') and weighed.is_held_otherwise = 0
                then preflight_hold.reason
        end as hold_reason
        , weighed.former_response
        , case
            when weighed.known_person_id is null then 1
            when weighed.former_hash is null or weighed.former_hash <> weighed.current_hash then 1
            when weighed.former_partial_hash <> payload_delta.partial_hash then 1
            when weighed.former_partial_hash is null and payload_delta.partial_hash is not null then 1
            when weighed.former_partial_hash is not null and payload_delta.partial_hash is null then 1
            {%- if volatile_blocks() %}
            -- what is still to be sent goes under the ids of today
            when weighed.row_state <> 'unchanged' and {{ exact('weighed.former_json_payload') }} <> weighed.wanted_payload then 1
            {%- endif %}
            else 0
        end as is_rebuilt
        , weighed.former_row_state
        , weighed.former_submission_status
    from weighed
    left join preflight_hold
        on preflight_hold.person_id = weighed.person_id
    -- only what was worked out from the row as it is
    left join payload_delta
        on payload_delta.person_id = weighed.person_id
        and weighed.is_behind = 1
        and (payload_delta.submission_timestamp = weighed.submission_timestamp
            or (payload_delta.submission_timestamp is null and weighed.submission_timestamp is null))
        and (payload_delta.inflight_batch_id = weighed.inflight_batch_id
            or (payload_delta.inflight_batch_id is null and weighed.inflight_batch_id is null))
    {%- if payload_mode() == 'delta' %}
    -- what csc-submit wrote since then leaves the row to the next run
    where weighed.is_behind = 0
        or payload_delta.person_id is not null
    {%- endif %}
)

-- Only rows that change: a second run finds none. The batch and the time are what csc-submit last wrote: the row is left
-- alone where they are others by the time this is written.
select
    cast(decided.person_id as {{ text_type(48) }}) as person_id
    , cast(decided.legacy_id as {{ text_type(48) }}) as legacy_id
    , cast(decided.json_payload as {{ text_type() }}) as json_payload
    , cast(decided.current_hash as {{ hash_type() }}) as current_hash
    , cast(decided.partial_json_payload as {{ text_type() }}) as partial_json_payload
    , cast(null as {{ text_type() }}) as previous_json_payload
    , cast(null as {{ hash_type() }}) as previous_hash
    , cast(null as {{ text_type() }}) as inflight_payload
    , cast(null as {{ text_type() }}) as inflight_full_payload
    , cast(null as {{ hash_type() }}) as inflight_hash
    , cast(decided.inflight_batch_id as {{ text_type(36) }}) as inflight_batch_id
    , cast(decided.row_state as {{ text_type(20) }}) as row_state
    , cast(decided.submission_status as {{ text_type(20) }}) as submission_status
    , cast(decided.submission_timestamp as {{ timestamp_type() }}) as submission_timestamp
    , cast(decided.hold_reason as {{ text_type() }}) as api_response
    , cast(0 as int) as error_count
    , {{ now_utc() }} as last_updated
    , cast(decided.partial_hash as {{ hash_type() }}) as partial_hash
    , cast(decided.full_json_payload as {{ text_type() }}) as full_json_payload
    , cast(null as {{ text_type() }}) as doubted_payloads
from decided
where decided.is_rebuilt = 1
    or coalesce(decided.former_row_state, '') <> decided.row_state
    or coalesce(decided.former_submission_status, '') <> decided.submission_status
    or decided.hold_reason <> coalesce(decided.former_response, '')
