"""The state table and the audit tables: every statement of a run, one a batch, never one a child.

`dbt` decides what is pending; this module only moves a row from pending to in flight and from there to accepted,
rejected or back. What the receiver last accepted (`previous_*`) is written here and nowhere else.
"""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING

from submitter.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from submitter.connection import Connection


def now() -> datetime:
    """Return the time in UTC, to the millisecond that `datetime2(3)` keeps, without a zone."""
    moment = datetime.now(timezone.utc).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Status(str, Enum):
    """The submission statuses that a run picks up."""

    PENDING = "pending"
    ERROR = "error"


class PayloadMode(str, Enum):
    """What goes out for a child of whom the receiver holds something."""

    DELTA = "delta"  # what changed since it was last accepted
    FULL = "full"  # everything, with the same purges and nulls


class Verdict(str, Enum):
    """What one attempt meant for one child, as the audit trail says it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REFUSED = "refused"  # the whole request was turned away unread: nothing was taken
    UNKNOWN = "unknown"  # the receiver may have taken it


@dataclass(frozen=True, slots=True)
class Record:
    """A child in flight: exactly the text to post, and what the audit trail says of it.

    `payload_hash` is the SHA-256 of the content, of which a delta's text is but a part.
    """

    person_id: str
    payload: str
    row_state: str | None
    payload_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A child that waits, and about how many bytes its payload is."""

    person_id: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one child in one attempt; `text` is the receipt or the reason.

    A rejected child is `in_doubt` when the receiver may have taken the same text in an earlier attempt.
    """

    record: Record
    verdict: Verdict
    text: str | None
    in_doubt: bool = False


@dataclass(frozen=True)
class Attempt:
    """One request, as the audit trail names it; `at` is when it was over, UTC."""

    run_id: str
    batch_id: str
    number: int
    http_status: int | None
    request_id: str | None
    milliseconds: int | None
    at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Settlement:
    """What one attempt meant for each child of its request."""

    attempt: Attempt
    answers: Sequence[Answered]


@dataclass(frozen=True)
class Waiting:
    """How many children wait, and how many bytes their payloads are."""

    children: int
    bytes: int


@dataclass(frozen=True)
class RunStart:
    """What is known of a run when it starts; no secret among it."""

    run_id: str
    host: str
    os_user: str
    program_version: str
    endpoint: str
    la_code: str
    payload_mode: str
    configuration: str = "{}"  # JSON


@dataclass(frozen=True)
class RunEnd:
    """What came of a run."""

    accepted: int
    rejected: int
    unknown: int
    outcome: str
    exit_code: int


def lock_name(schema: str, table: str) -> str:
    """Return the name of the lock under which one program at a time writes a state table."""
    return f"csc-submit {schema}.{table}"


# Fifteen parameters each and three besides at most, of which SQL Server takes 2,100 in a statement.
_ANSWERS_AT_ONCE = 139

_RECORD = "person_id, inflight_payload, row_state, coalesce(inflight_hash, current_hash)"

# Both engines know this, and neither knows the other's own word for it.
_FIRST_ROWS = "order by person_id offset 0 rows fetch next {limit} rows only"

# A purge in flight has no hash: the receiver is to hold nothing after it. Any other payload in flight is kept a second
# time, in full, only where what is posted is not in full: it would be a third of the texts that a first run writes.
FULL_IN_FLIGHT = (
    "coalesce(state.inflight_full_payload, case when state.inflight_hash is not null then state.inflight_payload end)"
)
_IS_PURGE_IN_FLIGHT = "state.inflight_full_payload is null and state.inflight_hash is null"
# What was worked out for a change made meanwhile covers the accepted version too, and stays; not so after a purge:
# then the receiver holds nothing that could be taken back.
_NOTHING_TO_TAKE_BACK = f"state.current_hash = state.inflight_hash or {_IS_PURGE_IN_FLIGHT}"
_ACCEPTED = f"""
    previous_json_payload = {FULL_IN_FLIGHT},
    previous_hash = state.inflight_hash,
    partial_json_payload = case when {_NOTHING_TO_TAKE_BACK} then null else state.partial_json_payload end,
    partial_hash = case when {_NOTHING_TO_TAKE_BACK} then null else state.partial_hash end,
    full_json_payload = case when {_NOTHING_TO_TAKE_BACK} then null else state.full_json_payload end,
    doubted_payloads = null,
    row_state = case
        when lower(state.row_state) = 'deleted' then 'deleted'
        when state.current_hash = state.inflight_hash then 'unchanged'
        when {_IS_PURGE_IN_FLIGHT} then 'new'
        else 'updated'
    end,
    submission_status = case
        when lower(state.row_state) = 'deleted' and {_IS_PURGE_IN_FLIGHT} then 'sent'
        when state.current_hash = state.inflight_hash then 'sent'
        else 'pending'
    end,
    error_count = 0
