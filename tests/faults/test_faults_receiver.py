"""The receiver and the network do what they should not; one clean run afterwards brings both sides to the truth."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from fault_receiver import Fault, TokenFault
from fault_stage import newer

if TYPE_CHECKING:
    from fault_stage import Stage

SLOW = 1.0  # beyond the read timeout
RECEIPT = "2026-01-01_00:00:00.00_one-too-many.json"
FAULTS: dict[str, list[Fault]] = {
    "dropped before it was read": [Fault(takes=False, cut="unread")] * 2,
    "dropped, not taken": [Fault(takes=False, cut="unanswered")] * 2,
    "dropped, but taken": [Fault(cut="unanswered")] * 3,
    "dropped halfway through the answer": [Fault(cut="halfway")] * 3,
    "answered too late": [Fault(seconds=SLOW)] * 2,
    "neither taken nor answered in time": [Fault(503, takes=False, seconds=SLOW)] * 2,
    "too few receipts": [Fault(receipts=lambda receipts: receipts[1:])] * 2,
    "no receipts": [Fault(receipts=lambda _: [])],
    "too few receipts, and not taken": [Fault(takes=False, receipts=lambda receipts: receipts[1:])],
    "too many receipts": [Fault(receipts=lambda receipts: [*receipts, RECEIPT])],
    "reordered receipts": [Fault(receipts=lambda receipts: receipts[::-1])] * 3,
    "receipts that are no texts": [Fault(takes=False, receipts=lambda receipts: [None for _ in receipts])],
    "receipts that are empty": [Fault(takes=False, receipts=lambda receipts: ["" for _ in receipts])],
    "receipts that are none": [Fault(takes=False, receipts=lambda receipts: ["failed" for _ in receipts])],
    "receipts that no UTF-8 can hold": [
        Fault(takes=False, receipts=lambda receipts: [f"{receipt}\ud83d" for receipt in receipts])
    ],
    "one receipt again and again": [Fault(takes=False, receipts=lambda receipts: [receipts[0] for _ in receipts])],
    "an object": [Fault(takes=False, receipts=lambda receipts: {"receipts": receipts})],
    "a proxy's page": [Fault(takes=False, body="<html>Sign in</html>")],
    "204, nothing taken": [Fault(204, takes=False)] * 2,
    "204, but taken": [Fault(204)],
    "202": [Fault(202)],
    "a token refused in the middle": [Fault(), Fault(401)],
    "tokens refused again and again": [Fault(), *[Fault(401)] * 6],
    "403 in a burst": [Fault(403)] * 3,
    "403 for ever": [Fault(403)] * 40,
    "413": [Fault(413)] * 2,
    "429": [Fault(429)] * 3,
    "429 with seconds": [Fault(429, headers={"Retry-After": "1"})],
    "429 with a date": [Fault(429, headers={"Retry-After": formatdate(time.time() + 1, usegmt=True)})],
    "429 with nonsense": [Fault(429, headers={"Retry-After": "soon"})],
    "429 for ever": [Fault(429)] * 40,
    "500, not taken": [Fault(500, takes=False)] * 3,
    "500, but taken": [Fault(500)] * 3,
    "gateway errors": [Fault(502), Fault(503, takes=False), Fault(504)],
    "500 for ever": [Fault(500)] * 40,
    "records named": [Fault(400, body="[0].child_details.sex: no")] * 2,
    "none named": [Fault(400, body="Bad Request")] * 4,
    "422": [Fault(422, body="[1]: no")],
    "moved": [Fault(302, headers={"Location": "http://127.0.0.1:9/"})],
    "not there": [Fault(404)] * 2,
}
TOKEN_FAULTS: dict[str, list[TokenFault | None]] = {
    "down": [TokenFault(503, "{}")] * 20,
    "slow": [TokenFault(seconds=SLOW)] * 20,
    "html": [TokenFault(body="<html>Sign in</html>")],
    "no json object": [TokenFault(body="[1]")],
    "no token in it": [TokenFault(body='{"expires_in": 5}')],
    "nonsense for the time": [TokenFault(body='{"access_token": "x", "token_type": "Bearer", "expires_in": "soon"}')],
    "refused": [TokenFault(401, '{"error": "invalid_client"}')],
    "nonsense after a while": [None, None, TokenFault(body="gone"), TokenFault(body="gone"), TokenFault(body="gone")],
}


@pytest.mark.parametrize("what", FAULTS)
def test_after_a_fault_one_clean_run_brings_the_truth(stage: Stage, what: str) -> None:
    stage.receiver.faults = list(FAULTS[what])
    code, said = stage.run()
    assert code in {0, 1, 2, 4, 5}, said
    stage.claims()
    stage.lines_are_closed()
    stage.receiver.faults.clear()
    stage.rebuild("00003", newer("00003"))  # dbt, before the next night
    assert stage.run()[0] == 0
    stage.truth()


@pytest.mark.parametrize("what", FAULTS)
def test_after_a_fault_on_a_replay_too(stage: Stage, what: str) -> None:
    stage.receiver.faults = [Fault(takes=number % 2 == 0, cut="unanswered") for number in range(3)]
    assert stage.run(csc_max_attempts=1)[0] == 5
    stage.rebuild("00001", newer("00001"))
    flying = stage.children("inflight_payload is not null")
    assert flying
    stage.receiver.faults = list(FAULTS[what])
    stage.run()
    stage.claims()
    # what was refused may be what the receiver holds
    refused = stage.children("submission_status = 'error'") & flying
    assert refused <= stage.children("doubted_payloads is not null")
    stage.receiver.faults.clear()
    assert stage.run()[0] == 0
    stage.truth()
    assert stage.children("doubted_payloads is not null") == set()


@pytest.mark.parametrize("what", TOKEN_FAULTS)
def test_the_token_endpoint_fails(stage: Stage, what: str) -> None:
    stage.receiver.token_faults = list(TOKEN_FAULTS[what])
    stage.receiver.token_seconds = 30  # a new one for each request
    before = stage.rows()
    code, said = stage.run()
    assert code in {4, 5}, said
    assert "oken endpoint" in said
    if what == "nonsense after a while":
        stage.claims()
    else:
        assert stage.rows() == before
        assert stage.receiver.posted == []
    stage.lines_are_closed()
    stage.receiver.token_faults.clear()
    assert stage.run()[0] == 0
    stage.truth()


def test_nothing_listens(stage: Stage) -> None:
    before = stage.rows()
    code, said = stage.run(api_endpoint="http://127.0.0.1:9")
    assert (code, "cannot be reached" in said) == (5, True)
    assert stage.rows() == before
    assert stage.run()[0] == 0
    stage.truth()


def test_what_has_no_way_through_costs_the_others_nothing(stage: Stage) -> None:
    stage.receiver.faults = [Fault(429), Fault(429)]
    code, said = stage.run(csc_workers=1)
    assert code == 5
    assert "answers 429 again and again" in said
    statuses = stage.statuses()
    assert (statuses.count("pending"), statuses.count("sent")) == (2, 8)
    assert stage.run()[0] == 0
    stage.truth()


def test_a_token_is_renewed_once_for_all_senders(stage: Stage) -> None:
    stage.receiver.faults = [Fault(401, seconds=0.1) for _ in range(3)]
    assert stage.run()[0] == 0
    assert stage.receiver.tokens == 2
    stage.truth()


def test_the_rejected_go_last_when_all_others_are_settled(stage: Stage) -> None:
    stage.receiver.faults = [Fault(seconds=0.3)] * 2
    assert stage.run()[0] == 0
    assert stage.receiver.posted[-1] == ["00004"]
    (others,), (last,) = stage.execute(
        "select max(occurred_at) from csc.submission_event where person_id <> '00004' union all "
        "select min(occurred_at) from csc.submission_event where person_id = '00004'"
    )
    assert others <= last
