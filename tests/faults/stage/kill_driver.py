"""A delivery in a process of its own that kills itself, as by SIGKILL, at a named point; and one that is told to fail.

The process is forked from a server that has all imported, so that it starts at once.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forked_command import forking
from rich.console import Console

from submitter.connection import opened
from submitter.delivery import Delivery
from submitter.endpoint import Answer, Endpoint
from submitter.errors import DatabaseError, SubmitError
from submitter.log import logging_to
from submitter.state import lock_name
from submitter.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection as Pipe

    from fault_receiver import FaultyReceiver

    from submitter.connection import Connection, Statement
    from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
    from submitter.settings import Settings

# What tells the transactions of a run apart, in this order.
_TRANSACTIONS = {
    "the check of the tables": "where 1 = 0",
    "the count": "select count(*)",
    "the list of what is in flight": "select distinct inflight_batch_id",
    "the run's first line": "(run_id, started_at,",
    "the run's last line": "finished_at = ",
    "a batch in flight is read": "select person_id, inflight_payload",
    "a page of ids": "fetch next",
    "a batch is taken off": "submission_status = 'sending'",
    "answers are settled": "(event_id, run_id,",
    "a batch is put back": "submission_status = ? where inflight_batch_id",
}
POINTS = [
    *(f"{when} {what}" for what in _TRANSACTIONS for when in ("before", "after")),
    "before a post",
    "after a post",
]


def transaction_of(statements: Sequence[Statement]) -> str:
    """Return which of the run's transactions this is."""
    sql = statements[0].sql
    return next(what for what, mark in _TRANSACTIONS.items() if mark in sql)


@dataclass
class Point:
    """The nth time a point is reached."""

    name: str
    nth: int = 1

    def reached(self, name: str) -> None:
        if name == self.name:
            self.nth -= 1
            if self.nth == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class WrappedConnection:
    """A connection that does what another does."""

    inner: Connection
    engine: str = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.inner.engine

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        return self.inner.transaction(*statements)

    def close(self) -> None:
        self.inner.close()


@dataclass
class DeadlyConnection(WrappedConnection):
    """A connection whose process dies before or after one of its transactions."""

    point: Point

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        what = transaction_of(statements)
        self.point.reached(f"before {what}")
        rows = self.inner.transaction(*statements)
        self.point.reached(f"after {what}")
        return rows


@dataclass
class FailingConnection(WrappedConnection):
    """A connection that fails once: at its nth transaction, before or after the commit."""

    at: int
    is_committed: bool
    seen: int = 0

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        self.seen += 1
        if self.seen == self.at and not self.is_committed:
            raise DatabaseError("The database failed before the commit.", "Try again.")
        rows = self.inner.transaction(*statements)
        if self.seen == self.at:
            raise DatabaseError("The database failed after the commit.", "Try again.")
        return rows


class DeadlyEndpoint(Endpoint):
    """An endpoint whose process dies before a post, or after it and before anybody knows the answer."""

    def __init__(self, settings: Settings, point: Point) -> None:
        super().__init__(settings)
        self._point = point

    def post(self, payloads: Sequence[str], token: str) -> Answer:
        self._point.reached("before a post")
        answer = super().post(payloads, token)
        self._point.reached("after a post")
        return answer


def _doomed(pipe: Pipe, settings: Settings, target: DuckDbTarget | SqlServerTarget, point: Point) -> None:
    pipe.recv()
    with (
        logging_to(None, None) as log,
        opened(target, lock_name(target.schema, settings.table_name), "200MB") as connection,
    ):
        delivery = Delivery(
            Console(file=io.StringIO()),
            settings,
            target,
            DeadlyConnection(connection, point),
            Stop(),
            lambda: DeadlyEndpoint(settings, point),
            log,
        )
        try:
            sys.exit(int(delivery.carry_out()))
        except SubmitError as error:
            sys.exit(int(error.exit_code))


def killed(
    receiver: FaultyReceiver,
    settings: Settings,
    target: DuckDbTarget | SqlServerTarget,
    point: Point,
    moment: str | None = None,
) -> bool:
    """Run a delivery that is to die at a point, or at a moment of the receiver's; return whether it did."""
    context = forking()
    mine, its = context.Pipe()
    process = context.Process(target=_doomed, args=(its, settings, target, point))
    process.start()
    if moment is not None:
        assert process.pid is not None
        receiver.kill = (process.pid, moment)
    mine.send("go")
    process.join(60)
    assert not process.is_alive()
    return process.exitcode == -signal.SIGKILL
