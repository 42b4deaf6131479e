"""The SSD's tables and columns are checked before they are read; tables that are not there may be declared absent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from planted import RUN_DATE, planted
from road_stage import Road

from submitter.project_files import project_root
from submitter.reference import attributes, ssd_tables

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = ("test", "--select", "source:ssd")
ABSENT = sorted(set(ssd_tables()) - {"ssd_person"})


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Road:
    made = Road(tmp_path_factory.mktemp("seeded"), date.fromisoformat(RUN_DATE))
    made.fill(planted(()))
    made.dbt("seed")
    return made


@pytest.fixture
def road(seeded: Road, tmp_path: Path) -> Road:
    return seeded.copied(tmp_path)


def test_what_is_missing_is_named_with_the_attributes_that_need_it(road: Road) -> None:
    assert "WARN=0 ERROR=0" in road.dbt(*CONTRACT)
    road.execute("alter table ssd.ssd_cin_episodes drop column cine_referral_nfa")
    road.execute("alter table ssd.ssd_person alter pers_dob type varchar")
    road.execute("drop table ssd.ssd_care_leavers")
    with pytest.raises(AssertionError) as failure:
        road.dbt(*CONTRACT)
    said = str(failure.value)
    assert "WARN=1 ERROR=2" in said
    assert "ssd_cin_episodes.cine_referral_nfa is missing, or may not be read; needed for attribute 21" in said
    assert "ssd_care_leavers.clea_care_leaver_activity is missing, or may not be read; needed for attribute 51" in said
    assert "ssd_care_leavers.clea_person_id is missing, or may not be read; needed for attribute 50, 51, 52" in said
    assert "ssd_person.pers_dob is text, not date; needed for attribute 8" in said


def test_absent_tables_are_left_out_of_the_payload(road: Road) -> None:
    some = ("ssd_sdq_scores", "ssd_care_leavers", "ssd_cin_plans")
    for table in some:
        road.execute(f"drop table ssd.{table}")
    road.dbt("run", variables={"csc_absent_tables": list(some)})
    (child,) = road.payloads().values()
    assert "health_and_wellbeing" not in child
    (episode,) = child["social_care_episodes"]
    assert {"care_leavers", "child_in_need_plans"} & set(episode) == set()
    assert {"child_protection_plans", "section_47_assessments", "adoption"} <= set(episode)


def test_an_authority_with_children_alone_builds_and_sends_nobody(road: Road) -> None:
    for table in ABSENT:
        road.execute(f"drop table ssd.{table}")
    road.dbt("run", variables={"csc_absent_tables": ABSENT})
    assert "PASS=38 WARN=0 ERROR=0" in road.dbt(*CONTRACT, variables={"csc_absent_tables": ABSENT})
    assert road.payloads() == {}
    assert road.execute("select count(*) from csc.stg_ssd__person") == [(1,)]


def described(text: str, column: str) -> str:
    """What the file says of one column."""
    return text.split(f"- name: {column}\n")[1].split("- name: ", maxsplit=1)[0]


def test_the_contract_names_every_attribute_and_the_columns_families() -> None:
    text = (project_root() / "models" / "staging" / "ssd.yml").read_text(encoding="utf-8")
    for attribute in attributes():
        column = attribute.ssd_source.partition(".")[2]
        if column:
            assert f"attribute {attribute.number})" in described(text, column), attribute.number
    families = {"nvarchar": "text", "nchar": "text", "datetime": "date", "int": "number", "float": "number"}
    for known in (column for columns in ssd_tables().values() for column in columns):
        if f"- name: {known.name}\n" in text:
            family = families[known.type.partition("(")[0]]
            assert f"data_type: {family}\n" in described(text, known.name), known.name
