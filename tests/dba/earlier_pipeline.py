"""The state table of the pipeline that authorities had before, with a row of every kind that they may find in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = (
    ("person_id", "nvarchar(20)", "varchar"),
    ("legacy_id", "nvarchar(20)", "varchar"),
    ("previous_json_payload", "nvarchar(max)", "varchar"),
    ("json_payload", "nvarchar(max)", "varchar"),
    ("partial_json_payload", "nvarchar(max)", "varchar"),
    ("current_hash", "varbinary(64)", "blob"),
    ("previous_hash", "varbinary(64)", "blob"),
    ("submission_status", "varchar(10) default 'Pending'", "varchar"),
    ("submission_timestamp", "datetime", "timestamp"),
    ("api_response", "nvarchar(500)", "varchar"),
    ("row_state", "nvarchar(10) default 'New'", "varchar"),
    ("last_updated", "datetime default getdate()", "timestamp"),
)
EARLIER_NAMES = tuple(name for name, _, _ in _COLUMNS)


def ddl(engine: str, table: str) -> list[str]:
    """Return the statements that make the table, as SQL Server has it, or as near as DuckDB comes."""
    if engine == "sqlserver":
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in _COLUMNS)
        statuses = "constraint ck_status check (submission_status in ('Pending', 'Sent', 'Error', 'Testing', 'SENT'))"
        return [f"create table {table} (id int identity(1, 1) primary key, {columns}, {statuses})"]
    columns = ", ".join(f"{name} {kind}" for name, _, kind in _COLUMNS)
    return ["create sequence ids", f"create table {table} (id integer default nextval('ids'), {columns})"]


@dataclass(frozen=True)
class EarlierRow:
    """A row of it."""

    person_id: str | None
    status: str
    row_state: str
    content: str = "earlier"
    previous: str | None = None
    sent_at: str | None = None

    def values(self) -> tuple[object, ...]:
        """Return what INSERT takes, in its order."""
        payload = json.dumps({"la_child_id": (self.person_id or "").strip(), "purge": False, "content": self.content})
        return (
            *(self.person_id, payload, self.previous or None, self.status, self.row_state),
            *(self.sent_at, b"x" * 32, b"y" * 20 if self.previous is not None else None),
        )


INSERT = (
    "insert into {table} (person_id, json_payload, previous_json_payload, submission_status, row_state, "
    "submission_timestamp, current_hash, previous_hash) values (?, ?, ?, ?, ?, ?, ?, ?)"
)


def rows_of_every_kind(here: Sequence[str]) -> list[EarlierRow]:
    """Return rows for six children that are in the cohort (`here`) and for others that have left it."""
    last_year = "2025-10-01 03:00:00"
    return [
        EarlierRow(here[0], "Sent", "Unchanged", sent_at=last_year),
        EarlierRow(here[1], "SENT", "Updated", sent_at=last_year),
        EarlierRow(here[2], "Pending", "New"),
        EarlierRow(here[3], "Pending", "Updated", previous='{"la_child_id": "built, perhaps sent"}'),
        EarlierRow(here[4], "Error", "New", sent_at=last_year),
        # the later of two that were sent is what the receiver holds
        EarlierRow(here[5], "Sent", "Unchanged", content="first", sent_at="2025-09-01 03:00:00"),
        EarlierRow(f" {here[5]} ", "Sent", "Unchanged", content="second", sent_at=last_year),
        EarlierRow(here[5], "Pending", "Updated", content="third"),
        EarlierRow("left-sent", "Sent", "Unchanged", sent_at=last_year),
        EarlierRow("left-purged", "Sent", "Deleted", sent_at=last_year),
        EarlierRow("left-maybe", "Pending", "Deleted", previous=""),  # but a hash
        EarlierRow("left-error", "Error", "Updated", sent_at=last_year),
        EarlierRow("left-never", "Pending", "New"),
        EarlierRow("  ", "Pending", "New"),
        EarlierRow(None, "Sent", "New"),
    ]


FOUND = (
    *("15 rows in the earlier table", "4 Sent: taken", "1 Sent and Deleted", "4 built or tried before"),
    *("2 never sent", "2 repeat", "2 have no person_id"),
)
