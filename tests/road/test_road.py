"""The road as a whole: demo, published returns, a second run, one change, children who leave and return, dirt."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from road_stage import STATE, Road, environment_without_settings

from submitter.receiver.schema import breaches
from submitter.receiver.serve import serve
from submitter.trial.cin_census import read_cin_census
from submitter.trial.invent import invented_children
from submitter.trial.returns import combined
from submitter.trial.ssd import Record
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples"
TODAY = date(2026, 3, 15)


def road(folder: Path, records: Iterable[Record], run_date: date = TODAY) -> Road:
    made = Road(folder, run_date)
    made.fill(records)
    return made


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "submitter", "demo", "--folder", str(folder), *arguments],
        env=environment_without_settings(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--cin-census", "no-such.xml"], ["no-such.xml"]),
        (["--ssda903", "no-such-folder"], ["no-such-folder"]),
        (["--cin-census", __file__], ["test_road.py"]),
        (["--ssda903", str(Path(__file__).parent)], ["header.csv"]),
        (["--run-date", "yesterday"], ["--run-date"]),
        (["--children", "0"], ["--children"]),
    ],
)
def test_a_file_that_is_no_return_gets_a_clear_error(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    finished = demo(tmp_path / "demo", *arguments)
    assert finished.returncode in {1, 2}
    assert "Traceback" not in finished.stderr
    assert "Error" in finished.stderr
    for part in parts:
        assert part in " ".join(finished.stderr.split())


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published sample returns are not beside the project")
def test_the_published_returns_go_all_the_way_to_the_receiver(tmp_path: Path) -> None:
    returns = combined(read_cin_census(SAMPLES / "cin_census/fake_CIN_data.xml"), read_ssda903(SAMPLES / "ssda903"))
    authority = road(tmp_path, returns.rows, date(2019, 3, 31))
    authority.dbt("build")
    payloads = authority.payloads()
    assert len(payloads) > 2200
    # the receiver does not insist on what a whole payload must have
    assert [str(breach) for child in payloads.values() for breach in breaches(child, partial=False)] == []
    blocks = {
        block
        for child in payloads.values()
        for episode in child.get("social_care_episodes", [])
        for block, value in episode.items()
        if isinstance(value, (list, dict))
    }
    assert blocks >= {"child_looked_after_placements", "adoption"}
    with serve() as receiver:
        assert authority.submit(receiver) == 0
        assert receiver.store.ids() == sorted(payloads)
        with requests.Session() as session:
            for person_id, child in payloads.items():
                assert session.get(f"{receiver.base_url}/children/{person_id}", timeout=10).json() == child
    assert authority.execute(f"select distinct row_state, submission_status from {STATE}") == [("unchanged", "sent")]


def test_a_second_night_sends_nothing_and_one_change_sends_that_child(tmp_path: Path) -> None:
    clean = (record for record in invented_children(29, 3, TODAY))  # the first whose id cannot be sent is the 30th
    authority = road(tmp_path, clean)
    authority.build()
    with serve() as receiver:
        assert authority.submit(receiver) == 0
        before = authority.state()
        assert len(before) > 10
        authority.build()
        assert authority.state() == before
        assert authority.submit(receiver) == 0
        assert authority.state() == before
        assert authority.execute("select count(*) from csc.submission_event") == [(len(before),)]

        changed = change_one_thing_each(authority)
        authority.build_again()
        assert authority.pending() == set(changed)
        assert authority.submit(receiver) == 0
        for person_id, payload in authority.payloads().items():
            assert receiver.store.get(person_id) == payload
        sent_again = authority.execute(
            "select person_id from csc.submission_event group by person_id having count(*) > 1 order by person_id"
        )
        assert [row[0] for row in sent_again] == sorted(changed)


def change_one_thing_each(authority: Road) -> list[str]:
    """Change a UPN, a reason, a flag and the factors, each of another child; return the children."""
    chosen: list[str] = []

    def pick(query: str) -> tuple[str, str]:
        people = ", ".join(f"'{person_id}'" for person_id in chosen) or "''"
        person_id, record_id = authority.execute(f"{query} and person_id not in ({people}) order by all limit 1")[0]
        chosen.append(person_id)
        return person_id, record_id

    person_id, _ = pick("select person_id, '' from csc.child_details where true")
    authority.execute(
        "update ssd.ssd_person set pers_upn = 'Z999999999999' where trim(pers_person_id) = ?", [person_id]
    )
    episodes = "select person_id, social_care_episode_id from csc.social_care_episodes"
    _, referral_id = pick(f"{episodes} where coalesce(closure_reason, '') <> 'RC9'")
    authority.execute(
        "update ssd.ssd_cin_episodes set cine_close_reason = 'RC9' where trim(cine_referral_id) = ?", [referral_id]
    )
    _, referral_id = pick(f"{episodes} where referral_no_further_action_flag is distinct from true")
    authority.execute(
        "update ssd.ssd_cin_episodes set cine_referral_nfa = 'Y' where trim(cine_referral_id) = ?", [referral_id]
    )
    _, assessment_id = pick(
        "select person_id, child_and_family_assessment_id from csc.child_and_family_assessments "
        "inner join csc.social_care_episodes using (social_care_episode_id) where factors <> '[\"24A\"]'"
    )
    authority.execute("delete from ssd.ssd_assessment_factors where trim(cinf_assessment_id) = ?", [assessment_id])
    authority.execute(
        "insert into ssd.ssd_assessment_factors (cinf_table_id, cinf_assessment_id, cinf_assessment_factors_json) "
        "values ('new', ?, '[\"24A\"]')",
        [assessment_id],
    )
    return chosen


def child(person_id: str, **more: object) -> list[Record]:
    """A child with one open referral."""
    return [
        Record("ssd_person", {"pers_person_id": person_id, "pers_dob": "2015-01-01", "pers_sex": "F", **more}),  # type: ignore[dict-item]
        Record(
            "ssd_cin_episodes",
            {"cine_referral_id": f"R-{person_id}", "cine_person_id": person_id, "cine_referral_date": "2025-06-01"},
        ),
    ]


def test_children_leave_are_purged_and_return(tmp_path: Path) -> None:
    authority = road(tmp_path, [record for name in ("stays", "leaves", "unsent") for record in child(name)])
    authority.build()

    def rows() -> dict[str, tuple[str, str]]:
        found = authority.execute(f"select person_id, row_state, submission_status from {STATE}")
        return {person_id: (row_state, status) for person_id, row_state, status in found}

    with serve() as receiver:
        authority.execute(f"update {STATE} set submission_status = 'held' where person_id = 'unsent'")
        assert authority.submit(receiver) == 0
        assert receiver.store.ids() == ["leaves", "stays"]
        # both leave the SSD: the receiver holds one of them
        authority.execute(
            "update ssd.ssd_person set pers_person_id = 'gone-' || pers_person_id where pers_person_id <> 'stays'"
        )
        authority.build_again()
        assert rows() == {"stays": ("unchanged", "sent"), "leaves": ("deleted", "pending")}
        state = authority.state()
        authority.dbt("run", "--full-refresh")
        assert authority.state() == state
        assert authority.submit(receiver) == 0
        assert receiver.store.ids() == ["stays"]
        assert rows()["leaves"] == ("deleted", "sent")
        state = authority.state()
        authority.build_again()
        assert authority.state() == state
        assert authority.submit(receiver) == 0
        # back again
        authority.execute("update ssd.ssd_person set pers_person_id = replace(pers_person_id, 'gone-', '')")
        authority.build_again()
        assert rows() == {"stays": ("unchanged", "sent"), "leaves": ("new", "pending"), "unsent": ("new", "pending")}
        assert authority.submit(receiver) == 0
        assert receiver.store.ids() == ["leaves", "stays", "unsent"]
        assert authority.execute("select count(*) from csc.submission_run") == [(3,)]


def test_one_bad_record_never_costs_another_child_its_payload(tmp_path: Path) -> None:
    name = 'A "quote" \\ back\tslash \x01 \x1f 😀 é \' ; drop table x --'
    dirty = [
        Record(
            "ssd_person",
            {
                "pers_person_id": " dirty\t",
                "pers_legacy_id": "not an id!",
                "pers_dob": "2015-01-01",
                "pers_forename": f"\r\n{name} ",
                "pers_surname": "x" * 5000,
                "pers_sex": "female",
                "pers_ethnicity": "wbri - White British",
                "pers_upn": " un3 ",
            },
        ),
        Record("ssd_person", {"pers_person_id": "dirty"}),
        Record("ssd_person", {"pers_person_id": None, "pers_dob": "2015-01-01"}),
        Record("ssd_person", {"pers_person_id": "a b", "pers_dob": "2015-01-01"}),
        *(
            Record(
                "ssd_cin_episodes",
                {
                    "cine_referral_id": referral_id,
                    "cine_person_id": person_id,
                    "cine_referral_date": "2025-06-01",
                    "cine_close_date": "2025-05-01",
                    "cine_referral_source_code": "1a - Individual",
                    "cine_close_reason": "rc8\t",
                    "cine_referral_nfa": "?",
                },
            )
            for referral_id, person_id in ((" R1 ", "dirty"), ("R1", "dirty "), ("R 2", "dirty"), ("R3", "a b"))
        ),
        Record(
            "ssd_cin_assessments",
            {"cina_assessment_id": "A1", "cina_referral_id": "R1\r\n", "cina_assessment_start_date": "2025-06-01"},
        ),
        Record("ssd_assessment_factors", {"cinf_assessment_id": "A1", "cinf_assessment_factors_json": '["1A", '}),
        Record(
            "ssd_s47_enquiry",
            {"s47e_s47_enquiry_id": "S1", "s47e_referral_id": "R1", "s47e_s47_start_date": "2025-06-01"}
            | {"s47e_s47_outcome_json": '{"CP_CONFERENCE_FLAG": '},
        ),
    ]
    authority = road(tmp_path, [*dirty, *child("clean")])
    authority.dbt("build")
    payloads = authority.payloads()
    assert sorted(payloads) == ["a b", "clean", "dirty"]
    assert breaches(payloads["clean"], partial=False) == []
    assert breaches(payloads["dirty"], partial=False) == []
    details = payloads["dirty"]["child_details"]
    assert details["first_name"] == name
    assert details["surname"] == "x" * 128
    assert (details["sex"], details["ethnicity"], details["unique_pupil_number_unknown_reason"]) == ("U", "WBRI", "UN3")
    assert "mis_child_id" not in payloads["dirty"]
    (episode,) = payloads["dirty"]["social_care_episodes"]
    assert episode == {
        "social_care_episode_id": "R1",
        "referral_date": "2025-06-01",
        "referral_source": "1A",
        "closure_date": "2025-05-01",
        "closure_reason": "RC8",
        "purge": False,
        "child_and_family_assessments": [
            {"child_and_family_assessment_id": "A1", "start_date": "2025-06-01", "purge": False, "factors": []}
        ],
        "section_47_assessments": [{"section_47_assessment_id": "S1", "start_date": "2025-06-01", "purge": False}],
    }
    with serve() as receiver:
        assert authority.submit(receiver) == 1
        assert receiver.store.ids() == ["clean", "dirty"]
        assert receiver.store.get("dirty") == json.loads(
            authority.execute(f"select json_payload from {STATE} where person_id = 'dirty'")[0][0]
        )
