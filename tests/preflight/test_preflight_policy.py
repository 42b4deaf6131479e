"""What becomes of a child that breaks a rule: it goes, it is held until it is mended, or nothing goes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from planted import RUN_DATE, Plant, one, planted
from road_stage import STATE, Road

from submitter.receiver.serve import serve

if TYPE_CHECKING:
    from pathlib import Path

PLANTS = (
    Plant("upn_shared", {"ssd_person": {"pers_upn": "A999000000000", "pers_sex": "9"}}),
    one("date_before_birth", "ssd_permanence", perm_adm_decision_date="2010-05-04"),
    one("sex_code", "ssd_person", pers_sex="9"),
)
HOLD: dict[str, object] = {"csc_on_breach": "hold"}
STOP: dict[str, object] = {"csc_on_breach": "stop"}
# They stay as they are.
WITHOUT_VIEWS = ("--exclude", "path:models/staging")
# Of the tests, those of preflight; what is wrong in the cohort or a block is no matter here.
RULES_ALONE = ("--select", "resource_type:model", "path:models/preflight", "--indirect-selection", "empty")
REASON = "breaks preflight rules: "


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Road:
    made = Road(tmp_path_factory.mktemp("seeded"), date.fromisoformat(RUN_DATE))
    made.fill(planted(PLANTS))
    made.dbt("seed")
    return made


@pytest.fixture
def road(seeded: Road, tmp_path: Path) -> Road:
    return seeded.copied(tmp_path)


def statuses(road: Road) -> dict[str, tuple[str, str | None]]:
    return {
        row[0]: (row[1], row[2])
        for row in road.execute(f"select person_id, submission_status, api_response from {STATE}")
    }


def mend(road: Road) -> None:
    road.execute("update ssd.ssd_permanence set perm_adm_decision_date = '2025-04-01'")


def test_held_children_wait_and_all_others_go(road: Road) -> None:
    road.dbt("run", variables=HOLD)
    with serve() as receiver:
        assert road.submit(receiver) == 0
        assert receiver.store.ids() == ["sex_code", "without_fault"]
        held = {name: status for name, status in statuses(road).items() if status[0] == "held"}
        assert held == {
            "upn_shared": ("held", f"{REASON}upn_check_letter, upn_shared"),
            "upn_shared_too": ("held", f"{REASON}upn_check_letter, upn_shared"),
            "date_before_birth": ("held", f"{REASON}date_before_birth"),
        }
        state = road.state()
        road.dbt("run", *WITHOUT_VIEWS, variables=HOLD)
        assert road.state() == state
        # one is mended: it alone goes
        mend(road)
        road.dbt("run", *WITHOUT_VIEWS, variables=HOLD)
        assert statuses(road)["date_before_birth"] == ("pending", None)
        assert road.submit(receiver) == 0
        assert receiver.store.ids() == ["date_before_birth", "sex_code", "without_fault"]
        # csc-submit validate, or adopt, holds one: no dbt run lets it go while its content is the same
        road.execute(f"update {STATE} set api_response = 'other reason' where person_id = 'upn_shared'")
        road.dbt("run", *WITHOUT_VIEWS)  # the policy is `send` again
        assert statuses(road)["upn_shared"] == ("held", "other reason")
        assert statuses(road)["upn_shared_too"] == ("pending", None)
        assert road.submit(receiver) == 0
        assert receiver.store.ids() == ["date_before_birth", "sex_code", "upn_shared_too", "without_fault"]


def test_a_child_that_leaves_is_purged_whatever_it_breaks(road: Road) -> None:
    road.dbt("run")
    with serve() as receiver:
        assert road.submit(receiver) == 0
        assert "upn_shared" in receiver.store.ids()
        road.execute("update ssd.ssd_person set pers_ethnicity = 'MWBC' where pers_person_id = 'upn_shared_too'")
        road.execute("delete from ssd.ssd_person where pers_person_id = 'upn_shared'")
        road.dbt("run", *WITHOUT_VIEWS, variables={**HOLD, "csc_rule_severity": {"upn_check_letter": "error"}})
        assert statuses(road)["upn_shared"] == ("pending", statuses(road)["upn_shared"][1])
        assert road.submit(receiver) == 0
        assert "upn_shared" not in receiver.store.ids()
        assert statuses(road)["upn_shared_too"] == ("held", f"{REASON}upn_check_letter")


def test_stop_leaves_the_state_alone_until_all_is_mended(road: Road) -> None:
    road.dbt("run")
    state = road.state()
    road.execute("update ssd.ssd_person set pers_ethnicity = 'MWBC'")
    with pytest.raises(AssertionError) as failure:
        road.dbt("build", *RULES_ALONE, variables=STOP)
    said = str(failure.value)
    assert "ERROR=3" in said  # upn_check_letter, upn_shared, date_before_birth
    assert "SKIP" in said
    assert road.state() == state
    with serve() as receiver:
        assert road.submit(receiver) == 0  # dbt build && csc-submit would not come here
        assert len(receiver.store.ids()) == len(state)
    mend(road)
    severities: dict[str, object] = {"upn_shared": "off", "upn_check_letter": "warn"}
    road.dbt("build", *RULES_ALONE, variables={**STOP, "csc_rule_severity": severities})
    assert {row[1] for row in road.execute(f"select person_id, row_state from {STATE}")} == {"updated"}
    assert road.execute("select severity, breaches from csc.preflight_summary where rule_name = 'upn_shared'") == [
        ("off", None)
    ]


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"csc_on_breach": "halt"}, ["csc_on_breach", "send, hold or stop"]),
        ({"csc_rule_severity": {"nonsense": "warn"}}, ["csc_rule_severity", "nonsense"]),
        ({"csc_rule_severity": {"sex_code": "fatal"}}, ["sex_code", "error, warn or off"]),
        ({"csc_rule_severity": "off"}, ["csc_rule_severity", "other_rule"]),
        ({"csc_max_payload_bytes": "5 MB"}, ["csc_max_payload_bytes", "whole number"]),
        ({"csc_absent_tables": ["ssd_nonsense"]}, ["csc_absent_tables", "ssd_nonsense", "ssd_sdq_scores"]),
        ({"csc_absent_tables": ["ssd_person"]}, ["csc_absent_tables", "found: ssd_person"]),
    ],
)
def test_a_wrong_variable_is_told(road: Road, variables: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(AssertionError) as failure:
        road.dbt("compile", "--select", "stg_ssd__person", "path:models/preflight", variables=variables)
    for part in parts:
        assert part in str(failure.value)
