"""Opens the database, and gives DuckDB and SQL Server one face: transactions, each whole or not at all."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
from submitter.odbc import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Statement:
    """One SQL statement, its parameters in the order of its question marks."""

    sql: str
    parameters: Sequence[object] = ()


class Connection(Protocol):
    """What the state store needs of a database."""

    engine: str

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        """Execute all statements and commit, or none of them; return the rows of the last.

        A transaction may be executed again when it is not known whether its commit arrived, so its second execution
        must change nothing. Raises DatabaseError.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def target_of(connection_string: str, schema: str | None) -> DuckDbTarget | SqlServerTarget:
    """Return the target that DB_CONNECTION_STRING or SQL_CONN_STR names: `duckdb:///path` or an ODBC string.

    Raises ConfigurationError when it is neither.
    """
    from pathlib import Path  # noqa: PLC0415

    if connection_string.startswith("duckdb:///"):
        return DuckDbTarget(Path(connection_string.removeprefix("duckdb:///")), schema or "csc")
    return SqlServerTarget(parts_of(connection_string), schema or "csc")


@contextmanager
def opened(
    target: DuckDbTarget | SqlServerTarget,
    lock_name: str | None,
    duckdb_memory: str = "1GB",
    *,
    read_only: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Connection]:
    """Open the target's database and close it at the end.

    With a `lock_name` no other session can open it under the same one; DuckDB has but one session at a time anyway, or
    several that are `read_only`. What a session may do on SQL Server is for the login's rights to say. It uses `sleep`
    between the tries of a transaction.
    """
    connection: Connection
    if isinstance(target, DuckDbTarget):
        from submitter.duckdb_connection import DuckDbConnection  # noqa: PLC0415 - each engine loads its own driver

        connection = DuckDbConnection(target.path, duckdb_memory, read_only=read_only)
    else:
        from submitter.sqlserver_connection import SqlServerConnection  # noqa: PLC0415

        connection = SqlServerConnection(target, lock_name, sleep)
    try:
        yield connection
    finally:
        connection.close()
