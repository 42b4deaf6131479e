{# How long the audit trail is kept: variable csc_audit_days. Each text is one statement, or none while it is kept for
   ever. The events go first, since a run is kept as long as one of its events is.

   Nothing of a run goes that has children in flight. A batch that was cut off before its answer was written down has no
   event and so no known run: while there is one, nothing goes at all; the next run of csc-submit replays it. #}
{% macro event_retention_sql(events, state, days) %}
{%- if days %}
delete from {{ events }}
where occurred_at < {{ days_ago_utc(days) }}
    and coalesce(run_id, '') not in (
        select answer.run_id
        from {{ state }} as in_flight
        inner join {{ events }} as answer
            on answer.person_id = in_flight.person_id
            and answer.batch_id = in_flight.inflight_batch_id
        where in_flight.inflight_batch_id is not null
            and in_flight.inflight_payload is not null
            and answer.run_id is not null
    )
    and {{ no_batch_of_unknown_run(events, state) }};
{%- endif %}
{% endmacro %}

{% macro run_retention_sql(runs, events, state, days) %}
{%- if days %}
delete from {{ runs }}
where started_at < {{ days_ago_utc(days) }}
    and run_id not in (
        select answer.run_id
        from {{ events }} as answer
        where answer.run_id is not null
    )
    and {{ no_batch_of_unknown_run(events, state) }};
{%- endif %}
{% endmacro %}

{% macro no_batch_of_unknown_run(events, state) -%}
    not exists (
        select 1
        from {{ state }} as in_flight
        where in_flight.inflight_batch_id is not null
            and in_flight.inflight_payload is not null
            and not exists (
                select 1
                from {{ events }} as answer
                where answer.person_id = in_flight.person_id
                    and answer.batch_id = in_flight.inflight_batch_id
            )
    )
{%- endmacro %}
