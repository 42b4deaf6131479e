"""The state table in DuckDB and the command, as the submitter's own tests have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from submit_stage import State, Submit

if TYPE_CHECKING:
    from pathlib import Path


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
