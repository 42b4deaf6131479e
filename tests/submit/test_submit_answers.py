"""Every answer of the design's table, from a receiver that answers as told."""

from __future__ import annotations

import json
import time
from collections import Counter
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from submit_stage import Reply, digest, payload, scripted

if TYPE_CHECKING:
    from submit_stage import State, Submit


def people(body: str) -> list[str]:
    return [child["la_child_id"] for child in json.loads(body)]


def test_the_body_is_the_text_of_the_database(state: State, submit: Submit) -> None:
    text = '{"la_child_id":"p1",  "a":"\\u00e9 \\/ ' + chr(0x1F600) + '","purge":false}'
    state.put("p1", text)
    with scripted() as script:
        assert submit(script.base_url).code == 0
    assert script.bodies == [f"[{text}]"]


@pytest.mark.parametrize("status", [400, 422])
def test_records_named_by_index_are_rejected_and_the_rest_go_again(state: State, submit: Submit, status: int) -> None:
    state.put_many(5)
    told = "[1].child_details.sex: not allowed\n[3].social_care_episodes[0].referral_date: not a date"
    with scripted(Reply(status, told)) as script:
        finished = submit(script.base_url)
    assert finished.code == 1
    assert [people(body) for body in script.bodies] == [
        ["00000", "00001", "00002", "00003", "00004"],
        ["00000", "00002", "00004"],
    ]
    assert state.row("00001")["api_response"] == "child_details.sex: not allowed"
    assert state.row("00003")["api_response"] == "social_care_episodes[0].referral_date: not a date"


def test_when_none_is_named_the_bad_ones_are_found_by_halves(state: State, submit: Submit) -> None:
    state.put_many(4)
    refusal = Reply(400, "Bad Request")
    with scripted(refusal, Reply(), refusal, Reply(), refusal) as script:
        finished = submit(script.base_url, "--workers", "1")
    assert finished.code == 1
    assert [people(body) for body in script.bodies] == [
        ["00000", "00001", "00002", "00003"],
        ["00000", "00001"],
        ["00002", "00003"],
        ["00002"],
        ["00003"],
    ]
    assert state.statuses() == {"00000": "sent", "00001": "sent", "00002": "sent", "00003": "error"}
    assert state.row("00003")["api_response"] == "Bad Request"


def test_a_reason_never_repeats_what_it_says_of_the_child(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1", surname="O'Planted-Name", date_of_birth="2012-05-06", postcode="ZZ9 9ZZ"))
    told = "[0].child_details.surname: O'Planted-Name born 2012-05-06 of ZZ9 9ZZ is too long"
    with scripted(Reply(400, told)) as script:
        finished = submit(script.base_url)
    reason = state.row("p1")["api_response"]
    assert reason.startswith("child_details.surname: ")
    assert reason.endswith("is too long")
    for secret in ("Planted", "2012", "05-06", "ZZ9", "9ZZ"):
        assert secret not in reason + finished.said


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, '["only-one"]'),
        Reply(200, "[]"),
        Reply(200, "not json"),
        Reply(200, '[1, "two"]'),
        Reply(200, '["", "two"]'),
        Reply(204),
        Reply(202),
    ],
    ids=["too few", "none", "no json", "no text", "blank", "204", "202"],
)
def test_an_unclear_answer_leaves_the_batch_in_flight_and_the_next_run_replays_it(
    state: State, submit: Submit, reply: Reply
) -> None:
    state.put_many(2)
    posted = state.row("00000")["json_payload"]
    with scripted(reply) as script:
        finished = submit(script.base_url)
        assert finished.code == 5
        assert "2 unknown" in finished.out
        assert set(state.statuses().values()) == {"sending"}
        assert state.row("00000")["inflight_payload"] == posted
        # dbt builds another version meanwhile: the replay is of what was posted, and only that is accepted
        newer = payload("00000", ethnicity="WBRI")
        state.execute(
            "update csc.ssd_api_data_staging set json_payload = ?, current_hash = ? where person_id = '00000'",
            [newer, digest(newer)],
        )
        assert submit(script.base_url).code == 0
    assert script.bodies[1] == script.bodies[0]
    assert people(script.bodies[2]) == ["00000"]
    assert json.loads(script.bodies[2])[0]["child_details"]["ethnicity"] == "WBRI"
    assert set(state.statuses().values()) == {"sent"}
    assert state.row("00000")["previous_json_payload"] == newer


@pytest.mark.parametrize("is_kept_apart", [False, True])
def test_acceptance_is_of_the_version_posted(state: State, submit: Submit, *, is_kept_apart: bool) -> None:
    old = payload("p1")
    newer = payload("p1", ethnicity="WBRI")
    flying: dict[str, Any] = {"inflight_payload": old, "inflight_hash": digest(old)}
    flying |= {"inflight_full_payload": old} if is_kept_apart else {}
    state.put("p1", newer, status="sending", row_state="new", inflight_batch_id="b1", **flying)
    with scripted(Reply(), Reply(400, "no")) as script:
        assert submit(script.base_url).code == 1
    assert [json.loads(body)[0] for body in script.bodies] == [json.loads(old), json.loads(newer)]
    row = state.row("p1")
    assert (row["previous_json_payload"], row["previous_hash"]) == (old, digest(old))
    assert (row["submission_status"], row["row_state"]) == ("error", "updated")


