"""The law: apply every accepted payload in order to an empty receiver, and it holds exactly the current payloads.

Children are independent, so one dbt run a day serves as many histories as there are. CSC_TEST_HISTORIES says how many
are played, 2,000 unless said.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from dbt_project_runner import copied_project
from history import History, drawn
from law_engine import DuckDbEngine
from law_stage import Law, shrunk

from submitter.project_files import project_root
from submitter.reference import attributes
from submitter.state import PayloadMode

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH = 2000
WANTED = int(os.environ.get("CSC_TEST_HISTORIES", ENOUGH))
AT_ONCE = 2500
DAYS_TO_BREAK = 2
BLOCKS_WITH_PURGE = {
    *("", "health_and_wellbeing", "social_care_episodes"),
    *(f"social_care_episodes.{block}" for block in ("adoption", "care_leavers", "child_and_family_assessments")),
    *(f"social_care_episodes.{block}" for block in ("child_in_need_plans", "section_47_assessments")),
    *(f"social_care_episodes.{block}" for block in ("child_protection_plans", "child_looked_after_placements")),
}
# They go whole, with what is in them.
LISTS_WITHOUT_IDS = ("factors[]", "sdq_assessments[]", "care_worker_details[]")
# Optional attributes that no payload clears, and why.
NEVER_CLEARED = {
    "social_care_episodes.referral_date": "an episode without it is outside the window",
    "social_care_episodes.child_in_need_plans.start_date": "a plan without it is outside the window",
    "social_care_episodes.child_protection_plans.start_date": "a plan without it is outside the window",
    "social_care_episodes.child_looked_after_placements.start_date": "a placement without it is outside the window",
}


def clearable() -> set[str]:
    """Return the paths of the optional attributes that may become empty, and of the one list that may vanish."""
    optional = {
        attribute.path.replace("[]", "")
        for attribute in attributes()
        if not attribute.mandatory and not any(name in attribute.path for name in LISTS_WITHOUT_IDS)
    }
    return {"social_care_episodes.care_worker_details"} | optional - NEVER_CLEARED.keys()


def test_the_law(tmp_path: Path) -> None:
    played = 0
    batch = 0
    taken_back: set[tuple[str, str]] = set()
    while played < WANTED:
        histories = drawn(min(AT_ONCE, WANTED - played), batch)
        law = Law(DuckDbEngine(tmp_path / f"law_{batch}"))
        broken = law.broken(histories, batch)
        if broken:
            smallest = min(broken, key=lambda at: histories[at].size)
            history, how = shrunk(law, histories[smallest], seed=batch)
            pytest.fail(f"{len(broken)} of {len(histories)} histories break the law. The smallest:\n{history}\n{how}")
        assert law.changed_by_a_second_build() == set()
        taken_back |= law.taken_back
        played += len(histories)
        batch += 1
    if played >= ENOUGH:
        assert taken_back == {("purged", path) for path in BLOCKS_WITH_PURGE} | {
            ("cleared", path) for path in clearable()
        }


# Lines of the project, and what stands there instead.
BROKEN = {
    "no purge": (
        (
            "models/delta/payload_delta.sql",
            "    where (coalesce(touched_episode.is_gone, 0) = 0",
            "    where changed_item.fate <> 'gone' and (coalesce(touched_episode.is_gone, 0) = 0",
        ),
    ),
    "previous is what was last built": (
        (
            "models/delta/changed_child.sql",
            "        , state.previous_json_payload\n",
            "        , state.json_payload as previous_json_payload\n",
        ),
    ),
}


@pytest.mark.parametrize("what", [*BROKEN, "no nulls"])
def test_a_broken_delta_breaks_the_law(tmp_path: Path, what: str) -> None:
    variables: dict[str, object] = {"csc_delta_nulls": False} if what == "no nulls" else {}
    copy = None
    if what in BROKEN:
        copy = tmp_path / "project"
        copy.mkdir()
        copied_project(project_root(), copy)
        for file, text, instead in BROKEN[what]:
            sql = (copy / file).read_text(encoding="utf-8")
            assert sql.count(text) == 1
            (copy / file).write_text(sql.replace(text, instead), encoding="utf-8")
    histories = drawn(200, 1)
    law = Law(DuckDbEngine(tmp_path / "law", copy, variables), modes=(PayloadMode.DELTA,))
    broken = law.broken([History(history.days[:DAYS_TO_BREAK]) for history in histories], 1)
    assert broken
    if what == "no purge":
        # one child's history is enough to show it, and less of that
        history = History(histories[min(broken)].days[:DAYS_TO_BREAK])
        smaller, how = shrunk(law, history, rounds=1, seed=1)
        assert smaller.size < history.size
        assert "the receiver (" in how
