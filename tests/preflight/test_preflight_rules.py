"""Every rule finds what breaks it, and nothing else; what it finds is a row without a name, birth, UPN or postcode."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from planted import MAX_PAYLOAD_BYTES, PLANTS, RUN_DATE, planted
from road_stage import Road

from submitter.project_files import project_root
from submitter.trial.invent import clean_children

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES: dict[str, object] = {"csc_max_payload_bytes": MAX_PAYLOAD_BYTES}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Road:
    road = Road(tmp_path_factory.mktemp("planted"), date.fromisoformat(RUN_DATE))
    road.fill(planted())
    said = road.dbt("build", "--write-json", "--log-level-file=debug", variables=VARIABLES)
    assert "ERROR=0" in said
    return road


def summary(road: Road) -> dict[str, tuple[Any, ...]]:
    rows = road.execute("select rule_name, breaches, children, children_in_cohort from csc.preflight_summary")
    return {row[0]: row[1:] for row in rows}


def test_each_rule_finds_its_planted_breach_and_no_other(built: Road) -> None:
    assert summary(built) == {plant.rule: (plant.breaches, plant.children, plant.in_cohort) for plant in PLANTS}


def test_a_breach_names_its_child_table_column_and_attribute(built: Road) -> None:
    found = built.execute(
        "select rule_name, person_id, ssd_table, ssd_column, attribute, severity from csc.preflight_issue"
    )
    of_nobody = {plant.rule for plant in PLANTS if not plant.children}
    for rule, person_id, *where in found:
        plant = next(plant for plant in PLANTS if plant.rule == rule)
        names = {None if rule in of_nobody else plant.person_id or rule, f"{rule}_too"}
        assert person_id in names, rule
        assert all(where), rule
        assert re.fullmatch(r"\d+[bc]?", where[2]), rule


def test_the_summary_is_to_be_read_from_the_top(built: Road) -> None:
    rows = built.execute("select position, severity, rule_name from csc.preflight_summary order by position")
    assert [row[0] for row in rows] == list(range(1, len(PLANTS) + 1))
    severities = [row[1] for row in rows]
    assert severities == sorted(severities)  # error before warn
    examples = built.execute("select rule_name from csc.preflight_summary where example_record_id is null")
    assert examples == [("record_without_id",)]


def test_nothing_found_tells_who_a_child_is(built: Road) -> None:
    said = json.dumps(built.execute("select * from csc.preflight_issue"))
    said += json.dumps(built.execute("select * from csc.preflight_summary"))
    said += "".join(path.read_text(encoding="utf-8") for path in (built.folder / "logs").glob("*.log"))
    personal = built.execute("select pers_forename, pers_upn, strftime(pers_dob, '%Y-%m-%d') from ssd.ssd_person")
    personal += built.execute("select addr_address_postcode, null, null from ssd.ssd_address")
    personal += built.execute(
        "select clap_cla_placement_postcode, link_identifier_value, null "
        "from ssd.ssd_cla_placement, ssd.ssd_linked_identifiers"
    )
    words = {word for row in personal for word in row if word and word != "unknown"}
    assert len(words) > 100
    assert [word for word in words if word in said] == []


def test_catalogue_tests_and_issues_name_the_same_rules(built: Road) -> None:
    manifest = json.loads((built.folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    tests = [
        node["test_metadata"]["kwargs"]["rule"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and (node["test_metadata"] or {}).get("name") == "no_breach_of"
    ]
    catalogue = [row[0] for row in built.execute("select rule_name from csc.preflight_rule order by 1")]
    assert sorted(tests) == catalogue
    assert catalogue == [
        row[0] for row in built.execute("select distinct rule_name from csc.preflight_issue order by 1")
    ]


def test_clean_children_break_nothing(tmp_path: Path) -> None:
    road = Road(tmp_path, date.fromisoformat(RUN_DATE))
    road.fill(clean_children(400, 8, date.fromisoformat(RUN_DATE)))
    said = road.dbt("build")
    assert road.execute("select rule_name, record_id from csc.preflight_issue") == []
    assert road.execute("select count(*) > 200 from csc.payload") == [(True,)]
    assert "WARN=0 ERROR=0" in said


def test_the_documentation_lists_every_rule(built: Road) -> None:
    text = (project_root() / "docs" / "preflight.md").read_text(encoding="utf-8")
    for rule, severity, problem, consequence in built.execute(
        "select rule_name, severity, problem, consequence from csc.preflight_rule"
    ):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{rule}` |")]
        assert f"| {severity} |" in line, rule
        assert line.endswith(f"| {problem} | {consequence} |"), rule
