"""A SQL Server session behind the face of `connection`: retried after deadlocks, opened again after a loss."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from submitter import __version__
from submitter.entra import token_attributes
from submitter.errors import AlreadyRunningError, DatabaseError
from submitter.odbc import text_of, with_driver
from submitter.sqlserver_reasons import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from submitter.connection import Statement
    from submitter.dbt_profile import SqlServerTarget

_LOGIN_SECONDS = 30
# How long to wait before each further try of a transaction; a failover takes most of a minute.
_WAITS_SECONDS = (0.2, 1, 5, 15, 30)
# A run that has just ended may hold the lock for a moment more; one that goes on holds it for minutes.
_LOCK_SECONDS_AT_START = 2
# The server needs time to notice that the session which held the lock has lost its connection.
_LOCK_SECONDS_AFTER_A_LOSS = 60

# A failed statement undoes its transaction, and no statement waits longer than this for rows that dbt is changing.
SESSION = "set xact_abort on; set nocount on; set lock_timeout 120000; set transaction isolation level read committed;"

# Its numbers below 0 mean: not granted in time, cancelled, deadlock victim, wrong call.
LOCK = (
    "set nocount on; declare @result int; "
    "exec @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session', "
    "@LockTimeout = ?; select @result;"
)

# A driver manager that pools connections keeps the session, and the lock with it, after it is closed.
UNLOCK = "exec sp_releaseapplock @Resource = ?, @LockOwner = 'Session';"

# What the sender may read. A run that was killed says running too, but a later one then comes first.
LAST_RUN = (
    'select started_at, os_user, host, outcome from "{schema}"."submission_run" '
    "order by started_at desc offset 0 rows fetch next 1 rows only;"
)


class SqlServerConnection:
    """A SQL Server session through pyodbc, with a session lock that keeps a second run out."""

    engine = "sqlserver"

    def __init__(
        self, target: SqlServerTarget, lock_name: str | None, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """Connect, and take the lock if it has a name.

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
        self._odbc = pyodbc
        self._target = target
        self._lock_name = lock_name
        self._sleep = sleep
        self._connection: Any = None
        parts = with_driver(target.parts, pyodbc.drivers())
        self._connection_string = text_of({"APP": f"csc-submit {__version__}", **parts})
        try:
            self._open(_LOCK_SECONDS_AT_START)
        except pyodbc.Error as error:
            raise self._reason(error) from error

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        """Execute all statements and commit, or none of them; return the rows of the last.

        A deadlock or a lost connection has the whole transaction tried again.
        """
        for wait in (*_WAITS_SECONDS, None):
            try:
                if self._connection is None:
                    self._open(_LOCK_SECONDS_AFTER_A_LOSS)
                return self._once(statements)
            except self._odbc.Error as error:  # noqa: PERF203 - the database takes longer
                refusal = Refusal.of(error)
                self._undo(lost=refusal.connection_is_gone)
                if wait is None or not refusal.is_worth_another_try:
                    raise self._reason(error) from error
                self._sleep(wait)
            except BaseException:
                self._undo(lost=False)
                raise
        raise AssertionError  # the last wait is none: the loop returns or raises

    def close(self) -> None:
        """Let go of the lock and end the session."""
        if self._connection is None:
            return
        self._undo(lost=False)
        if self._connection is not None and self._lock_name is not None:
            with suppress(self._odbc.Error):  # the lock ends with the session in any case
                self._connection.execute(UNLOCK, self._lock_name)
        self._undo(lost=True)

    def _open(self, lock_seconds: int) -> None:
        self._connection = self._odbc.connect(
            self._connection_string,
            autocommit=False,
            timeout=_LOGIN_SECONDS,
            attrs_before=token_attributes(self._target.token_from),
        )
        cursor = self._connection.cursor()
        cursor.execute(SESSION)
        if self._lock_name is not None:
            cursor.execute(LOCK, self._lock_name, lock_seconds * 1000)
            while cursor.description is None and cursor.nextset():
                pass  # what comes before the select
            if cursor.fetchone()[0] < 0:
                holder = self._holder()
                self.close()
                raise AlreadyRunningError(
                    f"Another run of csc-submit holds the state table{holder}.", "Wait for it to finish."
                )
        self._connection.commit()

    def _holder(self) -> str:
        """Return what the audit trail says of the run that goes on; nothing when it cannot be read."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(LAST_RUN.format(schema=self._target.schema.replace('"', '""')))
            found = cursor.fetchone()
        except self._odbc.Error:
            return ""
        if not found or found[3] != "running":  # another command, such as retry, holds it
            return ""
        return f" (begun {found[0]:%Y-%m-%d %H:%M:%S} UTC by {found[1]} on {found[2]})"

    def _once(self, statements: Sequence[Statement]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        cursor = self._connection.cursor()
        for statement in statements:
            sql, parameters = _without_nulls(statement)
            cursor.execute(sql, *map(_exact, parameters))
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        cursor.close()
        self._connection.commit()
        return rows

    def _undo(self, *, lost: bool) -> None:
        """Roll back, or throw the session away when it is lost; either may fail on a broken connection."""
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except self._odbc.Error:
            lost = True
        if lost:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except self._odbc.Error:
                return

    def _reason(self, error: Exception) -> DatabaseError:
        parts = self._target.parts
        return Refusal.of(error).reason(parts.get("SERVER", "the server"), parts.get("DATABASE", "that it names"))


def _without_nulls(statement: Statement) -> tuple[str, list[object]]:
    """Write `null` where a parameter is None.

    The driver has the server read the statement once more to learn the type of such a parameter. Should that fail, the
    server undoes the transaction, and the driver goes on as if nothing were: the statements before it would be lost.
    """
    waiting = iter(statement.parameters)
    parameters: list[object] = []

    def written(_: re.Match[str]) -> str:
        parameter = next(waiting)
        if parameter is None:
            return "null"
        parameters.append(parameter)
        return "?"

    return re.sub(r"\?", written, statement.sql), parameters


def _exact(parameter: object) -> object:
    # How much of a second the driver keeps of a datetime depends on what the server says of its types; of a text, all.
    return parameter.isoformat(timespec="milliseconds") if isinstance(parameter, datetime) else parameter
