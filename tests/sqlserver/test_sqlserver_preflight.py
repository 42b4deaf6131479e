"""Preflight on a live server: both engines find the same, the contract reads its catalogue, held children wait."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from planted import MAX_PAYLOAD_BYTES, PLANTS, RUN_DATE, planted
from road_stage import Road

from submitter.receiver.serve import serve

if TYPE_CHECKING:
    from live_server import LiveDatabase

TODAY = date.fromisoformat(RUN_DATE)
ISSUES = (
    "select rule_name, severity, attribute, ssd_table, ssd_column, record_id, person_id, problem, value, is_in_cohort "
    "from csc.preflight_issue"
)
SUMMARY = (
    "select position, severity, rule_name, breaches, children, children_in_cohort, consequence, example_record_id, "
    "example_person_id from csc.preflight_summary order by position"
)
VARIABLES: dict[str, Any] = {"csc_max_payload_bytes": MAX_PAYLOAD_BYTES, "csc_on_breach": "hold"}


@pytest.fixture(scope="module")
def built(database: LiveDatabase, tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveDatabase, Road]:
    """Both engines, built from the planted children."""
    road = Road(tmp_path_factory.mktemp("duckdb"), TODAY)
    road.fill(planted())
    road.dbt("seed")
    road.dbt("run", variables=VARIABLES)
    database.make_ssd_tables()
    database.load(planted())
    database.must_dbt("seed", run_date=TODAY)
    database.must_dbt("run", run_date=TODAY, **VARIABLES)
    return database, road


def test_both_engines_find_the_same(built: tuple[LiveDatabase, Road]) -> None:
    database, road = built
    assert database.execute(SUMMARY) == road.execute(SUMMARY)
    assert sorted(database.execute(ISSUES), key=repr) == sorted(road.execute(ISSUES), key=repr)
    found = {row[2]: row[3] for row in database.execute(SUMMARY)}
    assert found == {plant.rule: plant.breaches for plant in PLANTS}


def test_held_children_wait_until_the_policy_changes(built: tuple[LiveDatabase, Road]) -> None:
    database, road = built
    asked = "select person_id, submission_status, api_response from csc.ssd_api_data_staging order by person_id"
    held = [row for row in database.execute(asked) if row[1] == "held"]
    assert held == [row for row in road.execute(asked) if row[1] == "held"]
    assert {row[0] for row in held} >= {"not an id", "upn_shared", "upn_shared_too", "upn_check_letter"}
    database.must_dbt("run", run_date=TODAY, **VARIABLES)
    assert [row for row in database.execute(asked) if row[1] == "held"] == held
    with serve() as receiver:
        assert database.submit(receiver).code == 0
        assert set(receiver.store.ids()).isdisjoint({row[0] for row in held})
    database.must_dbt("run", run_date=TODAY)
    assert {row[1:] for row in database.execute(asked) if row[0] in {who for who, *_ in held}} == {("pending", None)}


def test_the_contract_reads_the_catalogue(built: tuple[LiveDatabase, Road]) -> None:
    database, _ = built
    said = database.must_dbt("test", "--select", "source:ssd", run_date=TODAY)
    assert "WARN=0 ERROR=0" in said
    database.execute("create schema less")
    database.execute(
        "create table less.ssd_sdq_scores "
        "(csdq_table_id nvarchar(48), csdq_person_id int, csdq_sdq_completed_date datetime)"
    )
    finished = database.dbt("test", "--select", "source:ssd.ssd_sdq_scores", run_date=TODAY, csc_ssd_schema="less")
    assert finished.code == 1
    assert "ssd_sdq_scores.csdq_person_id is number, not text; needed for attribute 45, 46" in finished.said
    assert "ssd_sdq_scores.csdq_sdq_score is missing, or may not be read; needed for attribute 46" in finished.said
