"""A DuckDB file behind the face of `connection`."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submitter.errors import AlreadyRunningError, DatabaseError
from submitter.sqlserver_reasons import RUN_DBT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from submitter.connection import Statement


# DuckDB writes a column anew when enough of it has changed, which happens again and again while a run goes on. Packing
# the payloads each time would take it far longer than the rest; the next dbt run packs what it writes.
_QUICK_TO_WRITE = "set disabled_compression_methods = 'zstd,dict_fsst'"

# Enough for payloads of some kilobytes. A batch is all that is in hand, but DuckDB keeps what it read as long as there
# is room.
_MEGABYTES_AT_FIRST = 48


class DuckDbConnection:
    """A DuckDB file. Its file lock is also what keeps a second run out."""

    engine = "duckdb"

    def __init__(self, path: Path, memory: str, *, read_only: bool = False) -> None:
        """Open an existing file, for writing unless it is to be `read_only`.

        DuckDB gets at most so much `memory` (`1GB`), and no more of it than it has needed so far.

        Raises DatabaseError when it is not there or no DuckDB file, AlreadyRunningError when another process has it.
        """
        try:
            import duckdb  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise DatabaseError(
                "The target is DuckDB, which is not installed.", "Run: pip install csc-submit[trial]"
            ) from error
        self._errors = duckdb
        self._most = int(memory[:-2]) * (1000 if memory.endswith("GB") else 1)
        self._megabytes = min(_MEGABYTES_AT_FIRST, self._most)
        if not path.is_file():
            raise DatabaseError(f"The database {path} does not exist.", RUN_DBT)
        try:
            self._connection = duckdb.connect(
                str(path), read_only=read_only, config={"threads": 1, "memory_limit": f"{self._megabytes}MB"}
            )
            self._connection.execute(_QUICK_TO_WRITE)
        except duckdb.IOException as error:
            if "lock" in str(error).lower() or "being used by another process" in str(error):
                raise AlreadyRunningError(
                    f"Another program has {path} open{_holder(str(error))}.",
                    "Wait for it to finish, or close it, then try again.",
                ) from error
            raise DatabaseError(
                f"{path} is not a DuckDB file that can be opened.", "Check the path, and that dbt uses the same DuckDB."
            ) from error

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        """Execute all statements and commit, or none of them; return the rows of the last."""
        while True:
            try:
                return self._once(statements)
            except self._errors.OutOfMemoryException as error:  # noqa: PERF203 - the database takes longer
                if not self._has_grown():
                    raise DatabaseError(
                        "DuckDB needs more memory for payloads of this size.",
                        "Set CSC_DUCKDB_MEMORY, for example to 4GB.",
                    ) from error

    def _once(self, statements: Sequence[Statement]) -> list[tuple[Any, ...]]:
        self._execute("begin transaction")
        try:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows = self._execute(statement.sql, statement.parameters)
            self._execute("commit")
        except BaseException:
            self._undo()
            raise
        return rows

    def _has_grown(self) -> bool:
        """Give DuckDB twice the memory, as far as it may have it."""
        before, self._megabytes = self._megabytes, min(2 * self._megabytes, self._most)
        self._connection.execute(f"set memory_limit = '{self._megabytes}MB'")
        return self._megabytes > before

    def _undo(self) -> None:
        try:
            self._connection.execute("rollback")
        except self._errors.Error:  # a failed commit has undone itself
            return

    def _execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        # DuckDB numbers bare marks in the order in which it reads clauses, which is not always that of the text.
        numbers = count(1)
        try:
            return self._connection.execute(re.sub(r"\?", lambda _: f"${next(numbers)}", sql), parameters).fetchall()
        except (self._errors.CatalogException, self._errors.BinderException) as error:
            # Only names of tables and columns are in these two.
            raise DatabaseError(
                f"The database lacks a table or column: {str(error).splitlines()[0]}.", RUN_DBT
            ) from error
        except self._errors.OutOfMemoryException:  # for `transaction`
            raise
        except self._errors.Error as error:
            raise DatabaseError(
                f"The database refused a statement ({type(error).__name__}).", "Nothing was lost; try again."
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _holder(message: str) -> str:
    """Return which process DuckDB says has the file, and since when it runs where /proc tells that."""
    found = re.search(r"\(PID (\d+)\)", message)
    if not found:
        return ""
    try:
        fields = Path(f"/proc/{found[1]}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        booted = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines()
            if line.startswith("btime ")
        )
        # field 22 counts clock ticks since the machine started; the first two are cut off here
        since = datetime.fromtimestamp(booted + int(fields[19]) / os.sysconf("SC_CLK_TCK"), timezone.utc)
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return f" (process {found[1]})"
    return f" (process {found[1]}, running since {since:%Y-%m-%d %H:%M:%S} UTC)"
