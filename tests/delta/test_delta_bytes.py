"""What a delta carries, and no more; dbt build twice changes nothing; full payload mode takes nothing apart."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest
from road_stage import STATE, Road

from submitter.receiver.serve import serve
from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPISODES = 30


def long_known_child() -> Iterator[Record]:
    yield Record("ssd_person", {"pers_person_id": "1", "pers_dob": "2015-01-01", "pers_forename": "Ann"})
    for number in range(EPISODES):
        referral = {"cine_referral_id": f"R{number}", "cine_person_id": "1", "cine_referral_date": "2025-06-01"}
        yield Record("ssd_cin_episodes", {**referral, "cine_close_reason": "RC1"})
        for which in range(2):
            plan = {"cinp_cin_plan_id": f"N{number}-{which}", "cinp_person_id": "1", "cinp_referral_id": f"R{number}"}
            yield Record("ssd_cin_plans", {**plan, "cinp_cin_plan_start_date": "2025-06-02"})
        assessment = {"cina_assessment_id": f"A{number}", "cina_person_id": "1", "cina_referral_id": f"R{number}"}
        yield Record("ssd_cin_assessments", {**assessment, "cina_assessment_start_date": "2025-06-03"})


@pytest.fixture
def authority(tmp_path: Path) -> Road:
    road = Road(tmp_path, date(2026, 3, 15))
    road.fill(long_known_child())
    road.build()
    return road


def test_one_changed_date_carries_one_record_of_one_episode(authority: Road) -> None:
    with serve() as receiver:
        assert authority.submit(receiver) == 0
        authority.execute(
            "update ssd.ssd_cin_plans set cinp_cin_plan_end_date = '2026-01-02' where cinp_cin_plan_id = 'N7-1'"
        )
        authority.build_again()
        ((whole, partial),) = authority.execute(f"select json_payload, partial_json_payload from {STATE}")
        assert json.loads(partial)["social_care_episodes"] == [
            {
                "social_care_episode_id": "R7",
                "referral_date": "2025-06-01",
                "closure_reason": "RC1",
                "purge": False,
                "child_in_need_plans": [
                    {
                        "child_in_need_plan_id": "N7-1",
                        "start_date": "2025-06-02",
                        "end_date": "2026-01-02",
                        "purge": False,
                    }
                ],
            }
        ]
        assert len(partial) < len(whole) / 20
        state = authority.state()
        authority.build_again()
        assert authority.state() == state
        assert authority.submit(receiver) == 0
        assert authority.execute(f"select partial_json_payload, submission_status from {STATE}") == [(None, "sent")]
        sent = authority.execute("select count(*) from csc.submission_event where event = 'accepted'")
        assert sent == [(2,)]
        assert receiver.store.get("1")["child_details"]["first_name"] == "Ann"  # type: ignore[index]
        authority.execute("update ssd.ssd_person set pers_forename = null")
        authority.execute("delete from ssd.ssd_cin_episodes where cine_referral_id = 'R3'")
        authority.build({"csc_payload_mode": "full"})
        assert authority.execute("select count(*) from csc.accepted_item") == [(0,)]
        assert authority.execute(f"select partial_json_payload, full_json_payload from {STATE}") == [(None, None)]
        authority.build_again()
        ((partial,),) = authority.execute(f"select partial_json_payload from {STATE}")
        delta = json.loads(partial)
        assert delta["child_details"]["first_name"] is None
        assert delta["social_care_episodes"] == [{"social_care_episode_id": "R3", "purge": True}]
        assert authority.submit(receiver) == 0
        held = receiver.store.get("1")
        assert held is not None
        assert len(held["social_care_episodes"]) == EPISODES - 1
        assert "first_name" not in held["child_details"]
