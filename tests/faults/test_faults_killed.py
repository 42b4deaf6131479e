"""The process dies at each point of a run; one clean run afterwards brings receiver and state to the truth."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from fault_receiver import MOMENTS, Fault
from fault_stage import settings_for
from kill_driver import POINTS, Point, killed

if TYPE_CHECKING:
    from pathlib import Path

    from fault_stage import Interrupted, Stage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot kill itself there as SIGKILL does")

# So that the run does all that it can do: replays, names a bad record, finds no way for one batch, tries again.
BUSY = [Fault(), Fault(400, body="[0]: no"), Fault(), Fault(429), Fault(429), Fault(500), Fault()]
OFTEN = ("before answers are settled", "after answers are settled", "before a post", "after a post")
CASES = [
    *((point, 1) for point in POINTS),
    *((point, nth) for point in OFTEN for nth in (2, 4)),
    ("before a batch is taken off", 2),
    ("after a batch is taken off", 2),
]


@pytest.fixture
def stage(cut_off: Interrupted, stage: Stage, tmp_path: Path) -> Stage:
    return cut_off.once_more(tmp_path, stage.receiver)


@pytest.mark.parametrize(("point", "nth"), CASES)
def test_the_sender_dies(stage: Stage, point: str, nth: int) -> None:
    stage.receiver.faults = list(BUSY)
    settings = settings_for(stage.receiver.base_url, csc_workers=1)
    assert killed(stage.receiver, settings, stage.target, Point(point, nth))
    after_the_death(stage)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_sender_dies_while_it_waits_for_the_answer(stage: Stage, moment: str, workers: int) -> None:
    settings = settings_for(stage.receiver.base_url, csc_workers=workers)
    assert killed(stage.receiver, settings, stage.target, Point(""), moment)
    after_the_death(stage)


def after_the_death(stage: Stage) -> None:
    stage.claims()
    stage.receiver.faults.clear()
    posted = len(stage.receiver.posted)
    code, said = stage.run()
    assert code == 0, said
    stage.truth()
    assert stage.run()[0] == 0
    # each child once, and once more where a replay was of another version
    later = [person_id for batch in stage.receiver.posted[posted:] for person_id in batch]
    assert all(later.count(person_id) <= 2 for person_id in set(later))