"""

_REJECTED = """
    submission_status = case
        when state.current_hash = state.inflight_hash then 'error'
        when state.inflight_hash is null and lower(state.row_state) = 'deleted' then 'error'
        else 'pending'
    end,
    error_count = coalesce(state.error_count, 0) + 1
"""

# The receiver may hold what it now refused: the next delta must be right either way. A purge leaves nothing to be held.
_REJECTED_IN_DOUBT = f"""{_REJECTED.rstrip()},
    doubted_payloads = concat(
        state.doubted_payloads,
        case when state.doubted_payloads is not null then ',' end,
        coalesce({FULL_IN_FLIGHT}, '{{}}')
    )
"""

_CLEARED = """
    inflight_payload = null,
    inflight_full_payload = null,
    inflight_hash = null,
    inflight_batch_id = null
"""


class StateStore:
    """The three tables of one target. Every method is one transaction that may safely be executed twice."""

    def __init__(self, connection: Connection, schema: str, table: str, mode: PayloadMode = PayloadMode.DELTA) -> None:
        self.mode = mode
        self._connection = connection
        self._server = connection.engine == "sqlserver"
        schema_of_state, _, name = table.rpartition(".")
        home = schema.replace('"', '""')
        self._state = f'"{schema_of_state or home}"."{name}"'
        self._runs = f'"{home}"."submission_run"'
        self._events = f'"{home}"."submission_event"'
        # dbt leaves the first one empty where the payload itself does it: for every child never accepted.
        column = "partial_json_payload" if mode is PayloadMode.DELTA else "full_json_payload"
        self._answers_at_once = _ANSWERS_AT_ONCE if self._server else sys.maxsize
        self._text_to_send = f"coalesce({column}, json_payload)"
        self._is_full_or_purge = f"lower(row_state) = 'deleted' or ({column} is null and current_hash is not null)"
        # SQL Server keeps two bytes a character, of which the wire needs one for most.
        self._size = f"datalength({self._text_to_send}) / 2" if self._server else f"strlen({self._text_to_send})"
        # What finds a row again: DuckDB has no index on person_id.
        self._row = "person_id" if self._server else "rowid"
        # dbt writes small letters. A function would keep SQL Server from its index, whose usual collation ignores case.
        self._status = "submission_status" if self._server else "lower(submission_status)"

    def check(self) -> None:
        """Raise DatabaseError when a table or column that a run writes is missing; read and change no row."""
        for table, columns in (
            (
                self._state,
                (
                    "person_id, json_payload, current_hash, partial_json_payload, partial_hash, full_json_payload, "
                    "previous_json_payload, previous_hash, inflight_payload, inflight_full_payload, inflight_hash, "
                    "inflight_batch_id, doubted_payloads, row_state, submission_status, submission_timestamp, "
                    "api_response, error_count, last_updated"
                ),
            ),
            (self._runs, "run_id, started_at, finished_at, outcome, exit_code, configuration"),
            (self._events, "event_id, run_id, batch_id, attempt, person_id, event, http_status, occurred_at"),
        ):
            self._connection.transaction(Statement(f"select {columns} from {table} where 1 = 0"))

    def waiting(self, *statuses: Status) -> Waiting:
        """Count the children of these statuses and the bytes of their payloads."""
        row = self._connection.transaction(
            Statement(
                f"select count(*), coalesce(sum(cast({self._size} as bigint)), 0) from {self._state} "
                f"where {self._status} in ({_marks(statuses)}) and inflight_payload is null",
                [status.value for status in statuses],
            )
        )[0]
        return Waiting(int(row[0]), int(row[1]))

    def next_children(self, status: Status, before: datetime, after: str, limit: int) -> list[Candidate]:
        """Return the next children of a status, in order of person id.

        Of those rejected, only what was rejected before this run began: a run tries each of them once.
        """
        answered = "and (submission_timestamp is null or submission_timestamp < ?) "
        rows = self._connection.transaction(
            Statement(
                # only the texts of these are measured
                f"select person_id, coalesce({self._size}, 0) from {self._state} where {self._row} in ("
                f"select {self._row} from {self._state} "
                f"where {self._status} = ? and inflight_payload is null and person_id > ? "
                + (answered if status is Status.ERROR else "")
                + _FIRST_ROWS.format(limit=int(limit))
                + ") order by person_id",
                [status.value, after, *([before] if status is Status.ERROR else [])],
            )
        )
        return [Candidate(str(row[0]), int(row[1])) for row in rows]

    def take_off(self, batch_id: str, person_ids: Sequence[str]) -> list[Record]:
        """Write down what is about to be posted, commit, and return it."""
        return self.take_off_together({batch_id: person_ids})[batch_id]

    def take_off_together(self, batches: Mapping[str, Sequence[str]]) -> dict[str, list[Record]]:
        """Write down several batches in one transaction, and return them."""
        children = [(person_id, batch_id) for batch_id, person_ids in batches.items() for person_id in person_ids]
        flying = self._table("flying", {"person_id": "nvarchar(48)", "batch_id": "nvarchar(36)"}, children)
        within, bounds = self._within([person_id for person_id, _ in children])
        rows = self._connection.transaction(
            self._update(
                f"inflight_payload = {self._text_to_send}, "
                f"inflight_full_payload = case when {self._is_full_or_purge} then null else json_payload end, "
                "inflight_hash = case when lower(row_state) = 'deleted' then null else current_hash end, "
                "inflight_batch_id = flying.batch_id, submission_status = 'sending'",
                flying,
                "flying.person_id = state.person_id and state.inflight_payload is null "
                f"and state.json_payload is not null and {self._status} in (?, ?){within}",
                [*(status.value for status in Status), *bounds],
            ),
            Statement(
                f"select inflight_batch_id, {_RECORD} from {self._state} as state "
                f"where inflight_batch_id in ({_marks(batches)}){within} order by person_id",
                [*batches, *bounds],
            ),
        )
        taken: dict[str, list[Record]] = {batch_id: [] for batch_id in batches}
        for batch_id, *record in rows:
            taken[str(batch_id)].append(Record(*record))
        return taken

    def in_flight(self, batch_id: str) -> list[Record]:
        """Return a batch in flight, byte for byte as it was posted."""
        rows = self._connection.transaction(
            Statement(
                f"select {_RECORD} from {self._state} where inflight_batch_id = ? order by person_id",
                [batch_id],
            )
        )
        return [Record(*row) for row in rows]

    def batches_in_flight(self) -> list[str]:
        """Return the batches that an interrupted run, or an unclear answer, left behind."""
        rows = self._connection.transaction(
            Statement(
                f"select distinct inflight_batch_id from {self._state} "
                "where inflight_batch_id is not null and inflight_payload is not null order by inflight_batch_id"
            )
        )
        return [str(row[0]) for row in rows]

    def settle(self, attempt: Attempt, answers: Sequence[Answered]) -> None:
        """Write down what came of an attempt, in the state and in the audit trail, in one transaction.

        Accepted and rejected children land; refused and unknown ones stay in flight.
        """
        self.settle_together([Settlement(attempt, answers)])

    def settle_together(self, settlements: Sequence[Settlement]) -> None:
        """Write down what came of several attempts, in one transaction."""
        moment = now()
        statements: list[Statement] = []
        said = [(settled, answer) for settled in settlements for answer in settled.answers]
        for first in range(0, len(said), self._answers_at_once):
            some = said[first : first + self._answers_at_once]
            statements.append(self._note(some))
            for verdict, in_doubt, changes in (
                (Verdict.ACCEPTED, False, _ACCEPTED),
                (Verdict.REJECTED, False, _REJECTED),
                (Verdict.REJECTED, True, _REJECTED_IN_DOUBT),
            ):
                chosen = [
                    (settled.attempt.batch_id, answer)
                    for settled, answer in some
                    if answer.verdict is verdict and answer.in_doubt is in_doubt
                ]
                if chosen:
                    statements.append(self._settlement(changes, chosen, moment))
        if statements:
            self._connection.transaction(*statements)

    def land(self, batch_id: str, person_ids: Sequence[str], status: Status) -> None:
        """Put children of a batch, of which certainly nothing was taken, back to exactly what they were."""
        self._connection.transaction(
            Statement(
                f"update {self._state} set {_CLEARED.strip()}, submission_status = ? "
                f"where inflight_batch_id = ? and person_id in ({_marks(person_ids)})",
                [status.value, batch_id, *person_ids],
            )
        )

    def start_run(self, run: RunStart, pending: int) -> None:
        """Open the run's line in the audit trail."""
        self._connection.transaction(
            Statement(
                f"insert into {self._runs} (run_id, started_at, host, os_user, program_version, endpoint, la_code, "
                "payload_mode, pending_count, configuration, outcome) select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running' "
                f"where not exists (select 1 from {self._runs} as known where known.run_id = ?)",
                [
                    *(run.run_id, now(), run.host[:128], run.os_user[:128], run.program_version, run.endpoint[:400]),
                    *(run.la_code, run.payload_mode, pending, run.configuration, run.run_id),
                ],
            )
        )

    def end_run(self, run_id: str, end: RunEnd) -> None:
        """Close the run's line in the audit trail."""
        self._connection.transaction(
            Statement(
                f"update {self._runs} set finished_at = ?, accepted_count = ?, rejected_count = ?, unknown_count = ?, "
                "outcome = ?, exit_code = ? where run_id = ?",
                [now(), end.accepted, end.rejected, end.unknown, end.outcome[:400], int(end.exit_code), run_id],
            )
        )

    def _note(self, said: Sequence[tuple[Settlement, Answered]]) -> Statement:
        """Write one event a child and attempt: what was sent, as it was taken off, and what came of it."""
        attempts = {(id(settled), each.verdict): settled.attempt for settled, each in said}
        places = {key: str(place) for place, key in enumerate(attempts)}
        ids = str(uuid.uuid4())[:-8]  # each event has its own last eight digits
        answer, of_answers = self._table(
            "answer",
            {
                "event_id": "nvarchar(36)",
                "person_id": "nvarchar(48)",
                "row_state": "nvarchar(20)",
                "payload_hash": "varbinary(32)",
                "text": "nvarchar(max)",
                "attempt": "nvarchar(10)",
            },
            [
                (
                    *(f"{ids}{number:08x}", each.record.person_id, each.record.row_state, each.record.payload_hash),
                    *(each.text, places[id(settled), each.verdict]),
                )
                for number, (settled, each) in enumerate(said)
            ],
        )
        attempt, of_attempts = self._table(
            "attempt",
            dict.fromkeys(
                (
                    *("place", "verdict", "run_id", "batch_id", "number"),
                    *("http_status", "request_id", "duration_ms", "over_at"),
                ),
                "nvarchar(128)",
            ),
            [
                (
                    *(places[key], key[1].value, each.run_id, each.batch_id, str(each.number)),
                    *(None if each.http_status is None else str(each.http_status), each.request_id),
                    None if each.milliseconds is None else str(each.milliseconds),
                    each.at.isoformat(timespec="milliseconds"),
                )
                for key, each in attempts.items()
            ],
        )
        over_at = f"cast(attempt.over_at as {'datetime2(3)' if self._server else 'timestamp'})"
        # SQL Server's transactions are executed again after a lost connection: all of these were written then, or none
        known, of_known = "", list[object]()
        if self._server:
            moments = [each.at for each in attempts.values()]
            known = (
                f" where not exists (select 1 from {self._events} as known where known.occurred_at "
                "between cast(? as datetime2(3)) and cast(? as datetime2(3)) and known.event_id like ?)"
            )
            of_known = [min(moments), max(moments), f"{ids}%"]
        return Statement(
            f"insert into {self._events} (event_id, run_id, batch_id, attempt, person_id, row_state, event, "
            "http_status, request_id, receipt, reason, duration_ms, payload_hash, occurred_at) "
            "select answer.event_id, attempt.run_id, attempt.batch_id, cast(attempt.number as int), answer.person_id, "
            "answer.row_state, attempt.verdict, cast(attempt.http_status as int), left(attempt.request_id, 128), "
            "case when attempt.verdict = 'accepted' then left(answer.text, 400) end, "
            "case when attempt.verdict <> 'accepted' then answer.text end, cast(attempt.duration_ms as int), "
            f"answer.payload_hash, {over_at} "
            f"from {answer} inner join {attempt} on attempt.place = answer.attempt{known}",
            [*of_answers, *of_attempts, *of_known],
        )

    def _settlement(self, changes: str, answers: Sequence[tuple[str, Answered]], moment: datetime) -> Statement:
        """Settle the children that are still in flight with the batch that was answered."""
        answer = self._table(
            "answer",
            {"person_id": "nvarchar(48)", "batch_id": "nvarchar(36)", "text": "nvarchar(max)"},
            [(each.record.person_id, batch_id, each.text) for batch_id, each in answers],
        )
        within, bounds = self._within([each.record.person_id for _, each in answers])
        return self._update(
            f"{changes.strip()}, {_CLEARED.strip()}, api_response = answer.text, "
            "submission_timestamp = ?, last_updated = ?",
            answer,
            f"answer.person_id = state.person_id and state.inflight_batch_id = answer.batch_id{within}",
            bounds,
            [moment, moment],
        )

    def _update(
        self,
        assignments: str,
        table: tuple[str, list[object]],
        condition: str,
        of_condition: Sequence[object],
        of_assignments: Sequence[object] = (),
    ) -> Statement:
        """Update the state from a table of values, in either engine's words for it."""
        source, values = table
        if self._server:
            sql = f"update state set {assignments} from {self._state} as state inner join {source} on {condition}"
        else:
            sql = f"update {self._state} as state set {assignments} from {source} where {condition}"
        return Statement(sql, [*of_assignments, *values, *of_condition])

    def _table(
        self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[str | bytes | None, ...]]
    ) -> tuple[str, list[object]]:
        """Return a table of values to join with, and its parameters; `columns` are their types in SQL Server.

        It is told each of them because a driver cannot tell that of an empty parameter.
        """
        names = ", ".join(columns)
        if self._server:
            row = f"({', '.join(f'cast(? as {kind})' for kind in columns.values())})"
            return (
                f"(values {', '.join([row] * len(rows))}) as {name} ({names})",
                [value for values in rows for value in values],
            )
        # A list a column: thousands of parameters would take DuckDB longer than the rest. So does a column without a
        # name of its own, which it makes from all that the list holds.
        lists = ", ".join(
            f"unnest(cast(? as {'blob' if kind.startswith('varbinary') else 'varchar'}[])) as {column}"
            for column, kind in columns.items()
        )
        return f"(select {lists}) as {name}", [list(column) for column in zip(*rows, strict=True)]

    def _within(self, person_ids: Sequence[str]) -> tuple[str, list[object]]:
        """Return a condition that spares DuckDB, which has no index, the texts of all other children."""
        if self._server:
            return "", []
        return " and state.person_id between ? and ?", [min(person_ids), max(person_ids)]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" for _ in values)
