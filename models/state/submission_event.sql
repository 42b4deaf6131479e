{{ config(
    materialized='incremental'
    , incremental_strategy='append'
    , on_schema_change='append_new_columns'
    , full_refresh=false
    , indexes=clustered_by(['occurred_at', 'event_id'], unique=true, also=[['person_id', 'occurred_at'], ['run_id']])
    , post_hook="{{ event_retention_sql(this, ref('ssd_api_data_staging'), audit_days()) }}"
) }}

-- no row of its own: csc-submit writes them, this model makes the table, adds columns and lets old rows go
-- depends_on: {{ ref('ssd_api_data_staging') }}
select
    cast(null as {{ text_type(36) }}) as event_id
    , cast(null as {{ text_type(36) }}) as run_id
    , cast(null as {{ text_type(36) }}) as batch_id
    , cast(null as int) as attempt
    , cast(null as {{ text_type(48) }}) as person_id
    , cast(null as {{ text_type(20) }}) as row_state
    , cast(null as {{ text_type(20) }}) as event
    , cast(null as int) as http_status
    , cast(null as {{ text_type(128) }}) as request_id
    , cast(null as {{ text_type(400) }}) as receipt
    , cast(null as {{ text_type() }}) as reason
    , cast(null as int) as duration_ms
    , cast(null as {{ hash_type() }}) as payload_hash
    , cast(null as {{ timestamp_type() }}) as occurred_at
where 1 = 0
