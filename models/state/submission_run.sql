{{ config(
    materialized='incremental'
    , incremental_strategy='append'
    , on_schema_change='append_new_columns'
    , full_refresh=false
    , indexes=clustered_by(['run_id'], unique=true)
    , post_hook="{{ run_retention_sql(this, ref('submission_event'), ref('ssd_api_data_staging'), audit_days()) }}"
) }}

-- no row of its own: csc-submit writes them, this model makes the table, adds columns and lets old rows go
-- depends_on: {{ ref('ssd_api_data_staging') }}, {{ ref('submission_event') }}
select
    cast(null as {{ text_type(36) }}) as run_id
    , cast(null as {{ timestamp_type() }}) as started_at
    , cast(null as {{ timestamp_type() }}) as finished_at
    , cast(null as {{ text_type(128) }}) as host
    , cast(null as {{ text_type(128) }}) as os_user
    , cast(null as {{ text_type(40) }}) as program_version
    , cast(null as {{ text_type(400) }}) as endpoint
    , cast(null as {{ text_type(10) }}) as la_code
    , cast(null as {{ text_type(10) }}) as payload_mode
    , cast(null as int) as pending_count
    , cast(null as int) as accepted_count
    , cast(null as int) as rejected_count
    , cast(null as int) as unknown_count
    , cast(null as {{ text_type(400) }}) as outcome
    , cast(null as int) as exit_code
    , cast(null as {{ text_type() }}) as configuration
where 1 = 0
