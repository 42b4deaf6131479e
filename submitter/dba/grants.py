"""The T-SQL that gives two logins the least they need: one that builds, one that sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submitter.reference import ssd_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILDER, SENDER = "csc_builder", "csc_sender"

# What the submitter writes; `person_id`, `json_payload` and `current_hash` are dbt's alone.
WRITTEN_STATE = (
    "partial_json_payload",
    "partial_hash",
    "full_json_payload",
    "doubted_payloads",
    "previous_json_payload",
    "previous_hash",
    "inflight_payload",
    "inflight_full_payload",
    "inflight_hash",
    "inflight_batch_id",
    "row_state",
    "submission_status",
    "submission_timestamp",
    "api_response",
    "error_count",
    "last_updated",
)
WRITTEN_RUN = ("finished_at", "accepted_count", "rejected_count", "unknown_count", "outcome", "exit_code")


def grants(  # noqa: PLR0913 - a name each
    *, dbt_login: str, submit_login: str, database: str | None, schema: str, ssd_schema: str, state_table: str
) -> str:
    """Return the script for a DBA to review and run; it may be run again.

    The logins must exist on the server. Names may be any that SQL Server takes; they are quoted.
    """
    csc, ssd, state = _name(schema), _name(ssd_schema), f"{_name(schema)}.{_name(state_table)}"
    lines = [
        "-- Least privilege for the two jobs of csc-submit. Run it as db_owner of the database; again after the first",
        "-- dbt build, because the sender's rights are on tables which that makes. It may be run any number of times.",
        *([f"use {_name(database)};", "GO"] if database else []),
        "",
        f"if database_principal_id({_text(BUILDER)}) is null create role {_name(BUILDER)};",
        f"if database_principal_id({_text(SENDER)}) is null create role {_name(SENDER)};",
        "GO",
        "-- The builder owns the schema. Were it dbo's, a view in it could read every table of dbo's: SQL Server asks",
        "-- for no right on what a view reads when both have one owner.",
        f"if schema_id({_text(schema)}) is null",
        f"    exec({_text(f'create schema {csc} authorization {_name(BUILDER)}')});",
        f"else if exists (select 1 from sys.schemas where name = {_text(schema)}",
        f"    and principal_id <> database_principal_id({_text(BUILDER)}))",
        f"    alter authorization on schema::{csc} to {_name(BUILDER)};",
        "GO",
        *_member(dbt_login, BUILDER),
        *_member(submit_login, SENDER),
        "GO",
        "",
        "-- The builder (dbt, or the procedure csc_refresh) makes tables and views, which it can in its own schema",
        "-- only, and reads the SSD tables that the models read, and no other. Those that the authority does not have",
        "-- are passed over.",
        f"grant create table, create view, create procedure to {_name(BUILDER)};",
        *(
            f"if object_id({_text(f'{ssd}.{_name(table)}')}) is not null "
            f"grant select on {ssd}.{_name(table)} to {_name(BUILDER)};"
            for table in ssd_tables()
        ),
        "GO",
        "",
        "-- The sender (csc-submit): reads the payloads, updates what came of them, writes the audit trail. It reads",
        "-- no SSD table and none of the other models, and can neither change a payload nor delete a row.",
        f"if object_id({_text(state)}) is null",
        "    print 'The state table does not exist yet: run dbt build, then this script again.';",
        "else",
        "begin",
        f"    grant select on {state} to {_name(SENDER)};",
        *_update(state, WRITTEN_STATE),
        f"    grant select, insert on {csc}.[submission_run] to {_name(SENDER)};",
        *_update(f"{csc}.[submission_run]", WRITTEN_RUN),
        f"    grant select, insert on {csc}.[submission_event] to {_name(SENDER)};",
        "end;",
        "GO",
    ]
    return "\n".join(lines) + "\n"


def _member(login: str, role: str) -> list[str]:
    return [
        f"if database_principal_id({_text(login)}) is null create user {_name(login)} for login {_name(login)};",
        f"alter role {_name(role)} add member {_name(login)};",
    ]


def _update(table: str, columns: Sequence[str]) -> list[str]:
    return [f"    grant update on {table} ({', '.join(columns)}) to {_name(SENDER)};"]


def _name(text: str) -> str:
    return "[" + text.replace("]", "]]") + "]"


def _text(text: str) -> str:
    return "N'" + text.replace("'", "''") + "'"
