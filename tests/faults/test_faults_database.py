"""The database fails at each transaction of a run, before or after its commit; a clean run brings the truth."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fault_receiver import Fault
from fault_stage import STATE, Stage
from kill_driver import FailingConnection, WrappedConnection
from submit_stage import State

from submitter.connection import Statement
from submitter.dbt_profile import DuckDbTarget

if TYPE_CHECKING:
    from pathlib import Path

    from fault_stage import Interrupted

    from submitter.connection import Connection


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("is_committed", [False, True], ids=["before the commit", "after the commit"])
def test_each_transaction_fails(
    stage: Stage, cut_off: Interrupted, tmp_path: Path, workers: int, *, is_committed: bool
) -> None:
    at = 0
    code = 3
    while code == 3:
        at += 1
        (tmp_path / str(at)).mkdir()
        fresh = cut_off.once_more(tmp_path / str(at), stage.receiver)
        stage.receiver.faults = [Fault(400, body="[0]: no"), Fault(429), Fault(429), Fault(500)]

        def failing(connection: Connection, at: int = at) -> Connection:
            return FailingConnection(connection, at, is_committed)

        code, said = fresh.run(failing, csc_workers=workers)
        assert ("The database failed" in said) == (code == 3)
        assert "Traceback" not in said
        fresh.claims()
        stage.receiver.faults.clear()
        assert fresh.run()[0] == 0
        fresh.truth()
    assert at > 12


def test_a_slow_database_is_not_outrun(stage: Stage, tmp_path: Path) -> None:
    """What is in flight stays bounded when the receiver answers sooner than the database writes."""
    state = State(tmp_path / "many.duckdb")
    state.create()
    state.put_many(100)
    in_flight: list[int] = []
    slow = Stage(DuckDbTarget(state.path, "csc"), state.execute, stage.receiver)
    assert slow.run(lambda connection: SlowConnection(connection, in_flight), batch_size=1, csc_workers=4)[0] == 0
    assert set(state.statuses().values()) == {"sent"}
    assert 1 < max(in_flight) < 60


@dataclass
class SlowConnection(WrappedConnection):
    """A connection that takes its time for each transaction, and notes how many children are in flight after it."""

    in_flight: list[int]

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        time.sleep(0.15)
        rows = super().transaction(*statements)
        count = Statement(f"select count(*) from {STATE} where inflight_payload is not null")
        self.in_flight.append(super().transaction(count)[0][0])
        return rows
