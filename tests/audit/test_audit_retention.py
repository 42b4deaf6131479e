"""How long dbt run keeps the audit trail: for ever unless days are given, and always what children in flight need."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from road_stage import STATE, Road

if TYPE_CHECKING:
    from pathlib import Path

STATE_MODELS = ("--select", "path:models/delta", "path:models/state")
TRAIL = ("submission_event", "submission_run")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """One child in the payload, and the tables that the first dbt run makes."""
    made = Road(tmp_path_factory.mktemp("built"), date(2026, 3, 15))
    made.fill([])
    made.execute("create schema csc")
    made.execute(
        "create table csc.payload as select 'p1' as person_id, 'L1' as legacy_id, '{}' as json_payload, "
        "unhex(sha256('{}')) as payload_hash"
    )
    made.execute("create table csc.preflight_hold (person_id varchar, reason varchar)")
    made.dbt("run", *STATE_MODELS)
    return made


@pytest.fixture
def road(built: Road, tmp_path: Path) -> Road:
    return built.copied(tmp_path)


def put_run(road: Road, run_id: str, *days: float, person_id: str = "p1") -> None:
    """A run that began at the first of these ages, with an event of the batch `<run_id>-batch` at each of them."""
    moment = "make_timestamp(epoch_us(now())) - to_seconds(86400 * ?)"
    road.execute(
        f"insert into csc.submission_run (run_id, started_at, outcome) select ?, {moment}, 'done'",
        [run_id, float(days[0])],
    )
    for number, age in enumerate(days):
        road.execute(
            "insert into csc.submission_event (event_id, run_id, batch_id, person_id, event, occurred_at) "
            f"select ?, ?, ?, ?, 'unknown', {moment}",
            [f"{run_id}-{number}", run_id, f"{run_id}-batch", person_id, float(age)],
        )


def fly(road: Road, batch_id: str) -> None:
    """Leave the child in flight with a batch."""
    road.execute(
        f"update {STATE} set inflight_payload = '{{}}', inflight_batch_id = ?, submission_status = 'sending'",
        [batch_id],
    )


def kept(road: Road) -> tuple[list[str], list[str]]:
    """The events and the runs that are left."""
    events, runs = (
        [row[0] for row in road.execute(f"select {name} from csc.{table} order by 1")]
        for table, name in (("submission_event", "event_id"), ("submission_run", "run_id"))
    )
    return events, runs


def everything(road: Road) -> list[list[tuple[Any, ...]]]:
    return [road.execute(f"select * from csc.{table} order by all") for table in TRAIL]


def shortened(road: Road, days: object) -> tuple[list[str], list[str]]:
    road.dbt("run", "--select", *TRAIL, variables={"csc_audit_days": days})
    return kept(road)


def test_old_rows_go_only_where_days_are_given_and_younger_ones_stay(road: Road) -> None:
    put_run(road, "ancient", 30_000)
    put_run(road, "old", 30.01, 30.005)
    put_run(road, "across", 30.01, 29.99)
    put_run(road, "young", 29.99)
    put_run(road, "empty", 31)
    road.execute("delete from csc.submission_event where run_id = 'empty'")
    before = everything(road)
    road.dbt("run", *STATE_MODELS)
    assert everything(road) == before
    road.dbt("run", *STATE_MODELS, "--full-refresh")
    assert everything(road) == before
    assert "ancient" in shortened(road, 99_999)[1]

    # a run stays as long as one of its events
    left = (["across-1", "young-0"], ["across", "young"])
    assert shortened(road, "30") == left
    after = everything(road)
    assert shortened(road, 30) == left
    assert everything(road) == after


def test_a_run_with_children_in_flight_stays_whole_until_they_have_landed(road: Road) -> None:
    put_run(road, "flying", 400, 399)
    put_run(road, "landed", 400)
    # of another child in the same run
    put_run(road, "other", 400, person_id="p2")
    road.execute("update csc.submission_event set run_id = 'flying' where run_id = 'other'")
    fly(road, "flying-batch")
    assert shortened(road, 30) == (["flying-0", "flying-1", "other-0"], ["flying"])
    assert shortened(road, 30) == (["flying-0", "flying-1", "other-0"], ["flying"])
    # a batch's id stays behind where an older tool landed it: only a payload is in flight
    road.execute(f"update {STATE} set inflight_payload = null")
    assert shortened(road, 30) == ([], [])


def test_nothing_goes_while_it_is_unknown_whose_batch_is_in_flight(road: Road) -> None:
    put_run(road, "old", 400)
    fly(road, "batch-of-a-killed-run")
    assert shortened(road, 30) == (["old-0"], ["old"])
    put_run(road, "next", 0.1)
    road.execute("update csc.submission_event set batch_id = 'batch-of-a-killed-run' where run_id = 'next'")
    assert shortened(road, 30) == (["next-0"], ["next"])


@pytest.mark.parametrize("days", ["-1", "1.5", "a year", "100000"])
def test_wrong_days_are_refused_before_anything_goes(road: Road, days: str) -> None:
    put_run(road, "old", 400)
    with pytest.raises(AssertionError, match=r"csc_audit_days is '.*': write a whole number of days"):
        shortened(road, days)
    assert kept(road) == (["old-0"], ["old"])
