"""The published sample returns, loaded whole and counted against the plain files."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from submitter.trial.cin_census import read_cin_census
from submitter.trial.returns import combined
from submitter.trial.ssd import create_tables, load
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[2] / "../shared/samples"
CENSUS = SAMPLES / "cin_census" / "fake_CIN_data.xml"
SMALL_CENSUS = SAMPLES / "cin_census" / "CIN_Census_2024.xml"
RETURN_903 = SAMPLES / "ssda903"

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not beside the project"),
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection, "ssd")
        yield connection


def filled(connection: duckdb.DuckDBPyConnection, census: Path | None, folder: Path | None) -> dict[str, int]:
    returns = combined(
        None if census is None else read_cin_census(census), None if folder is None else read_ssda903(folder)
    )
    rows = load(connection, "ssd", returns.rows)
    assert returns.not_understood == 0
    return {table: number for table, number in rows.items() if number}


def elements(path: Path) -> Counter[str]:
    return Counter(re.findall(r"<(\w+)>", path.read_text(encoding="utf-8")))


def csv_rows(name: str) -> list[dict[str, str]]:
    with (RETURN_903 / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", [CENSUS, SMALL_CENSUS])
def test_cin_census(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    plain = elements(path)
    expected = {
        "ssd_person": plain["Child"],
        "ssd_disability": plain["Disability"],
        "ssd_linked_identifiers": plain["FormerUPN"],
        "ssd_cin_episodes": plain["CINdetails"],
        "ssd_cin_assessments": plain["Assessments"],
        "ssd_assessment_factors": plain["Assessments"],
        "ssd_cin_plans": plain["CINPlanDates"],
        "ssd_s47_enquiry": plain["Section47"],
        "ssd_initial_cp_conference": plain["DateOfInitialCPC"],
        "ssd_cp_plans": plain["ChildProtectionPlans"],
    }
    assert filled(connection, path, None) == {table: number for table, number in expected.items() if number}


def test_cin_census_values(connection: duckdb.DuckDBPyConnection) -> None:
    filled(connection, CENSUS, None)
    plain = CENSUS.read_text(encoding="utf-8")
    columns = connection.execute(
        "select count(cine_close_date), count(distinct cine_referral_id), "
        "count(*) filter (cine_referral_nfa = 'Y') from ssd.ssd_cin_episodes"
    ).fetchall()
    assert columns == [
        (plain.count("<CINclosureDate>"), plain.count("<CINdetails>"), plain.count("<ReferralNFA>true<"))
    ]
    people = connection.execute(
        "select count(pers_dob), count(pers_upn), count(pers_death_date), "
        "count(*) filter (pers_sex = 'M'), count(*) filter (pers_sex = 'F') from ssd.ssd_person"
    ).fetchall()
    assert people == [
        tuple(
            plain.count(f"<{text}")
            for text in ("PersonBirthDate>", "UPN>", "PersonDeathDate>", "GenderCurrent>1<", "GenderCurrent>2<")
        )
    ]


def test_ssda903(connection: duckdb.DuckDBPyConnection) -> None:
    counted = filled(connection, None, RETURN_903)
    episodes = csv_rows("episodes")
    assert counted["ssd_person"] == len(csv_rows("header"))
    assert counted["ssd_cla_episodes"] == len(episodes)
    assert counted["ssd_immigration_status"] == len(csv_rows("uasc"))
    assert counted["ssd_sdq_scores"] == sum(1 for row in csv_rows("oc2") if row["SDQ_SCORE"] or row["SDQ_REASON"])
    assert counted["ssd_care_leavers"] == len(csv_rows("oc3"))
    assert counted["ssd_permanence"] == len(csv_rows("ad1")) == len(csv_rows("placed_for_adoption"))
    # a placement begins with every episode that is no mere change of legal status, and with a child's first
    first = {row["CHILD"]: row for row in reversed(episodes)}
    began = sum(1 for row in episodes if row["RNE"] != "L" or row is first[row["CHILD"]])
    assert counted["ssd_cla_placement"] == began
    assert counted["ssd_cin_episodes"] >= len(first)
    assert connection.execute(
        "select count(*) from ssd.ssd_cla_placement as placement where not exists ("
        "select 1 from ssd.ssd_cla_episodes as episode "
        "join ssd.ssd_cin_episodes as referral on episode.clae_referral_id = referral.cine_referral_id "
        "where episode.clae_cla_id = placement.clap_cla_id "
        "and episode.clae_person_id = referral.cine_person_id)"
    ).fetchall() == [(0,)]


def test_both_together(connection: duckdb.DuckDBPyConnection) -> None:
    counted = filled(connection, CENSUS, RETURN_903)
    in_census = set(re.findall(r"<LAchildID>(\w+)<", CENSUS.read_text(encoding="utf-8")))
    assert counted["ssd_person"] == len(in_census | {row["CHILD"] for row in csv_rows("header")})
    assert counted["ssd_cla_episodes"] == len(csv_rows("episodes"))
    assert counted["ssd_disability"] == elements(CENSUS)["Disability"]
