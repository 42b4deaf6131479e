"""The law: apply every accepted payload in order to an empty receiver, and it holds exactly the current payloads.

Children are independent, so one dbt run a day serves as many histories as there are. CSC_TEST_HISTORIES plays more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from dbt_project_runner import copied_project
from history import HISTORIES, History
from hypothesis import HealthCheck, Phase, given, seed, settings
from law_stage import Law, shrunk

from submitter.project_files import project_root
from submitter.state import PayloadMode

if TYPE_CHECKING:
    from pathlib import Path

WANTED = int(os.environ.get("CSC_TEST_HISTORIES", "2000"))
AT_ONCE = 2500


def drawn(count: int, number: int) -> list[History]:
    """Return histories as hypothesis draws them, the same ones for the same number."""
    histories: list[History] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(HISTORIES)
    def collect(history: History) -> None:
        histories.append(history)

    collect()
    return histories


def test_the_law(tmp_path: Path) -> None:
    played = 0
    batch = 0
    while played < WANTED:
        histories = drawn(min(AT_ONCE, WANTED - played), batch)
        law = Law(tmp_path / f"law_{batch}")
        broken = law.broken(histories, batch)
        if broken:
            smallest = min(broken, key=lambda at: histories[at].size)
            history, how = shrunk(law, histories[smallest], seed=batch)
            pytest.fail(f"{len(broken)} of {len(histories)} histories break the law. The smallest:\n{history}\n{how}")
        played += len(histories)
        batch += 1


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
        (
            "macros/state.sql",
            "        , cast(null as {{ text_type() }}) as previous_json_payload\n",
            "        , cast(null as {{ text_type() }}) as previous_json_payload\n        , '' as json_payload\n",
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
    histories = drawn(100, 1)
    law = Law(tmp_path / "law", copy, variables, modes=(PayloadMode.DELTA,))
    assert law.broken([History(history.days[:5]) for history in histories], 1)
