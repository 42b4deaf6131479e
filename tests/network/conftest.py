"""A state table with one child whose data are easily recognised in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from submit_stage import State, payload

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "children.duckdb")
    made.create()
    made.put("p1", payload("p1", surname="Plantedson", first_name="Zebedee", date_of_birth="2012-02-29"))
    return made
