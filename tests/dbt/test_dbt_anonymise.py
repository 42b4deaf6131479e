"""Anonymised payloads: the same children and records, nobody to be recognised, every interval kept."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from road_stage import STATE, Road

from submitter.receiver.schema import breaches
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_DATE = date(2026, 3, 15)
ANONYMOUS = f"{STATE}_anon"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# What says who a child is, or where a record is; all else is codes, flags and scores.
TELLING = re.compile(r"(_id|_number|name|surname|postcode)$")


def told(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - parsed JSON
    """Every value of a payload with its attribute's name."""
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from told(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from told(part, name)
    else:
        yield name, value


def days(payload: dict[str, Any]) -> list[tuple[str, date]]:
    found = [(name, date.fromisoformat(value)) for name, value in told(payload) if DAY.fullmatch(str(value))]
    return sorted(found)


def rest(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """What stays: everything but dates and what tells who it is; of that, how often each attribute is there."""
    return sorted(
        (name, "" if TELLING.search(name) or DAY.fullmatch(str(value)) else str(value)) for name, value in told(payload)
    )


def payloads(road: Road, table: str) -> dict[str, dict[str, Any]]:
    return {row[0]: json.loads(row[1]) for row in road.execute(f"select person_id, json_payload from {table}")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """One authority, built as it is and then anonymised."""
    road = Road(tmp_path_factory.mktemp("road"), RUN_DATE)
    road.fill(invented_children(80, 5, RUN_DATE))
    road.build()
    road.dbt("build", variables={"csc_anonymise": True})
    return road


def test_nothing_original_survives_and_every_interval_does(built: Road) -> None:
    original, anonymous = payloads(built, "csc.payload"), payloads(built, "csc.payload_anon")
    assert len(original) == len(anonymous) > 40
    known = {str(value) for payload in original.values() for name, value in told(payload) if TELLING.search(name)}
    for payload in anonymous.values():
        assert not [name for name, value in told(payload) if str(value) in known and TELLING.search(name)]
        assert breaches(payload, partial=False) == []

    # who is who: by the salt, which stays in the database
    pairs = built.execute(
        "select person_id, left(upper(sha256(concat(salt, ' ', person_id))), 32) "
        "from csc.payload cross join csc.anonymisation_salt"
    )
    moved = set()
    for before, after in pairs:
        was, now = days(original[before]), days(anonymous[after])
        assert [name for name, _ in was] == [name for name, _ in now]
        (back,) = {(earlier - later).days for (_, earlier), (_, later) in zip(was, now, strict=True)} or {30}
        assert 30 <= back < 366
        moved.add(back)
        assert rest(original[before]) == rest(anonymous[after])
    assert len(moved) > 20


def test_the_real_tables_stay_and_the_same_child_stays_the_same(built: Road) -> None:
    real = built.execute(f"select * from {STATE} order by person_id")
    anonymous = built.execute(f"select * from {ANONYMOUS} order by person_id")
    assert len(anonymous) > 40
    built.build(variables={"csc_anonymise": True})
    assert built.execute(f"select * from {ANONYMOUS} order by person_id") == anonymous
    assert built.execute(f"select * from {STATE} order by person_id") == real

    ((changed,),) = built.execute("select min(person_id) from csc.payload")
    built.execute(f"update {ANONYMOUS} set previous_json_payload = json_payload, previous_hash = current_hash")
    built.execute("update ssd.ssd_person set pers_forename = 'Otherwise' where pers_person_id = ?", [changed])
    built.dbt("run", variables={"csc_anonymise": True})
    rows = built.execute(f"select partial_json_payload from {ANONYMOUS} where submission_status = 'pending'")
    ((delta,),) = rows
    assert breaches(json.loads(delta), partial=True) == []
    assert "social_care_episodes" not in json.loads(delta)
