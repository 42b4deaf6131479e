"""From a pending row to its receipt, against the stand-in."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import requests
from submit_stage import digest, payload, purge

from submitter.duckdb_connection import DuckDbConnection
from submitter.state import Answered, Attempt, StateStore, Verdict

if TYPE_CHECKING:
    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver


def test_what_is_pending_is_held_by_the_receiver_exactly(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    texts = {f"p{number}": payload(f"p{number}", surname='Quote " \\ \u0001 é 😀 / </b>') for number in range(3)}
    for person_id, text in texts.items():
        state.put(person_id, text)
    finished = submit(receiver.base_url)
    assert (finished.code, finished.err) == (0, "")
    assert "3 accepted, 0 rejected, 0 unknown" in finished.out
    for person_id, text in texts.items():
        held = requests.get(f"{receiver.base_url}/children/{person_id}", timeout=10).json()
        assert held == json.loads(text)
        row = state.row(person_id)
        assert (row["submission_status"], row["row_state"]) == ("sent", "unchanged")
        assert (row["previous_json_payload"], row["previous_hash"]) == (text, digest(text))
        assert row["api_response"].endswith(".json")
        assert row["submission_timestamp"] is not None
        assert row["inflight_payload"] is row["inflight_hash"] is row["inflight_batch_id"] is None


def test_a_payload_without_a_hash_is_known_to_be_held(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put("p1", payload("p1"), current_hash=None)
    submit(receiver.base_url)
    row = state.row("p1")
    assert row["previous_json_payload"] == payload("p1")
    assert row["inflight_full_payload"] is None


def test_a_second_run_sends_nothing_and_changes_no_row(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put_many(3)
    submit(receiver.base_url)
    before = state.rows()
    finished = submit(receiver.base_url)
    assert finished.code == 0
    assert "Nothing to do" in finished.out
    assert state.rows() == before
    assert len(state.events()) == 3


def test_a_rejected_record_costs_no_other_child_its_place(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    state.put_many(250)
    bad = payload("bad", sex="X", surname="Zebedee-Planted", date_of_birth="2012-02-31")
    state.put("bad", bad)
    finished = submit(receiver.base_url)
    assert finished.code == 1
    assert "250 accepted, 1 rejected" in finished.out
    row = state.row("bad")
    assert row["submission_status"] == "error"
    assert row["error_count"] == 1
    assert row["previous_json_payload"] is None
    assert "child_details.sex: is not in the code set" in row["api_response"]
    assert "child_details.date_of_birth: is not a date that exists" in row["api_response"]
    assert "Zebedee" not in finished.said + row["api_response"]


def test_rejected_rows_go_last_and_apart(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put("a-rejected", payload("a-rejected", sex="X"), status="error", error_count=1)
    state.put("b", payload("b"))
    state.put("c", payload("c"), status="Pending", row_state="New")  # an older tool wrote this one
    finished = submit(receiver.base_url)
    assert finished.code == 1
    batches = state.execute(
        "select batch_id, string_agg(person_id, ' ' order by person_id) from csc.submission_event group by 1 "
        "order by min(occurred_at)"
    )
    assert [people for _, people in batches] == ["b c", "a-rejected"]
    assert state.row("a-rejected")["error_count"] == 2


def test_a_purge_leaves_nothing_at_the_receiver(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put("gone", payload("gone"))
    submit(receiver.base_url)
    state.execute(
        "update csc.ssd_api_data_staging set json_payload = ?, current_hash = ?, row_state = 'deleted', "
        "submission_status = 'pending'",
        [purge("gone"), digest(purge("gone"))],
    )
    assert submit(receiver.base_url).code == 0
    assert receiver.store.get("gone") is None
    row = state.row("gone")
    assert (row["row_state"], row["submission_status"]) == ("deleted", "sent")
    assert row["previous_json_payload"] is row["previous_hash"] is None


def test_batches_keep_to_their_number_and_their_bytes(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put_many(250)
    assert submit(receiver.base_url, "--batch-size", "60").code == 0
    sizes = state.execute("select count(*) from csc.submission_event group by batch_id order by 1")
    assert [size for (size,) in sizes] == [10, 60, 60, 60, 60]
    wide = [f"wide{number}" for number in range(4)]
    for person_id in wide:
        state.put(person_id, payload(person_id, surname="x" * 100))
    assert submit(receiver.base_url, MAX_BATCH_BYTES="500").code == 0
    requests_made = state.execute(
        "select count(distinct request_id), count(distinct batch_id) from csc.submission_event "
        "where person_id like 'wide%'"
    )
    assert requests_made == [(2, 2)]


def test_a_record_too_large_for_the_receiver_is_rejected_alone(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    state.put_many(4)
    state.put("00001b", json.dumps({"la_child_id": "00001b", "padding": "x" * 300_000}))
    finished = submit(receiver.base_url)
    assert finished.code == 1
    assert state.row("00001b")["api_response"] == "too large for the receiver (413)"
    assert sorted(receiver.store.ids()) == ["00000", "00001", "00002", "00003"]


def test_children_too_large_for_the_memory_given_to_the_database(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    for number in range(30):
        state.put(f"big{number}", json.dumps({"la_child_id": f"big{number}", "padding": "x" * 4_000_000}))
    state.put("small", payload("small"))
    finished = submit(receiver.base_url, CSC_DUCKDB_MEMORY="20MB")
    assert finished.code == 3
    assert "CSC_DUCKDB_MEMORY" in finished.err
    assert "Traceback" not in finished.err
    # whatever it had taken off is replayed by the next run, the rest follows
    finished = submit(receiver.base_url, CSC_DUCKDB_MEMORY="1GB")
    assert finished.code == 1, finished.said
    assert receiver.store.ids() == ["small"]
    assert sorted(state.statuses().values()) == ["error"] * 30 + ["sent"]


def test_many_children_with_long_payloads_need_no_setting(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    state.put_many(2500)
    state.execute(
        "update csc.ssd_api_data_staging set json_payload = concat(json_payload, repeat(' ', 20000 + rowid % 2000))"
    )
    finished = submit(receiver.base_url)
    assert finished.code == 0, finished.said
    assert len(receiver.store) == 2500


def test_dry_run_touches_nothing(state: State, submit: Submit) -> None:
    state.put_many(150)
    before = state.rows()
    finished = submit("http://127.0.0.1:9", "--dry-run")
    assert finished.code == 0
    assert "150 children wait" in finished.out
    assert "2 batches" in finished.out
    assert state.rows() == before
    assert state.events() == []
    assert state.execute("select * from csc.submission_run") == []


def test_the_audit_trail_says_what_left_when_and_what_came_back(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    text = payload("p1")
    state.put("p1", text)
    state.put("p2", payload("p2", sex="X"))
    submit(receiver.base_url)
    runs = state.execute(
        "select endpoint, la_code, payload_mode, pending_count, accepted_count, rejected_count, unknown_count, "
        "outcome, exit_code, program_version is not null, finished_at >= started_at from csc.submission_run"
    )
    assert runs == [(receiver.base_url, "999", "delta", 2, 1, 1, 0, "done", 1, True, True)]
    events = state.execute(
        "select person_id, event, http_status, request_id is not null, receipt is not null, reason, payload_hash "
        "from csc.submission_event where person_id = 'p1'"
    )
    assert events == [("p1", "accepted", 200, True, True, None, digest(text))]
    assert state.execute("select count(distinct event_id) = count(*) from csc.submission_event") == [(True,)]


def test_the_audit_trail_tells_of_what_was_sent_whatever_dbt_builds_meanwhile(state: State) -> None:
    old, newer = payload("p1"), payload("p1", ethnicity="WBRI")
    state.put("p1", old)
    with closing(DuckDbConnection(state.path, "1GB")) as connection:
        (record,) = StateStore(connection, "csc", "ssd_api_data_staging").take_off("b1", ["p1"])
    state.execute(
        "update csc.ssd_api_data_staging set json_payload = ?, current_hash = ?, row_state = 'deleted'",
        [newer, digest(newer)],
    )
    with closing(DuckDbConnection(state.path, "1GB")) as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        store.settle(Attempt("r1", "b1", 1, None, None, 5), [Answered(record, Verdict.UNKNOWN, "no answer")])
    assert state.execute("select row_state, payload_hash from csc.submission_event") == [("new", digest(old))]


def test_held_and_sent_rows_stay_where_they_are(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put("held", payload("held"), status="held")
    state.put("sent", payload("sent"), status="Sent", row_state="Unchanged")
    before = state.rows()
    assert submit(receiver.base_url).code == 0
    assert state.rows() == before
    assert len(receiver.store) == 0
