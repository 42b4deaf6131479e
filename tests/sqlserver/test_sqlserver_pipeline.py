"""The whole road on a live server: the payloads are those of DuckDB, the state goes on night by night."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from live_server import seconds_of_models
from road_stage import Road

from submitter.project_files import project_root
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.cin_census import read_cin_census
from submitter.trial.invent import invented_children
from submitter.trial.returns import combined
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import LiveDatabase

    from submitter.trial.ssd import Record

RUN_DATE = date(2019, 3, 31)
SAMPLES = Path(__file__).parents[2] / "../shared/samples"
STATE = "csc.ssd_api_data_staging"
NEVER_WRITTEN_BY_DBT = "previous_json_payload, previous_hash, inflight_payload, inflight_hash, api_response"


def one_ssd() -> Iterator[Record]:
    """Invented children, and the published samples where they are beside the project."""
    yield from invented_children(150, 5, RUN_DATE)
    if SAMPLES.is_dir():
        yield from combined(
            read_cin_census(SAMPLES / "cin_census" / "fake_CIN_data.xml"), read_ssda903(SAMPLES / "ssda903")
        ).rows


def first_difference(here: dict[str, Any], there: dict[str, Any]) -> str | None:
    """Return the first child whose values differ, by id alone."""
    return next((child for child in sorted(here.keys() | there.keys()) if here.get(child) != there.get(child)), None)


@pytest.fixture(scope="module")
def built(database: LiveDatabase, tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveDatabase, Road]:
    """Both engines, built from one SSD, with every data test of the project passed on the server."""
    road = Road(tmp_path_factory.mktemp("duckdb"), RUN_DATE)
    road.fill(one_ssd())
    road.dbt("seed")
    road.dbt("run", "--select", "+payload")
    database.make_ssd_tables()
    database.load(one_ssd())
    said = database.must_dbt("build", run_date=RUN_DATE)
    assert len(seconds_of_models(said)) == len(list((project_root() / "models").rglob("*.sql"))), said
    return database, road


def test_both_engines_build_the_same_payloads(built: tuple[LiveDatabase, Road]) -> None:
    database, road = built
    there = {row[0]: json.loads(row[1]) for row in database.execute("select person_id, json_payload from csc.payload")}
    assert len(there) > 80
    assert first_difference(road.payloads(), there) is None


def test_both_engines_know_the_same_cohort(built: tuple[LiveDatabase, Road]) -> None:
    database, road = built
    query = "select person_id, reason from csc.cohort_reason"
    assert set(database.execute(query)) == set(road.execute(query))
    window = "select window_start, window_end from csc.cohort_window"
    assert database.execute(window) == road.execute(window)


def test_the_tables_have_their_indexes(built: tuple[LiveDatabase, Road]) -> None:
    database, _ = built
    found = database.execute(
        "select tables.name, count(*), sum(case when indexes.type = 1 then 1 else 0 end) from sys.indexes as indexes "
        "inner join sys.tables as tables on tables.object_id = indexes.object_id "
        "where tables.schema_id = schema_id(N'csc') and indexes.type in (1, 2) group by tables.name"
    )
    number = {name: (count, 1 if database.is_babelfish else clustered) for name, count, clustered in found}
    assert number["ssd_api_data_staging"] == (3, 1)
    assert number["payload"] == number["cohort"] == number["child_details"] == (1, 1)
    assert number["section_47_assessments"] == number["social_care_episodes"] == (1, 1)
    assert number["submission_event"] == (3, 1)


def test_night_after_night(built: tuple[LiveDatabase, Road]) -> None:
    database, _ = built
    before = database.execute(f"select * from {STATE} order by person_id")
    database.must_dbt("run", run_date=RUN_DATE)
    assert database.execute(f"select * from {STATE} order by person_id") == before  # a second run changes no row

    with serve(ReceiverConfig()) as receiver:
        finished = database.submit(receiver)
        rejected = {
            row[0] for row in database.execute(f"select person_id from {STATE} where submission_status = 'error'")
        }
        assert finished.code == (1 if rejected else 0), finished.said
        payloads = {
            row[0]: json.loads(row[1])
            for row in database.execute("select person_id, json_payload from csc.payload")
            if row[0] not in rejected
        }
        assert set(receiver.store.ids()) == payloads.keys()
        assert all(receiver.store.get(child) == payload for child, payload in payloads.items())
        assert database.execute(f"select count(*) from {STATE} where previous_json_payload = json_payload") == [
            (len(payloads),)
        ]
        runs = database.execute("select accepted_count, rejected_count, outcome from csc.submission_run")
        assert runs == [(len(payloads), len(rejected), "done")]
        events = database.execute("select event, count(distinct person_id) from csc.submission_event group by event")
        assert dict(events).get("accepted") == len(payloads)

        changed, gone, *_ = sorted(payloads)
        database.execute(
            "update ssd.ssd_person set pers_forename = N'Zo\u00eb \U0001f600' where pers_person_id = ?", [changed]
        )
        database.execute("delete from ssd.ssd_person where pers_person_id = ?", [gone])
        database.must_dbt("run", run_date=RUN_DATE)
        pending = database.execute(f"select person_id, row_state from {STATE} where submission_status = 'pending'")
        assert sorted(pending) == sorted([(changed, "updated"), (gone, "deleted")])
        assert database.submit(receiver).code == (1 if rejected else 0)
        assert receiver.store.get(gone) is None
        held = receiver.store.get(changed)
        assert held is not None
        assert held["child_details"]["first_name"] == "Zo\u00eb \U0001f600"
        assert database.submit(receiver, "--dry-run").code == 0


def test_the_state_survives_a_full_refresh(built: tuple[LiveDatabase, Road]) -> None:
    database, _ = built
    before = database.execute(f"select person_id, {NEVER_WRITTEN_BY_DBT} from {STATE} order by person_id")
    events = database.execute("select count(*) from csc.submission_event")
    database.must_dbt("run", "--full-refresh", "--select", "state", run_date=RUN_DATE)
    assert database.execute(f"select person_id, {NEVER_WRITTEN_BY_DBT} from {STATE} order by person_id") == before
    assert database.execute("select count(*) from csc.submission_event") == events
