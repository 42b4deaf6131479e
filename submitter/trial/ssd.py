"""SSD tables in a DuckDB file: made new, and filled from a stream of records."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from submitter.reference import ssd_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from duckdb import DuckDBPyConnection

Value = str | int | float | date | None

_DUCKDB_TYPES = {
    "nvarchar": "varchar",
    "nchar": "varchar",
    "datetime": "timestamp",
    "int": "integer",
    "float": "double",
}
# Rows of one table that wait in its temporary file before DuckDB reads them: bounds the disk, not the memory.
_ROWS_A_LOAD = 100_000


class Record(NamedTuple):
    """One row of an SSD table: column name to value; columns left out are null.

    Dates go into `datetime` columns, with or without a time of day.
    """

    table: str
    values: Mapping[str, Value]


def quoted(name: str) -> str:
    """Return an SQL identifier that means exactly `name`."""
    return '"' + name.replace('"', '""') + '"'


def duckdb_type(ssd_type: str) -> str:
    """Return the DuckDB type for a type of the SQL Server build, such as `nvarchar(48)`."""
    return _DUCKDB_TYPES[ssd_type.partition("(")[0]]


def text_length(ssd_type: str) -> int | None:
    """Return how many characters a text column takes; None for other types and for `nvarchar(max)`."""
    name, _, rest = ssd_type.partition("(")
    length = rest.rstrip(")")
    return int(length) if name in {"nvarchar", "nchar"} and length != "max" else None


@cache
def text_lengths() -> Mapping[str, int | None]:
    """Return how many characters each column of the SSD takes, as `text_length` says."""
    return {column.name: text_length(column.type) for columns in ssd_tables().values() for column in columns}


def create_tables(connection: DuckDBPyConnection, schema: str) -> None:
    """Make the nineteen SSD tables new and empty, dropping those of the same name.

    They have no primary keys: real extracts hold duplicate rows, and the models have to cope.
    """
    connection.execute(f"create schema if not exists {quoted(schema)}")
    for table, columns in ssd_tables().items():
        definition = ", ".join(f"{quoted(column.name)} {duckdb_type(column.type)}" for column in columns)
        connection.execute(f"create or replace table {quoted(schema)}.{quoted(table)} ({definition})")


def load(connection: DuckDBPyConnection, schema: str, records: Iterable[Record]) -> dict[str, int]:
    """Add the records to the tables that `create_tables` made; return how many rows each of them got.

    Text arrives exactly, control characters and empty strings included. Records are taken one at a time,
    so that memory does not grow with their number. All or none: what the iterable raises undoes the load.
    Raises ValueError when a record names a table or column that the SSD does not have.
    """
    connection.begin()
    try:
        with ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="csc-trial-")))
            loader = _Loader(connection, schema, folder)
            resources.callback(loader.close)
            for record in records:
                loader.add(record)
            loader.finish()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return loader.rows


class _Loader:
    """Writes each table's records as JSON lines to a file in a folder, which DuckDB's reader takes in bulk."""

    def __init__(self, connection: DuckDBPyConnection, schema: str, folder: Path) -> None:
        self.rows = dict.fromkeys(ssd_tables(), 0)
        self._connection = connection
        self._schema = schema
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self._waiting = dict.fromkeys(ssd_tables(), 0)
        self._columns = {table: frozenset(column.name for column in columns) for table, columns in ssd_tables().items()}
        self._encode = json.JSONEncoder(default=str, check_circular=False).encode

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def add(self, record: Record) -> None:
        table, values = record
        columns = self._columns.get(table)
        if columns is None or not values.keys() <= columns:
            unknown = "" if columns is None else f" column {min(values.keys() - columns)} in"
            raise ValueError(f"the SSD has no{unknown} table {table}")
        file = self._files.get(table)
        if file is None:
            file = self._files[table] = (self._folder / f"{table}.json").open("w", encoding="utf-8")
        file.write(self._encode(values) + "\n")
        self._waiting[table] += 1
        if self._waiting[table] == _ROWS_A_LOAD:
            self._insert(table)

    def finish(self) -> None:
        for table in list(self._files):
            self._insert(table)

    def _insert(self, table: str) -> None:
        # closed, because Windows lets nobody else read a file that is open for writing
        file = self._files.pop(table)
        file.close()
        columns = ", ".join(f"{quoted(column.name)}: '{duckdb_type(column.type)}'" for column in ssd_tables()[table])
        self._connection.execute(
            f"insert into {quoted(self._schema)}.{quoted(table)} by name select * from "  # noqa: S608 - own names
            f"read_json(?, format = 'newline_delimited', columns = {{{columns}}})",
            [file.name],
        )
        self.rows[table] += self._waiting[table]
        self._waiting[table] = 0
