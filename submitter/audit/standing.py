"""How things stand: what waits, what is in flight since when, the last run, and whether one is going on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.audit.trail import RunLine, Trail
from submitter.connection import Statement
from submitter.errors import DatabaseError
from submitter.state import Status

if TYPE_CHECKING:
    from datetime import datetime

    from submitter.audit.tables import Tables
    from submitter.connection import Connection
    from submitter.state import StateStore

_IN_FLIGHT = "child.inflight_batch_id is not null and child.inflight_payload is not null"
# 1 when the lock could be had; nothing is taken.
_LOCK_IS_FREE = "select applock_test(N'public', cast(? as nvarchar(255)), N'Exclusive', N'Session')"


@dataclass(frozen=True)
class Waits:
    """Children that wait, the bytes of their payloads, and the batches that these make at least."""

    children: int
    bytes: int
    batches: int


@dataclass(frozen=True)
class FlyingBatch:
    """A batch that left and has no answer; `since` (UTC) and `run_id` are None when no attempt was written down."""

    batch_id: str
    children: int
    since: datetime | None
    run_id: str | None


@dataclass(frozen=True)
class Standing:
    """How things stand. Every child of the state is in one of the counts from `pending` to `other`.

    `sent` is made of those unchanged, of whom the receiver holds what was last built, and those deleted, whose purge it
    took. `lock_held` is None where that cannot be told.
    """

    pending: Waits
    pending_new: int
    pending_updated: int
    pending_deleted: int
    rejected: Waits
    held: int
    in_flight: int
    sent: int
    sent_unchanged: int
    sent_deleted: int
    other: int
    batches_in_flight: tuple[FlyingBatch, ...]
    last_run: RunLine | None
    lock_held: bool | None

    @property
    def is_running(self) -> bool:
        """Whether a run is going on: by the lock, which ends with its session, else by what the last run wrote."""
        if self.lock_held is not None:
            return self.lock_held
        return self.last_run_says_running

    @property
    def last_run_says_running(self) -> bool:
        """Whether the last run has not written down its end: it goes on, or was killed."""
        return self.last_run is not None and self.last_run.finished_at is None


def standing(store: StateStore, connection: Connection, tables: Tables, *, batch_size: int, lock: str) -> Standing:
    """Read how things stand; change nothing and take no lock.

    `store` says how many bytes wait, `lock` is the name of the lock that a run takes. Raises DatabaseError.
    """
    counts = _counts(connection, tables)
    by_status: Counter[str] = Counter()
    for (status, _), children in counts.items():
        by_status[status] += children
    known = ("pending", "error", "held", "sent", "in flight")
    return Standing(
        pending=_waits(store, Status.PENDING, batch_size),
        pending_new=counts["pending", "new"],
        pending_updated=counts["pending", "updated"],
        pending_deleted=counts["pending", "deleted"],
        rejected=_waits(store, Status.ERROR, batch_size),
        held=by_status["held"],
        in_flight=by_status["in flight"],
        sent=by_status["sent"],
        sent_unchanged=counts["sent", "unchanged"],
        sent_deleted=counts["sent", "deleted"],
        other=sum(children for status, children in by_status.items() if status not in known),
        batches_in_flight=tuple(_flying(connection, tables)),
        last_run=Trail(connection, tables).last_run(),
        lock_held=_lock_held(connection, lock),
    )


def _waits(store: StateStore, status: Status, batch_size: int) -> Waits:
    waiting = store.waiting(status)
    return Waits(waiting.children, waiting.bytes, -(-waiting.children // batch_size))


def _counts(connection: Connection, tables: Tables) -> Counter[tuple[str, str]]:
    rows = connection.transaction(
        Statement(
            "select status, kind, count(*) from (select case when inflight_payload is not null then 'in flight' "
            "else lower(coalesce(submission_status, '')) end as status, lower(coalesce(row_state, '')) as kind "
            f"from {tables.state}) as child group by status, kind"
        )
    )
    return Counter({(str(row[0]), str(row[1])): int(row[2]) for row in rows})


def _flying(connection: Connection, tables: Tables) -> list[FlyingBatch]:
    children = connection.transaction(
        Statement(
            f"select child.inflight_batch_id, count(*) from {tables.state} as child where {_IN_FLIGHT} "
            "group by child.inflight_batch_id order by child.inflight_batch_id"
        )
    )
    attempts = connection.transaction(
        Statement(
            f"select child.inflight_batch_id, answer.run_id, min(answer.occurred_at) from {tables.state} as child "
            f"inner join {tables.events} as answer on answer.person_id = child.person_id "
            f"and answer.batch_id = child.inflight_batch_id where {_IN_FLIGHT} "
            "group by child.inflight_batch_id, answer.run_id order by min(answer.occurred_at) desc"
        )
    )
    first = {str(row[0]): (row[2], str(row[1])) for row in attempts}  # the earliest comes last and stays
    return [FlyingBatch(str(row[0]), int(row[1]), *first.get(str(row[0]), (None, None))) for row in children]


def _lock_held(connection: Connection, lock: str) -> bool | None:
    if connection.engine != "sqlserver":
        return False  # a run would have kept us from opening the file
    try:
        rows = connection.transaction(Statement(_LOCK_IS_FREE, [lock]))
    except DatabaseError:  # all else could be read: a server that cannot tell this is no failure
        return None
    free = rows[0][0] if rows else None
    return None if free is None else int(free) == 0
