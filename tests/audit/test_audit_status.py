"""The command status: what waits, what is in flight since when, the last run; nothing is changed or locked."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from audit_stage import PLANTED, asked, held, run_id_of
from submit_stage import Reply, payload, purge, scripted

from submitter.duckdb_connection import DuckDbConnection
from submitter.state import RunStart, StateStore

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver


def status(submit: Submit, changes: dict[str, str] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(asked(submit, "status", "--json", changes=changes))
    return told


def test_every_child_is_in_one_count(state: State, submit: Submit) -> None:
    waits = payload("p1", **PLANTED)
    state.put("p1", waits)
    state.put("p2", payload("p2"), "pending", "updated", partial_json_payload="{}")
    state.put("p3", purge("p3"), "Pending", "Deleted")  # as an older tool wrote it
    state.put("r1", payload("r1", sex="\u00e9"), "error", "updated")
    state.put("h1", payload("h1"), "held")
    state.put("s1", payload("s1"), "sent", "unchanged")
    state.put("s2", purge("s2"), "sent", "deleted")
    state.put("o1", payload("o1"), "frozen")
    state.put("f1", payload("f1"), "sending", inflight_payload="{}", inflight_batch_id="b1")
    before = state.rows()

    told = status(submit, {"BATCH_SIZE": "2"})
    size = len(waits.encode()) + len("{}") + len(purge("p3"))
    assert told["pending"] == {"children": 3, "bytes": size, "batches": 2}
    assert (told["pending_new"], told["pending_updated"], told["pending_deleted"]) == (1, 1, 1)
    rejected = len(payload("r1", sex="\u00e9").encode())
    assert told["rejected"] == {"children": 1, "bytes": rejected, "batches": 1}
    counts = ("held", "in_flight", "sent", "sent_unchanged", "sent_deleted", "other")
    assert {name: told[name] for name in counts} == {
        "held": 1,
        "in_flight": 1,
        "sent": 2,
        "sent_unchanged": 1,
        "sent_deleted": 1,
        "other": 1,
    }
    assert (told["last_run"], told["lock_held"], told["is_running"]) == (None, False, False)
    whole = status(submit, {"USE_PARTIAL_PAYLOAD": "false"})["pending"]["bytes"]
    assert whole == size - len("{}") + len(payload("p2"))

    lines = asked(submit, "status").splitlines()
    assert len(lines) < 20
    assert lines[0] == f"pending    3 children, {size:,} bytes, 1 batches: 1 new, 1 updated, 1 to be purged"
    assert "held       1 children" in lines
    assert "sent       2 children: 1 unchanged, 1 deleted" in lines
    assert "last run   none" in lines
    assert "now        no run" in lines
    assert state.rows() == before


def test_the_last_run_is_told(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    state.put("p1", payload("p1"))
    state.put("p2", payload("p2", **PLANTED, sex="wrong"))
    first = submit(receiver.base_url)
    assert first.code == 1
    state.put("p3", payload("p3"))
    second = submit(receiver.base_url)
    last = status(submit)["last_run"]
    assert last["run_id"] == run_id_of(second) != run_id_of(first)
    assert (last["waiting"], last["children"], last["accepted"], last["rejected"], last["unknown"]) == (2, 2, 1, 1, 0)
    assert (last["outcome"], last["exit_code"]) == ("done", 1)
    assert last["started_at"] <= last["finished_at"]
    assert last["started_at"].endswith("Z")
    assert f"1 accepted, 1 rejected, 0 unknown; done (exit code 1); by {last['os_user']}" in asked(submit, "status")


def test_what_is_in_flight_says_since_when_and_from_which_run(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1"))
    state.put("p2", payload("p2"))
    drops = [Reply(drop=True)] * 3
    with scripted(*drops) as script:
        first = submit(script.base_url)
        assert first.code == 5
    with scripted(*drops) as script:  # a second run tries the same batch again
        assert submit(script.base_url).code == 5
    (batch,) = status(submit)["batches_in_flight"]
    (since,) = state.execute("select min(occurred_at) from csc.submission_event")[0]
    assert batch == {
        "batch_id": state.row("p1")["inflight_batch_id"],
        "children": 2,
        "since": since.isoformat(timespec="milliseconds") + "Z",
        "run_id": run_id_of(first),
    }
    said = asked(submit, "status")
    assert "in flight  2 children in 1 batches" in said
    assert f"since {since:%Y-%m-%d %H:%M:%S}, run {run_id_of(first)}" in said


def test_a_run_that_was_killed_is_not_taken_for_one_that_goes_on(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1"))
    with closing(DuckDbConnection(state.path, "1GB")) as connection:  # as far as a run comes that is killed here
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        store.start_run(RunStart("r1", "host", "user", "1", "https://x", "999", "delta"), 1)
        store.take_off("b1", ["p1"])
    told = status(submit)
    assert told["batches_in_flight"] == [{"batch_id": "b1", "children": 1, "since": None, "run_id": None}]
    assert (told["last_run"]["outcome"], told["last_run"]["unknown"], told["is_running"]) == ("running", None, False)
    said = asked(submit, "status")
    assert "batch b1: 1 children, no attempt was written down" in said
    assert "no run: the last one was killed" in said


def test_many_batches_in_flight_fit_on_one_screen(state: State, submit: Submit) -> None:
    for number in range(40):
        state.put(f"p{number}", "{}", "sending", inflight_payload="{}", inflight_batch_id=f"b{number}")
    said = asked(submit, "status")
    assert len(said.splitlines()) < 20
    assert "and 35 more batches" in said
    assert len(status(submit)["batches_in_flight"]) == 40


@pytest.mark.parametrize("command", [("status",), ("history",), ("history", "--person", "p1"), ("errors",)])
def test_it_reads_beside_other_readers_and_leaves_the_file_as_it_is(
    state: State, submit: Submit, command: tuple[str, ...]
) -> None:
    state.put("p1", payload("p1", **PLANTED), "error", api_response="sex: wrong")
    before = state.path.read_bytes()
    with held(state, "reading"):
        asked(submit, *command)
    assert state.path.read_bytes() == before
    with held(state, "writing"):
        assert "open" in asked(submit, *command, code=6)


@pytest.mark.parametrize("command", ["status", "history", "errors"])
def test_what_cannot_be_read_ends_with_one_line_and_code_3(submit: Submit, tmp_path: Path, command: str) -> None:
    missing = tmp_path / "missing.duckdb"
    said = asked(submit, command, code=3, changes={"DB_CONNECTION_STRING": f"duckdb:///{missing}"})
    assert "does not exist" in said
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    empty = f"duckdb:///{tmp_path / 'empty.duckdb'}"
    said += asked(submit, command, code=3, changes={"DB_CONNECTION_STRING": empty})
    assert "dbt build" in said
    assert len(said.splitlines()) == 2
    assert not missing.exists()
