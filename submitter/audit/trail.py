"""Reads the audit trail: the runs, a run's batches, and what became of each child in each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from submitter.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from submitter.audit.tables import Tables
    from submitter.connection import Connection

_EVENTS_AT_ONCE = 5000
_THE_BEGINNING = datetime(1900, 1, 1)  # noqa: DTZ001 - the database keeps UTC without a zone


@dataclass(frozen=True)
class RunLine:
    """One run. Times are UTC; `children` were posted, whatever came of it.

    `configuration` is its settings as JSON. What a run that was killed did not count is counted from its events; its
    `unknown` stays None.
    """

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    host: str | None
    os_user: str | None
    program_version: str | None
    endpoint: str | None
    la_code: str | None
    payload_mode: str | None
    waiting: int | None
    children: int
    accepted: int
    rejected: int
    unknown: int | None
    outcome: str | None
    exit_code: int | None
    configuration: str | None


@dataclass(frozen=True)
class BatchLine:
    """One batch of a run; `open` children got neither a receipt nor a reason in this run."""

    batch_id: str
    first_at: datetime
    last_at: datetime
    attempts: int
    children: int
    accepted: int
    rejected: int
    open: int
    lowest_status: int | None
    highest_status: int | None


@dataclass(frozen=True)
class Event:
    """What one request meant for one child; `answer` is the receipt or the reason."""

    event_id: str
    occurred_at: datetime
    run_id: str | None
    batch_id: str | None
    attempt: int | None
    person_id: str
    row_state: str | None
    event: str
    http_status: int | None
    request_id: str | None
    answer: str | None
    milliseconds: int | None


_VERDICTS = (
    "count(distinct person_id) as children, "
    "sum(case when event = 'accepted' then 1 else 0 end) as accepted, "
    "sum(case when event = 'rejected' then 1 else 0 end) as rejected"
)
_EVENT_COLUMNS = (
    "event_id, occurred_at, run_id, batch_id, attempt, person_id, row_state, event, http_status, request_id, "
    "coalesce(receipt, reason), duration_ms"
)


class Trail:
    """The audit trail of one target. Every method only reads, and raises DatabaseError."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self._connection = connection
        self._tables = tables

    def runs(self, since: datetime) -> list[RunLine]:
        """Return the runs that began at or after a moment (UTC), the latest first."""
        return self._runs("occurred_at >= ?", "run.started_at >= ?", since)

    def run(self, run_id: str) -> RunLine | None:
        """Return one run; None when there is none."""
        found = self._runs("run_id = ?", "run.run_id = ?", run_id)
        return found[0] if found else None

    def last_run(self) -> RunLine | None:
        """Return the run that began last; None when there is none."""
        rows = self._connection.transaction(
            Statement(
                f"select run_id from {self._tables.runs} order by started_at desc, run_id "
                "offset 0 rows fetch next 1 rows only"
            )
        )
        return self.run(str(rows[0][0])) if rows else None

    def batches(self, run_id: str) -> list[BatchLine]:
        """Return a run's batches in the order in which they left."""
        rows = self._connection.transaction(
            Statement(
                "select batch_id, first_at, last_at, attempts, children, accepted, rejected, "
                "children - accepted - rejected, lowest_status, highest_status from ("
                f"select batch_id, min(occurred_at) as first_at, max(occurred_at) as last_at, {_VERDICTS}, "
                "max(attempt) as attempts, min(http_status) as lowest_status, max(http_status) as highest_status "
                f"from {self._tables.events} where run_id = ? group by batch_id) as batch order by first_at, batch_id",
                [run_id],
            )
        )
        return [BatchLine(*row) for row in rows]

    def events_of_run(self, run_id: str) -> Iterator[Event]:
        """Yield a run's events in the order of time, a page in memory at once."""
        return self._events("run_id = ?", run_id, _THE_BEGINNING)

    def events_of_child(self, person_id: str, since: datetime | None) -> Iterator[Event]:
        """Yield a child's events in the order of time, from a moment (UTC) on if one is given."""
        return self._events("person_id = ?", person_id, since or _THE_BEGINNING)

    def _runs(self, of_events: str, of_runs: str, value: object) -> list[RunLine]:
        rows = self._connection.transaction(
            Statement(
                "select run.run_id, run.started_at, run.finished_at, run.host, run.os_user, run.program_version, "
                "run.endpoint, run.la_code, run.payload_mode, run.pending_count, coalesce(told.children, 0), "
                "coalesce(run.accepted_count, told.accepted, 0), coalesce(run.rejected_count, told.rejected, 0), "
                f"run.unknown_count, run.outcome, run.exit_code, run.configuration from {self._tables.runs} as run "
                f"left join (select run_id, {_VERDICTS} from {self._tables.events} where {of_events} group by run_id) "
                f"as told on told.run_id = run.run_id where {of_runs} order by run.started_at desc, run.run_id",
                [value, value],
            )
        )
        return [RunLine(*row[:10], *map(int, row[10:13]), *row[13:]) for row in rows]

    def _events(self, condition: str, value: str, since: datetime) -> Iterator[Event]:
        moment, last = since, ""
        while True:
            page = self._page(condition, [value, moment, moment, last])
            yield from page
            if len(page) < _EVENTS_AT_ONCE:
                return
            moment, last = page[-1].occurred_at, page[-1].event_id

    def _page(self, condition: str, parameters: Sequence[object]) -> list[Event]:
        rows = self._connection.transaction(
            Statement(
                f"select {_EVENT_COLUMNS} from {self._tables.events} where {condition} "
                "and (occurred_at > ? or (occurred_at = ? and event_id > ?)) order by occurred_at, event_id "
                f"offset 0 rows fetch next {_EVENTS_AT_ONCE} rows only",
                parameters,
            )
        )
        return [Event(*row) for row in rows]
