"""The fixtures of the fault suite."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from fault_receiver import faulty_receiver
from fault_stage import Interrupted, Stage, copied, interrupted, made

from submitter.dbt_profile import DuckDbTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from submit_stage import State


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> State:
    return made(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def stage(template: State, tmp_path: Path) -> Iterator[Stage]:
    with faulty_receiver() as receiver:
        state = copied(template, tmp_path)
        yield Stage(DuckDbTarget(state.path, "csc"), state.execute, receiver)


@pytest.fixture(scope="module")
def cut_off(template: State, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    """One interrupted run, from which many tests go on."""
    with faulty_receiver() as receiver:
        state = copied(template, tmp_path_factory.mktemp("interrupted"))
        interrupted(Stage(DuckDbTarget(state.path, "csc"), state.execute, receiver))
        return Interrupted(state, deepcopy(receiver.held))
