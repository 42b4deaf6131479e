"""csc-submit diff: what would be sent for one child, and why, without saying who the child is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from submit_stage import State, Submit, digest, purge
from tsql_grammar import VERSIONS, refused

from submitter.inspection.child import child_row
from submitter.inspection.compare import Fate, changes, parsed

if TYPE_CHECKING:
    from pathlib import Path

    from forked_command import Finished

    from submitter.connection import Statement

PLANTED = {
    "first_name": "Zebedee",
    "surname": "Plantedson",
    "date_of_birth": "2012-02-29",
    "expected_date_of_birth": "2012-03-01",
    "unique_pupil_number": "Z999000000001",
    "former_unique_pupil_number": "Y999000000002",
    "postcode": "ZZ9 9ZZ",
}
RECEIPT = "2026-03-14_02:20:01.00_11111111-2222-3333-4444-555555555555.json"
WAS_SENT = {"submission_timestamp": "2026-03-14 02:20:01", "api_response": RECEIPT}


def details(**more: object) -> dict[str, Any]:
    return {**PLANTED, "sex": "F", "disabilities": ["NONE"], "uasc_flag": False, "purge": False, **more}


def episode(number: int, **more: object) -> dict[str, Any]:
    return {"social_care_episode_id": f"RE{number}", "referral_date": "2025-01-02", "purge": False, **more}


def plan(plan_id: str, **more: object) -> dict[str, Any]:
    return {"child_in_need_plan_id": plan_id, "start_date": "2025-02-03", "purge": False, **more}


def child(*episodes: dict[str, Any], **more: object) -> str:
    held = {"la_child_id": "c1", "mis_child_id": "M1", "purge": False, "child_details": details(**more)}
    return json.dumps({**held, "social_care_episodes": list(episodes)})


HELD = child(
    episode(
        1,
        referral_source="1A",
        child_in_need_plans=[plan("CI1"), plan("CI2")],
        care_worker_details=[{"worker_id": "W1", "start_date": "2025-01-01"}],
        adoption={"matched_date": "2025-01-01", "purge": False},
    ),
    episode(2),
)
NOW = child(
    episode(
        1,
        closure_date="2026-01-05",
        closure_reason="RC1",
        child_in_need_plans=[plan("CI2", end_date="2026-01-04"), plan("CI3")],
        care_worker_details=[{"worker_id": "W2", "start_date": "2025-01-01"}],
        child_looked_after_placements=[{"child_looked_after_placement_id": "PL1", "postcode": "ZZ8 8ZZ"}],
    ),
    first_name="Zebediah",
    surname=None,
    date_of_birth="2012-02-28",
    unique_pupil_number="X999000000003",
    former_unique_pupil_number=None,
    postcode="ZZ7 7ZZ",
    sex="M",
    disabilities=["LD", "MOB"],
)
HIDDEN = (
    *PLANTED.values(),
    *("Zebediah", "2012-02-28", "X999000000003", "ZZ7 7ZZ", "ZZ8 8ZZ"),
)
WAITING = {
    **WAS_SENT,
    "row_state": "updated",
    "previous_json_payload": HELD,
    "previous_hash": digest(HELD),
    "partial_json_payload": '{"la_child_id":"c1"}',
    "full_json_payload": NOW + " ",
}


def diff(submit: Submit, *arguments: str) -> Finished:
    finished = submit("http://127.0.0.1:9", "diff", *arguments)
    assert "Traceback" not in finished.said
    return finished


def shown(submit: Submit, *arguments: str) -> str:
    """What the command says of the child; nothing personal may be in it."""
    finished = diff(submit, "c1", *arguments)
    assert (finished.code, finished.err) == (0, "")
    assert [word for word in HIDDEN if word in finished.out] == []
    return finished.out


def test_a_child_that_waits_shows_each_change_without_its_values(state: State, submit: Submit) -> None:
    state.put("c1", NOW, **WAITING)  # type: ignore[arg-type]
    before = state.rows()
    lines = [line.strip() for line in shown(submit).splitlines()]
    assert lines[:4] == [
        "Child c1",
        "state     updated, pending, row last changed 2026-01-01 00:00:00 UTC",
        f"answer    accepted 2026-03-14 02:20:01 UTC: {RECEIPT}",
        "",
    ]
    assert "A partial payload goes: what changed since the receiver last accepted the child." in lines
    assert f"Size: partial 20 bytes, full {len(NOW) + 1:,} bytes." in lines
    start = lines.index("Compared with what the receiver last accepted:")
    assert lines[start + 1 :] == [
        (
            "changed   child_details: first_name changed; surname cleared; date_of_birth changed; "
            "unique_pupil_number changed; former_unique_pupil_number cleared; postcode changed; sex F -> M; "
            'disabilities ["NONE"] -> ["LD", "MOB"]'
        ),
        (
            "changed   social_care_episodes RE1: closure_date set to 2026-01-05; closure_reason set to RC1; "
            "care_worker_details changed; referral_source cleared (was 1A)"
        ),
        "changed   social_care_episodes RE1, child_in_need_plans CI2: end_date set to 2026-01-04",
        "new       social_care_episodes RE1, child_in_need_plans CI3",
        "purged    social_care_episodes RE1, child_in_need_plans CI1",
        "new       social_care_episodes RE1, child_looked_after_placements PL1",
        "purged    social_care_episodes RE1, adoption",
        "purged    social_care_episodes RE2",
    ]
    assert state.rows() == before


def test_values_show_on_request(state: State, submit: Submit) -> None:
    state.put("c1", NOW, **WAITING)  # type: ignore[arg-type]
    said = diff(submit, "c1", "--show-values").out
    for part in ("first_name Zebedee -> Zebediah", "surname cleared (was Plantedson)", "postcode ZZ9 9ZZ -> ZZ7 7ZZ"):
        assert part in said


def test_what_is_no_code_or_date_is_hidden_wherever_it_stands(state: State, submit: Submit) -> None:
    # an earlier pipeline may have written anything anywhere
    held = child(episode(1, closure_reason="Zebedee", surname="Plantedson"), sex="Zebedee", mobile="Plantedson")
    now = child(episode(1, closure_reason="RC1"))
    state.put(
        *("c1", now, "pending", "updated"),
        previous_json_payload=held,
        api_response="The child Zebedee is 2012-02-29 old",
    )
    said = shown(submit)
    assert "closure_reason changed" in said
    assert "surname cleared" in said
    assert "sex changed" in said
    assert "mobile cleared" in said


def test_a_child_never_accepted(state: State, submit: Submit) -> None:
    state.put("c1", NOW)
    said = shown(submit)
    assert "answer    none yet" in said
    assert "The whole payload goes: the receiver never accepted the child, or took its purge." in said
    assert "Size: partial none, full" in said
    assert (
        "new       child, with 1 child_details, 1 social_care_episodes, 2 child_in_need_plans, "
        "1 child_looked_after_placements"
    ) in said


def test_a_child_adopted_without_its_payload(state: State, submit: Submit) -> None:
    state.put("c1", NOW, row_state="new", previous_hash=digest("unknown"))
    assert "an earlier pipeline sent the child" in shown(submit)


def test_a_child_unchanged(state: State, submit: Submit) -> None:
    state.put("c1", NOW, "sent", "unchanged", previous_json_payload=NOW, previous_hash=digest(NOW), **WAS_SENT)
    said = shown(submit)
    assert "Nothing goes: the receiver holds what was last built." in said
    assert "The receiver last accepted the same." in said


def test_a_child_that_left(state: State, submit: Submit) -> None:
    state.put("c1", purge("c1"), "pending", "deleted", previous_json_payload=HELD, **WAS_SENT)
    said = shown(submit)
    assert "A purge of the whole child goes" in said
    assert "purged    child, with 1 child_details, 2 social_care_episodes, 2 child_in_need_plans, 1 adoption" in said
    assert "Size" not in said
    state.execute("update csc.ssd_api_data_staging set submission_status = 'Sent', previous_json_payload = null")
    said = shown(submit)
    assert "Nothing goes: the child left, and the receiver took the purge." in said
    assert said.rstrip().endswith("took the purge.")


def test_a_child_in_flight(state: State, submit: Submit) -> None:
    in_flight = {"inflight_payload": NOW, "inflight_hash": digest(NOW), "inflight_batch_id": "batch-1"}
    state.put("c1", NOW, "sending", **{**WAITING, **in_flight})  # type: ignore[arg-type]
    said = shown(submit)
    assert f"A payload is in flight (batch batch-1, {len(NOW):,} bytes), without an answer." in said
    assert "once it is accepted, nothing is left to send" in said
    state.execute("update csc.ssd_api_data_staging set inflight_hash = null")
    said = shown(submit)
    assert "A purge is in flight" in said
    assert "after that, what is said below" in said
    assert "The whole payload goes, with purges and nulls for whatever any version had." in said


def test_a_child_in_doubt(state: State, submit: Submit) -> None:
    state.put("c1", NOW, doubted_payloads="{}", **WAITING)  # type: ignore[arg-type]
    assert "it is not certain which version it holds" in shown(submit)


def test_a_child_held(state: State, submit: Submit) -> None:
    state.put("c1", NOW, "held", **WAITING)  # type: ignore[arg-type]
    assert "Nothing goes: the child is held until its payload changes." in shown(submit)


def test_a_child_rejected(state: State, submit: Submit) -> None:
    reason = "child_details.sex: must be F or M; child_details.first_name: Zebedee is not on 2012-02-29"
    state.put("c1", NOW, "error", **{**WAITING, "error_count": 2, "api_response": reason})  # type: ignore[arg-type]
    said = shown(submit)
    assert "rejected, 2 times in a row 2026-03-14 02:20:01 UTC: child_details.sex: must be" in said
    assert "child_details.first_name: ... is not on ..." in said
    assert "It was rejected before: it goes last, apart from the others." in said


def test_what_was_accepted_may_be_no_json(state: State, submit: Submit) -> None:
    state.put("c1", NOW, **{**WAITING, "previous_json_payload": "Zebedee {"})  # type: ignore[arg-type]
    assert "cannot be read as JSON" in shown(submit)


def test_many_changes_fit_on_one_screen(state: State, submit: Submit) -> None:
    now = child(*(episode(number) for number in range(100)))
    state.put("c1", now, "pending", "updated", previous_json_payload=child(), previous_hash=digest(child()))
    said = shown(submit)
    assert len(said.splitlines()) < 45
    assert "and 70 more: --all shows them" in said
    assert "RE99" in shown(submit, "--all")


def test_a_child_that_nobody_knows_gets_one_clear_line(state: State, submit: Submit) -> None:
    state.put("c1", NOW)
    finished = diff(submit, "nobody' or 1=1")
    assert (finished.code, finished.out) == (2, "")
    assert len(finished.err.splitlines()) == 1
    assert "no child with this person id" in finished.err


def test_without_a_database_the_error_is_one_line(submit: Submit, tmp_path: Path) -> None:
    finished = submit("", "diff", "c1", DB_CONNECTION_STRING=f"duckdb:///{tmp_path / 'none.duckdb'}")
    assert finished.code == 3
    assert len(finished.err.splitlines()) == 1


def test_a_list_of_workers_is_one_attribute_and_nulls_are_nothing() -> None:
    workers = [{"worker_id": "W1"}, {"worker_id": "W1"}]
    held = {"social_care_episodes": [{"social_care_episode_id": "1", "closure_date": None}]}
    now = {"social_care_episodes": [{"social_care_episode_id": "1", "care_worker_details": workers}]}
    (change,) = changes(held, now)
    assert (change.fate, [each.name for each in change.attributes]) == (Fate.CHANGED, ["care_worker_details"])
    assert changes(now, now) == changes(None, None) == []
    assert parsed("[1]") is parsed("{") is parsed(None) is None


class Recorder:
    """Stands where a SQL Server session would."""

    engine = "sqlserver"

    def __init__(self) -> None:
        self.said: list[Statement] = []

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        self.said += statements
        return []

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("version", VERSIONS)
def test_it_only_reads_the_state_and_in_tsql_too(tmp_path: Path, version: str) -> None:
    recorder = Recorder()
    assert child_row(recorder, "csc", "ssd_api_data_staging", "c1") is None
    (statement,) = recorder.said
    assert refused(tmp_path, version, {"diff": statement.sql.replace("?", "@p")}) == {}
    assert re.findall(r'from ("\w+"\."\w+")', statement.sql) == ['"csc"."ssd_api_data_staging"']
    assert statement.sql.startswith("select ")


def test_the_nightly_path_never_imports_it() -> None:
    code = "import sys, submitter.cli; print([name for name in sys.modules if name.startswith('submitter.inspection')])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
