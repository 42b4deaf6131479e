"""One child's row of the state table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.connection import Statement
from submitter.state import FULL_IN_FLIGHT

if TYPE_CHECKING:
    from datetime import datetime

    from submitter.connection import Connection


@dataclass(frozen=True)
class ChildRow:
    """What the state says of a child; each field is the column of that name.

    `full_in_flight` is what the receiver holds once it accepts what is in flight; None for a purge.
    """

    person_id: str
    row_state: str
    submission_status: str
    submission_timestamp: datetime | None
    last_updated: datetime | None
    api_response: str | None
    error_count: int
    json_payload: str | None
    partial_json_payload: str | None
    full_json_payload: str | None
    previous_json_payload: str | None
    previous_hash: bytes | None
    inflight_payload: str | None
    full_in_flight: str | None
    inflight_batch_id: str | None
    doubted_payloads: str | None


_COLUMNS = (
    "person_id, lower(coalesce(row_state, '')), lower(coalesce(submission_status, '')), submission_timestamp, "
    "last_updated, api_response, coalesce(error_count, 0), json_payload, partial_json_payload, full_json_payload, "
    f"previous_json_payload, previous_hash, inflight_payload, {FULL_IN_FLIGHT}, inflight_batch_id, doubted_payloads"
)


def child_row(connection: Connection, schema: str, table: str, person_id: str) -> ChildRow | None:
    """Read a child's row; None when there is none. Raises DatabaseError."""
    schema_of_state, _, name = table.rpartition(".")
    home = (schema_of_state or schema).replace('"', '""')
    statement = Statement(f'select {_COLUMNS} from "{home}"."{name}" as state where person_id = ?', [person_id])
    rows = connection.transaction(statement)
    return ChildRow(*rows[0]) if rows else None
