"""Opens the database, and gives DuckDB and SQL Server one face: execute, commit, rollback, close."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
from submitter.errors import AlreadyRunningError, ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RUN_DBT = "Run dbt build first, on this same target."


class Connection(Protocol):
    """What the state store needs of a database; every `execute` belongs to a transaction that `commit` ends."""

    engine: str

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, none for a statement that gives none."""
        ...

    def commit(self) -> None:
        """Make what was executed last."""
        ...

    def rollback(self) -> None:
        """Undo what was executed since the last commit."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class DuckDbConnection:
    """A DuckDB file. Its file lock is also what keeps a second run out."""

    engine = "duckdb"

    def __init__(self, path: Path, memory: str) -> None:
        """Open an existing file for writing, with so much `memory` (`48MB`) for what DuckDB keeps of it.

        A batch is all that is in hand; without a limit DuckDB keeps what it read before as long as there is room.

        Raises DatabaseError when it is not there or no DuckDB file, AlreadyRunningError when another process has it.
        """
        try:
            import duckdb  # noqa: PLC0415 - only this path needs it
        except ImportError as error:
            raise DatabaseError(
                "The target is DuckDB, which is not installed.", "Run: pip install csc-submit[trial]"
            ) from error
        self._errors = duckdb
        if not path.is_file():
            raise DatabaseError(f"The database {path} does not exist.", RUN_DBT)
        try:
            self._connection = duckdb.connect(str(path), config={"threads": 1, "memory_limit": memory})
        except duckdb.IOException as error:
            if "lock" in str(error).lower() or "being used by another process" in str(error):
                raise AlreadyRunningError(
                    f"Another program has {path} open.", "Wait for it to finish, or close it, then try again."
                ) from error
            raise DatabaseError(
                f"{path} is not a DuckDB file that can be opened.", "Check the path, and that dbt uses the same DuckDB."
            ) from error
        self.execute("begin transaction")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        # DuckDB numbers bare marks in the order in which it reads clauses, which is not always that of the text.
        numbers = count(1)
        try:
            return self._connection.execute(re.sub(r"\?", lambda _: f"${next(numbers)}", sql), parameters).fetchall()
        except (self._errors.CatalogException, self._errors.BinderException) as error:
            # Only names of tables and columns are in these two.
            raise DatabaseError(
                f"The database lacks a table or column: {str(error).splitlines()[0]}.", RUN_DBT
            ) from error
        except self._errors.OutOfMemoryException as error:
            raise DatabaseError(
                "DuckDB needs more memory for payloads of this size.", "Set CSC_DUCKDB_MEMORY, for example to 1GB."
            ) from error
        except self._errors.Error as error:
            raise DatabaseError(
                f"The database refused a statement ({type(error).__name__}).", "Nothing was lost; try again."
            ) from error

    def commit(self) -> None:
        """Make what was executed last."""
        self.execute("commit")
        self.execute("begin transaction")

    def rollback(self) -> None:
        """Undo what was executed since the last commit."""
        self.execute("rollback")
        self.execute("begin transaction")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class SqlServerConnection:
    """A SQL Server session through pyodbc, with a session lock that keeps a second run out."""

    engine = "sqlserver"

    def __init__(self, connection_string: str, lock_name: str) -> None:
        """Connect, and take the lock.

        Raises DatabaseError when pyodbc, the driver, the server, the login or the database is not there,
        AlreadyRunningError when another session holds the lock.
        """
        try:
            import pyodbc  # noqa: PLC0415 - needs the system's ODBC, which the demo does without
        except ImportError as error:
            raise DatabaseError(
                "The SQL Server target needs pyodbc and the system's ODBC driver manager.",
                "On Linux install unixODBC (Debian: apt-get install unixodbc) and Microsoft's ODBC Driver 18; "
                "on Windows install Microsoft's ODBC Driver 18 for SQL Server.",
            ) from error
        self._errors = pyodbc
        if "driver=" not in connection_string.lower() and "dsn=" not in connection_string.lower():
            connection_string = f"DRIVER={{{self._newest_driver()}}};{connection_string}"
        try:
            self._connection = pyodbc.connect(connection_string, autocommit=False, timeout=30)
        except pyodbc.Error as error:
            raise DatabaseError(
                f"SQL Server cannot be reached or refuses the login (SQLSTATE {_sqlstate(error)}).",
                "Run dbt debug: it tests the same connection.",
            ) from error
        self._lock(lock_name)

    @staticmethod
    def _refusal(error: Exception) -> DatabaseError:
        state = _sqlstate(error)
        if state in {"42S02", "42S22"}:
            return DatabaseError("The database lacks a table or column that dbt makes.", RUN_DBT)
        return DatabaseError(
            f"SQL Server refused a statement (SQLSTATE {state}).",
            "Nothing was lost; check the login's grants, try again.",
        )

    def _newest_driver(self) -> str:
        drivers = sorted(name for name in self._errors.drivers() if name.startswith("ODBC Driver"))
        if not drivers:
            raise DatabaseError(
                "No Microsoft ODBC driver for SQL Server is installed.", "Install ODBC Driver 18 for SQL Server."
            )
        return str(drivers[-1])

    def _lock(self, name: str) -> None:
        rows = self.execute(
            "set nocount on; declare @result int; "
            "exec @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session', "
            "@LockTimeout = 0; select @result;",
            (name,),
        )
        self.commit()
        if not rows or int(rows[0][0]) < 0:
            self.close()
            raise AlreadyRunningError("Another run of csc-submit holds the state table.", "Wait for it to finish.")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, *parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        except self._errors.Error as error:
            raise self._refusal(error) from error
        finally:
            cursor.close()

    def commit(self) -> None:
        """Make what was executed last."""
        try:
            self._connection.commit()
        except self._errors.Error as error:
            raise self._refusal(error) from error

    def rollback(self) -> None:
        """Undo what was executed since the last commit."""
        try:
            self._connection.rollback()
        except self._errors.Error as error:
            raise self._refusal(error) from error

    def close(self) -> None:
        """End the session, and the lock with it."""
        self._connection.close()


def _sqlstate(error: Exception) -> str:
    """Return only the state: a driver's text may hold a login's name or a value."""
    return str(error.args[0]) if error.args else "unknown"


def target_of(connection_string: str, schema: str | None) -> DuckDbTarget | SqlServerTarget:
    """Return the target that DB_CONNECTION_STRING or SQL_CONN_STR names: `duckdb:///path` or an ODBC string."""
    from pathlib import Path  # noqa: PLC0415

    if connection_string.startswith("duckdb:///"):
        return DuckDbTarget(Path(connection_string.removeprefix("duckdb:///")), schema or "csc")
    if "=" not in connection_string:
        raise ConfigurationError(
            "DB_CONNECTION_STRING is neither an ODBC connection string nor duckdb:///path.", "Mend or remove it."
        )
    return SqlServerTarget(connection_string, schema or "csc")


@contextmanager
def opened(target: DuckDbTarget | SqlServerTarget, lock_name: str, duckdb_memory: str) -> Iterator[Connection]:
    """Open the target's database and close it at the end, undoing what was not committed."""
    connection: Connection
    if isinstance(target, DuckDbTarget):
        connection = DuckDbConnection(target.path, duckdb_memory)
    else:
        connection = SqlServerConnection(target.connection_string, lock_name)
    try:
        yield connection
    finally:
        connection.close()
