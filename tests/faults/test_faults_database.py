"""The database fails at each transaction of a run, before or after its commit; a clean run brings the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fault_receiver import Fault
from fault_stage import Stage, copied, interrupted
from kill_driver import FailingConnection

from submitter.dbt_profile import DuckDbTarget

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State

    from submitter.connection import Connection


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("is_committed", [False, True], ids=["before the commit", "after the commit"])
def test_each_transaction_fails(
    stage: Stage, template: State, tmp_path: Path, workers: int, *, is_committed: bool
) -> None:
    at = 0
    code = 3
    while code == 3:
        at += 1
        (tmp_path / str(at)).mkdir()
        state = copied(template, tmp_path / str(at))
        fresh = Stage(DuckDbTarget(state.path, "csc"), state.execute, stage.receiver)
        stage.receiver.held.clear()
        interrupted(fresh)
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
