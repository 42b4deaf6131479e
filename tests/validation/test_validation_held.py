"""validate: children whose payload breaks the schema are held, the others go; on a real DuckDB file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from audit_stage import PLANTED, asked, held
from submit_stage import payload, purge

from submitter.validation.pending import MARK

if TYPE_CHECKING:
    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver

SEX = f"{MARK}child_details.sex: is not in the code set"


def test_invalid_children_are_held_and_the_others_go(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    for number in range(450):
        details = {"sex": "X"} if number % 150 == 0 else {}
        state.put(f"p{number:03d}", payload(f"p{number:03d}", **PLANTED, **details))
    state.put("gone", purge("gone"), row_state="deleted", previous_json_payload="{}")
    state.put("text", "no JSON")
    said = asked(submit, "validate")
    assert said.splitlines() == [
        "452 payloads checked, 4 children are held.",
        "      3  child_details.sex: is not in the code set  (for example p000, p150, p300)",
        "      1  payload: is not JSON  (for example text)",
    ]
    row = state.row("p150")
    assert (row["submission_status"], row["api_response"], row["row_state"]) == ("held", SEX, "new")
    assert submit(receiver.base_url).code == 0
    assert [person_id for person_id, status in state.statuses().items() if status == "held"] == [
        *("p000", "p150", "p300", "text")
    ]
    assert len(receiver.store) == 447


def test_a_dry_run_reports_and_changes_nothing(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1", sex="wrong"))
    before = state.rows()
    with held(state, "reading"):  # it needs no lock
        said = asked(submit, "validate", "--dry-run", code=1)
    assert "1 children would be held" in said
    assert "nothing was changed" in said
    assert state.rows() == before


@pytest.mark.parametrize(("setting", "text"), [("true", "partial_json_payload"), ("false", "full_json_payload")])
def test_what_would_go_out_is_what_is_checked(state: State, submit: Submit, setting: str, text: str) -> None:
    delta = {"la_child_id": "p1", "purge": False, "child_details": json.loads(payload("p1"))["child_details"]}
    delta["child_details"]["surname"] = None  # an attribute that became empty
    other = ({"partial_json_payload", "full_json_payload"} - {text}).pop()
    state.put("p1", payload("p1"), row_state="updated", **{text: json.dumps(delta), other: "no JSON"})
    state.put("p2", payload("p2", surname=None))  # null is for deltas only
    said = asked(submit, "validate", changes={"USE_PARTIAL_PAYLOAD": setting})
    assert state.statuses() == {"p1": "pending", "p2": "held"}
    assert "child_details.surname: must be of type string" in said


def test_only_what_waits_is_looked_at(state: State, submit: Submit) -> None:
    for status in ("error", "held", "sent", "sending"):
        state.put(status, payload(status, sex="wrong"), status, api_response="kept back by a rule")
    state.put("flying", payload("flying", sex="wrong"), inflight_payload="{}", inflight_batch_id="b")
    before = state.rows()
    assert asked(submit, "validate") == "0 payloads checked, 0 children are held.\n"
    assert state.rows() == before


def test_a_held_child_whose_payload_fits_now_goes_again_and_one_held_by_a_rule_does_not(
    state: State, submit: Submit
) -> None:
    state.put("p1", payload("p1"), "held", api_response=SEX)
    state.put("p2", payload("p2", sex="wrong"), "held", api_response=SEX)
    state.put("p3", payload("p3"), "held", api_response="preflight: a rule")
    before = state.row("p2")
    said = asked(submit, "validate")
    assert "1 held before are pending again" in said
    assert state.statuses() == {"p1": "pending", "p2": "held", "p3": "held"}
    assert state.row("p1")["api_response"] is None
    assert state.row("p2") == before


def test_it_waits_its_turn_behind_a_run(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1", sex="wrong"))
    with held(state, "writing"):
        said = asked(submit, "validate", code=6)
    assert len(said.splitlines()) == 1
    assert state.statuses() == {"p1": "pending"}
