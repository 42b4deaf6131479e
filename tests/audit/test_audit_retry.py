"""The commands errors and retry: why children are rejected, and how they come to be sent with the others again."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from audit_stage import NO_RECEIVER, PLANTED, asked, held
from submit_stage import Reply, payload, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver

SEX = "child_details.sex: must be given"
NAME = "child_details.first_name: is too long"


def reject(state: State, person_id: str, reason: str | None = SEX, **more: object) -> None:
    """A child that the receiver rejected twice."""
    rejected = {"api_response": reason, "error_count": 2, "submission_timestamp": "2026-01-02 03:04:05"}
    state.put(person_id, payload(person_id, **PLANTED), "error", **{**rejected, **more})  # type: ignore[arg-type]


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in after.items() if value != before[name]}


# --- errors


def test_rejections_of_a_real_run_are_grouped_by_reason(
    state: State, submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    assert asked(submit, "errors") == "No child is rejected.\n"
    for number in range(6):
        wrong: dict[str, object] = {"sex": "wrong"} if number < 5 else {"disabilities": ["wrong"]}
        state.put(f"p{number}", payload(f"p{number}", **PLANTED, **wrong))
    assert submit(receiver.base_url).code == 1
    lines = asked(submit, "errors").splitlines()
    assert "      5  child_details.sex: is not in the code set  (for example p0, p1, p2)" in lines
    assert "      1  child_details.disabilities[]: is not in the code set  (for example p5)" in lines
    assert [int(line[:7]) for line in lines] == sorted((int(line[:7]) for line in lines), reverse=True)

    file = tmp_path / "errors.csv"
    assert asked(submit, "errors", "--csv", str(file)) == f"6 lines are written to {file}.\n"
    text = file.read_text(encoding="utf-8-sig")
    assert [word for word in PLANTED.values() if word in text] == []
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["person_id"], row["row_state"], row["times"]) for row in rows] == [
        (f"p{number}", "new", "1") for number in range(6)
    ]
    assert {row["reasons"].split(":")[0] for row in rows[:5]} == {"child_details.sex"}
    assert rows[5]["reasons"].startswith("child_details.disabilities[]: ")


def test_a_child_counts_under_each_of_its_reasons_and_positions_do_not(state: State, submit: Submit) -> None:
    reject(state, "p1", f"social_care_episodes[0].closure_reason: unknown; {SEX}")
    reject(state, "p2", "; ".join(f"social_care_episodes[{place}].closure_reason: unknown" for place in (12, 3)))
    reject(state, "p3", None)
    reject(state, "p4", inflight_payload="{}", inflight_batch_id="b")
    assert [line.strip() for line in asked(submit, "errors").splitlines()] == [
        "2  social_care_episodes[].closure_reason: unknown  (for example p1, p2)",
        f"1  {SEX}  (for example p1)",
        "1  no reason was given  (for example p3)",
    ]


def test_what_an_earlier_tool_wrote_of_a_child_is_not_repeated(state: State, submit: Submit, tmp_path: Path) -> None:
    reject(state, "p1", "first_name Zebedee Plantedson born 2012-02-29 is wrong")
    assert "first_name ... ... born ...-...-... is wrong" in asked(submit, "errors")
    file = tmp_path / "errors.csv"
    asked(submit, "errors", "--csv", str(file))
    assert [word for word in PLANTED.values() if word in file.read_text(encoding="utf-8-sig")] == []


def test_more_children_than_a_page_are_all_counted(state: State, submit: Submit) -> None:
    state.put_many(450, "error")
    for number in range(40):
        reject(state, f"x{number}", f"reason{'x' * number}: wrong")
    lines = asked(submit, "errors").splitlines()
    assert lines[0] == "    450  no reason was given  (for example 00000, 00001, 00002)"
    assert len(lines) == 31
    assert lines[-1] == "and 11 more reasons: --csv has them all"


# --- retry


def test_a_child_put_back_is_pending_and_keeps_all_else(state: State, submit: Submit) -> None:
    reject(state, "p1", row_state="updated", previous_json_payload="{}", doubted_payloads="{}")
    reject(state, "p2", submission_status="Error")
    before = {person_id: state.row(person_id) for person_id in ("p1", "p2")}
    assert asked(submit, "retry", "p1", "p2", "p1") == "2 rejected children are put back to pending.\n"
    for person_id in ("p1", "p2"):
        row = state.row(person_id)
        assert row["last_updated"] > before[person_id]["last_updated"]
        assert changed(before[person_id], {**row, "last_updated": before[person_id]["last_updated"]}) == {
            "submission_status": "pending",
            "error_count": 0,
            "api_response": f"put back: {SEX}",
        }
    again = {person_id: state.row(person_id) for person_id in ("p1", "p2")}
    assert "0 rejected children are put back" in asked(submit, "retry", "--all")
    assert again == {person_id: state.row(person_id) for person_id in ("p1", "p2")}
    said = asked(submit, "diff", "p1")
    assert f"rejected, since put back to be tried again 2026-01-02 03:04:05 UTC: {SEX}" in said


def test_only_rejected_children_are_put_back(state: State, submit: Submit) -> None:
    for status in ("pending", "held", "sent", "sending"):
        state.put(status, payload(status), status)
    reject(state, "flying", inflight_payload="{}", inflight_batch_id="b")
    before = state.rows()
    said = asked(submit, "retry", "--all")
    assert said == "0 rejected children are put back to pending.\n"
    said = asked(submit, "retry", "pending", "held", "sent", "sending", "flying", "nobody")
    assert "Not rejected, and left as they are: pending, held, sent, sending, flying, nobody." in said
    assert state.rows() == before


def test_a_dry_run_says_how_many_and_changes_nothing(state: State, submit: Submit) -> None:
    reject(state, "p1")
    before = state.rows()
    with held(state, "reading"):  # it needs no lock
        said = asked(submit, "retry", "--all", "--dry-run")
    assert said == "1 rejected children would be put back to pending; nothing was changed.\n"
    assert state.rows() == before


def test_children_are_chosen_by_the_reason_as_errors_prints_it(state: State, submit: Submit) -> None:
    reject(state, "p1", f"{SEX}; social_care_episodes[0].closure_reason: unknown")
    reject(state, "p2", "social_care_episodes[17].closure_reason: unknown")
    reject(state, "p3", "child_details.first_name: Zebedee is too long")
    said = asked(submit, "retry", "--reason", "Social_care_episodes[].closure_reason: ")
    assert said == "2 rejected children are put back to pending.\n"
    assert state.statuses() == {"p1": "pending", "p2": "pending", "p3": "error"}
    assert "0 rejected" in asked(submit, "retry", "--reason", "%")
    assert "0 rejected" in asked(submit, "retry", "--reason", "Zebedee")


@pytest.mark.parametrize("arguments", [(), ("p1", "--all"), ("--all", "--reason", "x"), ("--reason", " ")])
def test_it_is_said_clearly_which_children_are_meant(state: State, submit: Submit, arguments: tuple[str, ...]) -> None:
    reject(state, "p1")
    before = state.rows()
    assert "--all" in asked(submit, "retry", *arguments, code=2)
    assert state.rows() == before


@pytest.mark.parametrize("by", ["--all", "ids"])
def test_thousands_are_put_back_and_none_is_lost(state: State, submit: Submit, by: str) -> None:
    state.put_many(2500, "error")
    ids = [f"{number:05d}" for number in range(2500)]
    said = asked(submit, "retry", *(ids if by == "ids" else ["--all"]))
    assert said == "2,500 rejected children are put back to pending.\n"
    assert state.statuses() == dict.fromkeys(ids, "pending")


def test_it_waits_its_turn_behind_a_run(state: State, submit: Submit) -> None:
    reject(state, "p1")
    before = state.rows()
    with held(state, "writing"):
        said = asked(submit, "retry", "--all", code=6)
    assert len(said.splitlines()) == 1
    assert "open" in said
    assert state.rows() == before


def test_what_is_put_back_goes_with_the_others_and_not_last(state: State, submit: Submit) -> None:
    def requests() -> list[list[str]]:
        with scripted() as script:
            assert submit(script.base_url, BATCH_SIZE="2", CSC_WORKERS="1").code == 0
        return [[child["la_child_id"] for child in json.loads(body)] for body in script.bodies]

    for put_back, expected in ((False, [["b1", "b2"], ["a"]]), (True, [["a", "b1"], ["b2"]])):
        state.execute("delete from csc.ssd_api_data_staging")
        reject(state, "a")
        state.put("b1", payload("b1"))
        state.put("b2", payload("b2"))
        if put_back:
            asked(submit, "retry", "a")
        assert requests() == expected
        assert set(state.statuses().values()) == {"sent"}


def test_a_child_rejected_again_counts_anew(state: State, submit: Submit) -> None:
    reject(state, "p1")
    asked(submit, "retry", "p1")
    with scripted(Reply(400, f"[0].{NAME}")) as script:
        assert submit(script.base_url).code == 1
    row = state.row("p1")
    assert (row["submission_status"], row["error_count"], row["api_response"]) == ("error", 1, NAME)
    assert len(script.bodies) == 1


def test_without_a_database_it_ends_with_one_line(submit: Submit, tmp_path: Path) -> None:
    finished = submit(NO_RECEIVER, "retry", "--all", DB_CONNECTION_STRING=f"duckdb:///{tmp_path / 'none.duckdb'}")
    assert (finished.code, len(finished.err.splitlines())) == (3, 1)
