"""The three tables of one target, as the audit commands name them. Both engines read the same statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submitter.connection import Connection


@dataclass(frozen=True)
class Tables:
    """Where the state and the audit trail are, quoted; `status` is how a state row's status is compared.

    On SQL Server a function would keep the index out, and its usual collation ignores case anyway.
    """

    state: str
    runs: str
    events: str
    status: str

    @classmethod
    def of(cls, connection: Connection, schema: str, table: str) -> Tables:
        """Return the tables of a schema; `table` is the state's name, or schema.name."""
        schema_of_state, _, name = table.rpartition(".")
        home = schema.replace('"', '""')
        return cls(
            f'"{schema_of_state or home}"."{name}"',
            f'"{home}"."submission_run"',
            f'"{home}"."submission_event"',
            "submission_status" if connection.engine == "sqlserver" else "lower(submission_status)",
        )


def marks(values: int) -> str:
    """Return so many question marks for an `in (...)`."""
    return ", ".join(["?"] * values)
