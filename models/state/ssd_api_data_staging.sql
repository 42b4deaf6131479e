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

, decided as (
    select
        wanted.person_id
        , wanted.legacy_id
        , wanted.wanted_payload as json_payload
        , wanted.current_hash
        , payload_delta.partial_json_payload
        , payload_delta.partial_hash
        , payload_delta.full_json_payload
        , wanted.row_state
        , wanted.inflight_batch_id
        , wanted.submission_timestamp
        , case
            when wanted.inflight_payload is not null then 'sending'
            when wanted.row_state = 'unchanged' then 'sent'
            when lower(wanted.former_submission_status) in ('error', 'held') and wanted.former_hash = wanted.current_hash
                then lower(wanted.former_submission_status)
            else 'pending'
        end as submission_status
        , case
            when wanted.known_person_id is null then 1
            when wanted.former_hash is null or wanted.former_hash <> wanted.current_hash then 1
            when wanted.former_partial_hash <> payload_delta.partial_hash then 1
            when wanted.former_partial_hash is null and payload_delta.partial_hash is not null then 1
            when wanted.former_partial_hash is not null and payload_delta.partial_hash is null then 1
            {%- if volatile_blocks() %}
            -- what is still to be sent goes under the ids of today
            when wanted.row_state <> 'unchanged' and {{ exact('wanted.former_json_payload') }} <> wanted.wanted_payload then 1
            {%- endif %}
            else 0
        end as is_rebuilt
        , wanted.former_row_state
        , wanted.former_submission_status
    from wanted
    -- only what was worked out from the row as it is
    left join payload_delta
        on payload_delta.person_id = wanted.person_id
        and wanted.is_behind = 1
        and (payload_delta.submission_timestamp = wanted.submission_timestamp
            or (payload_delta.submission_timestamp is null and wanted.submission_timestamp is null))
        and (payload_delta.inflight_batch_id = wanted.inflight_batch_id
            or (payload_delta.inflight_batch_id is null and wanted.inflight_batch_id is null))
    {%- if payload_mode() == 'delta' %}
    -- what csc-submit wrote since then leaves the row to the next run
    where wanted.is_behind = 0
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
    , cast(null as {{ text_type() }}) as api_response
    , cast(0 as int) as error_count
    , {{ now_utc() }} as last_updated
    , cast(decided.partial_hash as {{ hash_type() }}) as partial_hash
    , cast(decided.full_json_payload as {{ text_type() }}) as full_json_payload
    , cast(null as {{ text_type() }}) as doubted_payloads
from decided
where decided.is_rebuilt = 1
    or coalesce(decided.former_row_state, '') <> decided.row_state
    or coalesce(decided.former_submission_status, '') <> decided.submission_status
