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

-- children who left: a purge where the receiver holds them, or may; else the row goes
, vanished as (
    select
        state.person_id
        , state.legacy_id
        , {{ json_object({
            'la_child_id': 'state.person_id'
            , 'mis_child_id': 'state.legacy_id'
            , 'purge': 'cast(1 as ' ~ flag_type() ~ ')'
        }) }} as json_payload
        , case
            -- a hash without its payload is an adopted row's, of which the receiver may hold something
            when state.previous_json_payload is null and state.previous_hash is null
                and state.inflight_payload is null then 'removed'
            else 'deleted'
        end as row_state
    from state
    where not exists (
            select 1
            from payload
            where payload.person_id = state.person_id
        )
        -- the receiver took the purge: the row stays, to say so
        and not (
            lower(state.row_state) = 'deleted'
            and lower(state.submission_status) = 'sent'
        )
)

, wanted as (
    select
        payload.person_id
        , payload.legacy_id
        , payload.json_payload
        , payload.payload_hash as current_hash
        , case
            when state.previous_json_payload is null then 'new'
            when state.previous_hash = payload.payload_hash then 'unchanged'
            else 'updated'
        end as row_state
    from payload
    left join state
        on state.person_id = payload.person_id
    union all
    select
        vanished.person_id
        , vanished.legacy_id
        , vanished.json_payload
        , {{ sha256('vanished.json_payload') }} as current_hash
        , vanished.row_state
    from vanished
)

, decided as (
    select
        wanted.person_id
        , wanted.legacy_id
        , wanted.json_payload
        , wanted.current_hash
        , wanted.row_state
        , case
            when state.inflight_payload is not null then 'sending'
            when wanted.row_state = 'unchanged' then 'sent'
            when lower(state.submission_status) in ('error', 'held') and state.current_hash = wanted.current_hash
                then lower(state.submission_status)
            else 'pending'
        end as submission_status
        , case
            when state.person_id is null then 1
            when state.current_hash is null or state.current_hash <> wanted.current_hash then 1
            else 0
        end as is_rebuilt
        , state.row_state as former_row_state
        , state.submission_status as former_submission_status
    from wanted
    left join state
        on state.person_id = wanted.person_id
)

-- only rows that change: a second run finds none
select
    cast(decided.person_id as {{ text_type(48) }}) as person_id
    , cast(decided.legacy_id as {{ text_type(48) }}) as legacy_id
    , cast(decided.json_payload as {{ text_type() }}) as json_payload
    , cast(decided.current_hash as {{ hash_type() }}) as current_hash
    , cast(null as {{ text_type() }}) as partial_json_payload
    , cast(null as {{ text_type() }}) as previous_json_payload
    , cast(null as {{ hash_type() }}) as previous_hash
    , cast(null as {{ text_type() }}) as inflight_payload
    , cast(null as {{ text_type() }}) as inflight_full_payload
    , cast(null as {{ hash_type() }}) as inflight_hash
    , cast(null as {{ text_type(36) }}) as inflight_batch_id
    , cast(decided.row_state as {{ text_type(20) }}) as row_state
    , cast(decided.submission_status as {{ text_type(20) }}) as submission_status
    , cast(null as {{ timestamp_type() }}) as submission_timestamp
    , cast(null as {{ text_type() }}) as api_response
    , cast(0 as int) as error_count
    , {{ now_utc() }} as last_updated
from decided
where decided.is_rebuilt = 1
    or coalesce(decided.former_row_state, '') <> decided.row_state
    or coalesce(decided.former_submission_status, '') <> decided.submission_status
