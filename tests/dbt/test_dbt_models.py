"""The dbt project itself: every unit test passes, every attribute is proven, everything is described and tested."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from road_stage import Road

from submitter.project_files import project_root
from submitter.reference import attributes
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """The project built on SSD tables without a row."""
    made = Road(tmp_path_factory.mktemp("empty"), date(2026, 3, 15))
    made.fill([])
    made.dbt("build", "--write-json")
    return made


def read(built: Road, name: str) -> dict[str, Any]:
    path: Path = built.folder / "target" / name
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_an_authority_without_a_child_builds_nothing_and_fails_nothing(built: Road) -> None:
    assert built.payloads() == {}
    assert built.state() == []


def test_every_unit_test_passes(built: Road) -> None:
    said = built.dbt("test", "--select", "test_type:unit")
    manifest = read(built, "manifest.json")
    count = len(manifest["unit_tests"])
    assert count > 50
    assert f"PASS={count} WARN=0 ERROR=0 SKIP=0" in said


def attribute_numbers(text: str) -> set[str]:
    """The attribute numbers a unit test names: 'attributes 37 to 44', 'attribute 2c', 'attributes 6, 8 and 9'."""
    found: set[str] = set()
    for match in re.finditer(r"attributes?[ _](\d+[bc]?(?:(?:,? and |, | to |_and_|_to_|_)\d+[bc]?)*)", text.lower()):
        parts = re.findall(r"(?:(to)[ _])?(\d+)([bc]?)", match[1].replace("_", " "))
        for index, (is_range, number, letter) in enumerate(parts):
            first = int(parts[index - 1][1]) if is_range else int(number)
            found |= {str(each) for each in range(first, int(number) + 1)} if not letter else {number + letter}
    return found


def test_every_attribute_is_named_by_a_unit_test(built: Road) -> None:
    named: set[str] = set()
    for test in read(built, "manifest.json")["unit_tests"].values():
        named |= attribute_numbers(f"{test['name']} . {test['description']}")
    wanted = {attribute.number for attribute in attributes()} - {"1"}  # the LA code is part of the URL
    assert sorted(wanted - named) == []


def test_attribute_numbers_are_read_as_written() -> None:
    assert attribute_numbers("attributes_37_to_39_x") == {"37", "38", "39"}
    assert attribute_numbers("Attributes 2, 2b and 7 to 9; attribute 2c.") == {"2", "2b", "7", "8", "9", "2c"}
    assert attribute_numbers("attributes_2_and_2b_ids") == {"2", "2b"}


def test_every_model_and_column_is_described_and_every_model_tested(built: Road) -> None:
    manifest = read(built, "manifest.json")
    data_tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    tested = {parent for test in data_tests for parent in test["depends_on"]["nodes"]}
    tested |= {f"model.csc_submit.{test['model']}" for test in manifest["unit_tests"].values()}
    columns = {
        (row[0], row[1])
        for row in built.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'csc'"
        )
    }
    problems = []
    for node in manifest["nodes"].values():
        if node["resource_type"] not in {"model", "seed"}:
            continue
        if not node["description"].strip():
            problems.append(f"{node['name']} has no description")
        if node["unique_id"] not in tested:
            problems.append(f"{node['name']} has no test")
        real = {column for table, column in columns if table == node["name"]}
        described = {name for name, column in node["columns"].items() if column["description"].strip()}
        problems += [f"{node['name']}.{column} differs" for column in sorted(real ^ described)]
    assert problems == []


def test_every_source_column_that_is_read_is_described(built: Road) -> None:
    sources = [source for source in read(built, "manifest.json")["sources"].values() if source["source_name"] == "ssd"]
    assert len(sources) == 19
    for source in sources:
        assert source["description"].strip(), source["name"]
        assert source["columns"], source["name"]
        assert all(column["description"].strip() for column in source["columns"].values()), source["name"]


def test_variables_choose_reasons_children_and_a_filter_table(tmp_path: Path) -> None:
    authority = Road(tmp_path, date(2026, 3, 15))
    authority.fill(invented_children(60, 5, date(2026, 3, 15)))
    authority.dbt("build", "--select", "+cohort", "--indirect-selection", "buildable")
    reasons = "select distinct reason, person_id from csc.cohort_reason order by all"
    looked_after = [person_id for reason, person_id in authority.execute(reasons) if reason == "looked_after"]
    assert len(looked_after) >= 3
    authority.execute("create table ssd.audited (person_id varchar)")
    authority.execute("insert into ssd.audited values (?), (?), ('somebody else')", looked_after[:2])
    authority.dbt(
        *("run", "--select", "path:models/cohort"),
        variables={
            "csc_cohort_reasons": ["looked_after"],
            "csc_cohort_filter_table": "ssd.audited",
            "csc_person_ids": looked_after[1:],
        },
    )
    assert authority.execute("select person_id from csc.cohort") == [(looked_after[1],)]
    assert {reason for reason, _ in authority.execute(reasons)} == {"looked_after"}


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"csc_run_date": "15/03/2026"}, ["csc_run_date", "YYYY-MM-DD"]),
        ({"csc_cohort_reasons": ["nonsense"]}, ["csc_cohort_reasons", "active_referral", "nonsense"]),
        ({"csc_cohort_filter_table": "x; drop table y"}, ["csc_cohort_filter_table", "schema.table"]),
        ({"csc_volatile_ids": ["adoption"]}, ["csc_volatile_ids", "child_in_need_plans", "adoption"]),
        ({"csc_volatile_ids": "child_in_need_plans"}, ["csc_volatile_ids", "must be a list"]),
    ],
)
def test_a_wrong_variable_is_told(built: Road, variables: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(AssertionError) as failure:
        built.dbt("compile", "--select", "cohort cohort_reason cohort_window payload", variables=variables)
    for part in parts:
        assert part in str(failure.value)


def test_the_reasons_that_apply_by_default_are_the_designs() -> None:
    project = yaml.safe_load((project_root() / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["vars"]["csc_cohort_reasons"] == [
        "active_referral",
        "awaiting_assessment",
        "cin_plan",
        "looked_after",
        "care_leaver",
    ]
