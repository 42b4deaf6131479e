"""Takes over the state table of an earlier pipeline, with what its rows prove.

Proof is a row whose status is `Sent`: the receiver took its `json_payload`. Of any other row that was built or sent
before, it is only known that the receiver may hold something of the child: when the child is in the cohort no longer,
the next `dbt build` makes it a purge; when it is, a full payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.connection import Statement
from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from submitter.connection import Connection

# What the earlier pipeline's table must have to be one.
_NEEDED = ("id", "person_id", "json_payload", "row_state", "submission_status", "submission_timestamp")

# The columns of model ssd_api_data_staging: name, type on SQL Server, type on DuckDB.
COLUMNS = (
    ("person_id", "nvarchar(48)", "varchar"),
    ("legacy_id", "nvarchar(48)", "varchar"),
    ("json_payload", "nvarchar(max)", "varchar"),
    ("current_hash", "binary(32)", "blob"),
    ("partial_json_payload", "nvarchar(max)", "varchar"),
    ("previous_json_payload", "nvarchar(max)", "varchar"),
    ("previous_hash", "binary(32)", "blob"),
    ("inflight_payload", "nvarchar(max)", "varchar"),
    ("inflight_full_payload", "nvarchar(max)", "varchar"),
    ("inflight_hash", "binary(32)", "blob"),
    ("inflight_batch_id", "nvarchar(36)", "varchar"),
    ("row_state", "nvarchar(20)", "varchar"),
    ("submission_status", "nvarchar(20)", "varchar"),
    ("submission_timestamp", "datetime2(3)", "timestamp"),
    ("api_response", "nvarchar(max)", "varchar"),
    ("error_count", "int", "integer"),
    ("last_updated", "datetime2(3)", "timestamp"),
    ("partial_hash", "binary(32)", "blob"),
    ("full_json_payload", "nvarchar(max)", "varchar"),
    ("doubted_payloads", "nvarchar(max)", "varchar"),
)
_ADOPTED = {"inflight_payload", "inflight_full_payload", "inflight_hash", "inflight_batch_id", "error_count"}

_ACCEPTED = "lower(submission_status) = 'sent' and lower(row_state) <> 'deleted' and json_payload like '{%}'"
_PURGED = "lower(submission_status) = 'sent' and lower(row_state) = 'deleted'"
_MAYBE = "(previous_json_payload is not null or previous_hash is not null or submission_timestamp is not null)"


@dataclass(frozen=True)
class Column:
    """A column as the database has it; `length` in characters, -1 for max, none where there is none."""

    type: str
    length: int | None


@dataclass(frozen=True)
class Findings:
    """How many rows of the earlier table mean what."""

    rows: int
    without_id: int
    repeated: int
    accepted: int
    purged: int
    maybe_held: int
    never_sent: int


@dataclass(frozen=True)
class Plan:
    """What adoption finds and will do; no statement when the table is adopted already."""

    table: str
    backup: str
    findings: Findings
    statements: tuple[Statement, ...]


def plan(connection: Connection, schema: str, table: str, source: str | None, moment: datetime) -> Plan:
    """Read the table and return what adoption would do; change nothing.

    `source` is a `schema.table` to copy from when the earlier table is elsewhere; `table` then must not exist yet.
    Raises ConfigurationError when there is no such table or it is none of the earlier pipeline's.
    """
    return _Adoption(connection, schema, table, source, moment).plan()


class _Adoption:
    def __init__(self, connection: Connection, schema: str, table: str, source: str | None, moment: datetime) -> None:
        self._connection = connection
        self._server = connection.engine == "sqlserver"
        self._home = schema
        self._name = table
        self._here = _quoted(schema, table)
        self._here_said = self._here.replace("'", "''")  # within a literal
        self._source_schema, _, self._source_name = (source or f"{schema}.{table}").rpartition(".")
        self._source = _quoted(self._source_schema, self._source_name)
        self._is_elsewhere = (self._source_schema.lower(), self._source_name.lower()) != (schema.lower(), table.lower())
        self._moment = moment
        self._backup_name = f"{table}_before_{moment:%Y%m%d_%H%M%S}"
        self._backup = self._source if self._is_elsewhere else _quoted(schema, self._backup_name)

    def plan(self) -> Plan:
        here = self._columns(self._home, self._name)
        if self._is_elsewhere and here:
            raise ConfigurationError(
                f"{self._here} exists already, so nothing can be copied there.",
                "Drop it if it holds nothing that counts, or leave --from out.",
            )
        found = self._columns(self._source_schema, self._source_name)
        if not found:
            raise ConfigurationError(f"There is no table {self._source}.", "Name the earlier table with --from.")
        if found.keys() >= {name for name, _, _ in COLUMNS}:
            return Plan(self._here, self._backup, self._findings(found), ())
        missing = [name for name in _NEEDED if name not in found]
        if missing or found.keys() & _ADOPTED:
            lacking = ", ".join(missing) if missing else ", ".join(sorted(_ADOPTED - found.keys()))
            raise ConfigurationError(
                f"{self._source} is no state table of the earlier pipeline: it lacks {lacking}.",
                "Name the right table with --from.",
            )
        return Plan(self._here, self._backup, self._findings(found), tuple(self._statements(found)))

    def _columns(self, schema: str, table: str) -> dict[str, Column]:
        rows = self._connection.transaction(
            Statement(
                "select lower(column_name), lower(data_type), character_maximum_length "
                "from information_schema.columns where lower(table_schema) = ? and lower(table_name) = ?",
                [schema.lower(), table.lower()],
            )
        )
        return {str(name): Column(str(kind), None if length is None else int(length)) for name, kind, length in rows}

    def _findings(self, columns: Mapping[str, Column]) -> Findings:
        maybe = _known_columns(_MAYBE, columns)
        row = self._connection.transaction(
            Statement(
                "select count(*)"
                ", coalesce(sum(case when ranked.child is null then 1 else 0 end), 0)"
                ", coalesce(sum(case when ranked.child is not null and ranked.place > 1 then 1 else 0 end), 0)"
                + "".join(
                    f", coalesce(sum(case when ranked.child is not null and ranked.place = 1 and {condition}"
                    " then 1 else 0 end), 0)"
                    for condition in (
                        "ranked.is_accepted = 1",
                        "ranked.is_purged = 1",
                        "ranked.is_accepted = 0 and ranked.is_purged = 0 and ranked.is_maybe = 1",
                        "ranked.is_accepted = 0 and ranked.is_purged = 0 and ranked.is_maybe = 0",
                    )
                )
                + f" from (select {_CHILD} as child, {_PLACE} as place, {_flag(_ACCEPTED)} as is_accepted, "
                f"{_flag(_PURGED)} as is_purged, {_flag(maybe)} as is_maybe from {self._source}) as ranked"
            )
        )[0]
        return Findings(*(int(value) for value in row))

    def _statements(self, found: Mapping[str, Column]) -> list[Statement]:
        copy = (self._source, self._here) if self._is_elsewhere else (self._here, self._backup)
        texts = [
            f"select * into {copy[1]} from {copy[0]}"
            if self._server
            else f"create table {copy[1]} as select * from {copy[0]}"
        ]
        if self._server and not self._is_elsewhere:
            texts += [self._without_constraints(), self._without_clustered_key()]
        texts += self._columns_made_fit(found)
        # asked of the backup: a hash of the wrong kind is gone from the table by then
        maybe = f"id in (select id from {self._backup} where {_known_columns(_MAYBE, found)})"
        hashed = (
            "cast(hashbytes('sha2_256', cast(json_payload as nvarchar(max))) as binary(32))"
            if self._server
            else "unhex(sha256(json_payload))"
        )
        texts += [
            (
                f"delete from {self._here} where {_CHILD} is null or id in (select ranked.id from "
                f"(select id, {_PLACE} as place from {self._here}) as ranked where ranked.place > 1)"
            ),
            (
                f"update {self._here} set person_id = {_CHILD}, error_count = 0"
                f", previous_json_payload = case when {_ACCEPTED} then json_payload end"
                # without its payload it says that the receiver may hold something
                f", previous_hash = case when {_ACCEPTED} then {hashed}"
                f" when not ({_PURGED}) and {maybe} then {hashed} end"
                f", current_hash = case when {_ACCEPTED} then {hashed} end"
                # so that the next payload takes back what of it is no more
                f", doubted_payloads = case when not ({_ACCEPTED}) and not ({_PURGED}) and {maybe}"
                " and json_payload like '{%}' then json_payload end"
                # the next dbt build decides about those; until then csc-submit leaves them alone
                f", row_state = case when {_ACCEPTED} then 'unchanged' when {_PURGED} then 'deleted' else 'new' end"
                f", submission_status = case when {_ACCEPTED} or ({_PURGED}) then 'sent' else 'held' end"
                ", partial_json_payload = null, last_updated = coalesce(last_updated, ?)"
            ),
        ]
        return [Statement(text, [self._moment] if "?" in text else []) for text in texts]

    def _columns_made_fit(self, found: Mapping[str, Column]) -> list[str]:
        """Add what is missing, lengthen what is short, and make hashes anew that are none of 32 bytes."""
        texts = []
        for name, server_type, duckdb_type in COLUMNS:
            kind = server_type if self._server else duckdb_type
            column = found.get(name)
            if column is None:
                texts.append(f"alter table {self._here} add {'' if self._server else 'column '}{name} {kind}")
            elif self._server and kind.startswith("binary") and (column.type, column.length) != ("binary", 32):
                texts += [f"alter table {self._here} drop column {name}", f"alter table {self._here} add {name} {kind}"]
            elif self._server and kind.startswith("nvarchar") and not _is_long_enough(column, kind):
                texts.append(f"alter table {self._here} alter column {name} {kind}")
        return texts

    def _without_constraints(self) -> str:
        """Drop defaults and checks: they stand in the way of longer columns and of statuses the old tool lacked."""
        mine = f"where parent_object_id = object_id(N'{self._here_said}')"
        return (
            "declare @sql nvarchar(max) = N''; "
            f"select @sql = @sql + N'alter table {self._here_said} drop constraint ' + quotename(found.name) + N'; ' "
            f"from (select name from sys.default_constraints {mine} "
            f"union all select name from sys.check_constraints {mine}) as found; "
            "exec sp_executesql @sql"
        )

    def _without_clustered_key(self) -> str:
        """Make a clustered primary key a nonclustered one: dbt clusters the table by person_id."""
        return (
            "declare @name sysname, @sql nvarchar(max); "
            "select @name = name from sys.indexes "
            f"where object_id = object_id(N'{self._here_said}') and type = 1 and is_primary_key = 1; "
            "if @name is not null begin "
            f"set @sql = N'alter table {self._here_said} drop constraint ' + quotename(@name) + N'; "
            f"alter table {self._here_said} add constraint ' + quotename(@name) + N' primary key nonclustered (id)'; "
            "exec sp_executesql @sql; end"
        )


_CHILD = "nullif(ltrim(rtrim(person_id)), '')"
# Of two rows for one child: what was sent, then what was sent last, then the later row.
_PLACE = (
    f"row_number() over (partition by {_CHILD} order by case when lower(submission_status) = 'sent' then 0 else 1 end, "
    "case when submission_timestamp is null then 1 else 0 end, submission_timestamp desc, id desc)"
)


def _flag(condition: str) -> str:
    return f"case when {condition} then 1 else 0 end"


def _known_columns(condition: str, columns: Mapping[str, Column]) -> str:
    """Leave out of an `or` what the table has no column for."""
    parts = condition.strip("()").split(" or ")
    return "(" + " or ".join(part for part in parts if part.split()[0] in columns) + ")"


def _is_long_enough(column: Column, kind: str) -> bool:
    wanted = kind[len("nvarchar(") : -1]
    if column.type != "nvarchar":
        return False
    return column.length == -1 or (wanted != "max" and (column.length or 0) >= int(wanted))


def _quoted(schema: str, table: str) -> str:
    if not schema:
        raise ConfigurationError(f"{table} has no schema.", "Write schema.table.")
    return '"' + schema.replace('"', '""') + '"."' + table.replace('"', '""') + '"'


def carry_out(connection: Connection, decided: Plan) -> None:
    """Do what was planned, in one transaction. Raises DatabaseError, and then has changed nothing."""
    if decided.statements:
        connection.transaction(*decided.statements)


def as_script(statements: Sequence[Statement]) -> str:
    """Return the statements as a person reads them."""
    return "\n".join(statement.sql.replace("?", "sysutcdatetime()") + ";" for statement in statements)