def test_a_rejection_of_an_old_version_leaves_the_new_one_pending(state: State, submit: Submit) -> None:
    old = payload("p1")
    flying: dict[str, Any] = {"inflight_payload": old, "inflight_hash": digest(old)}
    state.put("p1", payload("p1", ethnicity="WBRI"), status="sending", inflight_batch_id="b1", **flying)
    with scripted(Reply(400, "no")) as script:
        submit(script.base_url)
        assert [json.loads(body)[0]["child_details"].get("ethnicity") for body in script.bodies] == [None, "WBRI"]
    assert state.statuses() == {"p1": "sent"}


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(state: State, submit: Submit, status: int) -> None:
    state.put_many(2)
    with scripted(Reply(status, "busy"), Reply(status, "busy")) as script:
        assert submit(script.base_url).code == 0
    assert len(script.bodies) == 3
    assert len(set(script.bodies)) == 1
    assert set(state.statuses().values()) == {"sent"}
    events = [event for _, event, _ in state.events()]
    assert events.count("accepted") == 2
    assert events.count("refused" if status in {403, 429} else "unknown") == 4


def test_a_broken_connection_is_tried_again(state: State, submit: Submit) -> None:
    state.put_many(2)
    with scripted(Reply(drop=True)) as script:
        assert submit(script.base_url).code == 0
    assert len(script.bodies) == 2
    assert set(state.statuses().values()) == {"sent"}


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed(state: State, submit: Submit, *, as_date: bool) -> None:
    state.put_many(1)
    wait = formatdate(time.time() + 2.5, usegmt=True) if as_date else "1"
    started = time.monotonic()
    with scripted(Reply(429, "slow down", {"Retry-After": wait})) as script:
        assert submit(script.base_url).code == 0
    assert time.monotonic() - started >= 1
    assert len(script.bodies) == 2


def test_one_new_token_then_again(state: State, submit: Submit) -> None:
    state.put_many(2)
    with scripted(Reply(401, "expired")) as script:
        assert submit(script.base_url).code == 0
    assert script.tokens == 2
    assert set(state.statuses().values()) == {"sent"}


def test_a_token_that_does_not_say_when_it_expires_is_used_until_refused(state: State, submit: Submit) -> None:
    state.put_many(6)
    with scripted(Reply(), Reply(401)) as script:
        script.token_fields = {}
        assert submit(script.base_url, BATCH_SIZE="2").code == 0
    assert script.tokens == 2


def test_a_token_about_to_expire_is_renewed_before_each_batch(state: State, submit: Submit) -> None:
    state.put_many(4)
    with scripted() as script:
        script.token_fields = {"expires_in": 30}
        assert submit(script.base_url, BATCH_SIZE="2").code == 0
    assert script.tokens == 3


def test_what_may_have_been_taken_stays_in_flight_when_the_run_then_fails(state: State, submit: Submit) -> None:
    state.put_many(4)
    with scripted(Reply(500), Reply(401), Reply(401)) as script:
        finished = submit(script.base_url, BATCH_SIZE="2", CSC_WORKERS="1")
        assert finished.code == 4
        assert list(state.statuses().values()) == ["sending"] * 2 + ["pending"] * 2
        assert submit(script.base_url).code == 0
    assert set(state.statuses().values()) == {"sent"}


def test_a_second_401_stops_the_run_and_changes_no_row(state: State, submit: Submit) -> None:
    state.put_many(2)
    before = state.rows()
    with scripted(Reply(401), Reply(401)) as script:
        finished = submit(script.base_url)
    assert finished.code == 4
    assert len(script.bodies) == 2
    assert state.rows() == before


def test_server_errors_without_end_leave_batches_in_flight_and_stop_the_run(state: State, submit: Submit) -> None:
    state.put_many(60)
    with scripted(*[Reply(500) for _ in range(200)]) as script:
        finished = submit(script.base_url, BATCH_SIZE="2", CSC_WORKERS="2")
        assert finished.code == 5
        assert 3 * 3 <= len(script.bodies) < 3 * 30
        counts = Counter(state.statuses().values())
        assert set(counts) == {"sending", "pending"}
        assert counts["sending"] >= 3 * 2
        script.replies.clear()
        assert submit(script.base_url, BATCH_SIZE="2").code == 0
    assert set(state.statuses().values()) == {"sent"}


def test_413_is_halved(state: State, submit: Submit) -> None:
    state.put_many(4)
    with scripted(Reply(413)) as script:
        assert submit(script.base_url).code == 0
    assert [len(people(body)) for body in script.bodies] == [4, 2, 2]
