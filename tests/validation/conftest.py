"""The state table in DuckDB, the command and the stand-in receiver, as the submitter's own tests have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from submit_stage import CONFIG, State, Submit

from submitter.receiver.serve import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from submitter.receiver.serve import RunningReceiver


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "children.duckdb")
    made.create()
    return made


@pytest.fixture
def submit(state: State, tmp_path: Path) -> Submit:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Submit(state, folder)


@pytest.fixture
def receiver() -> Iterator[RunningReceiver]:
    with serve(CONFIG) as running:
        yield running
