"""The command history: what left the building and when, by run, batch and child, on the screen and as CSV."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from audit_stage import PLANTED, asked, run_id_of
from submit_stage import Reply, payload, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver


def read(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file that has the mark by which Excel knows UTF-8, and shows nobody."""
    text = file.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    assert [word for word in PLANTED.values() if word in text] == []
    return list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))


def test_runs_are_one_line_each_the_latest_first(
    state: State, submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    assert asked(submit, "history") == "No run in the last 30 days.\n"
    state.put("p1", payload("p1", **PLANTED))
    state.put("p2", payload("p2", sex="wrong"))
    first = run_id_of(submit(receiver.base_url))
    with scripted(*[Reply(drop=True)] * 3) as script:
        second = run_id_of_failed(state, submit, script.base_url)
    lines = asked(submit, "history").splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == [second, first]
    assert "2 of 2 children posted: 1 accepted, 1 rejected, 0 unknown; done (exit code 1)" in lines[1]
    assert "1 of 1 children posted: 0 accepted, 0 rejected, 1 unknown" in lines[0]

    asked(submit, "history", "--csv", str(tmp_path / "runs.csv"))
    rows = read(tmp_path / "runs.csv")
    assert [(row["run_id"], row["children"], row["accepted"], row["rejected"], row["unknown"]) for row in rows] == [
        (second, "1", "0", "0", "1"),
        (first, "2", "1", "1", "0"),
    ]
    assert rows[1]["endpoint"] == receiver.base_url


def run_id_of_failed(state: State, submit: Submit, url: str) -> str:
    assert submit(url).code == 5
    return str(state.execute("select run_id from csc.submission_run order by started_at desc limit 1")[0][0])


def test_days_are_counted_back_from_now(state: State, submit: Submit) -> None:
    for days in (2, 20, 200):
        state.execute(
            "insert into csc.submission_run (run_id, started_at, outcome) "
            "values (?, now()::timestamp - to_days(?), 'done')",
            [f"r{days}", days],
        )
    shown = {
        days: [line.rpartition(" ")[2] for line in asked(submit, "history", "--days", days).splitlines()]
        for days in ("3", "36500")
    }
    assert shown == {"3": ["r2"], "36500": ["r2", "r20", "r200"]}
    assert len(asked(submit, "history").splitlines()) == 2
    assert asked(submit, "history", "--days", "1") == "No run in the last 1 days.\n"


def test_a_run_that_was_killed_is_counted_by_what_it_wrote_down(
    state: State, submit: Submit, receiver: RunningReceiver
) -> None:
    state.put("p1", payload("p1"))
    state.put("p2", payload("p2", sex="wrong"))
    submit(receiver.base_url)
    state.execute(
        "update csc.submission_run set finished_at = null, accepted_count = null, rejected_count = null, "
        "unknown_count = null, outcome = 'running', exit_code = null"
    )
    said = asked(submit, "history")
    assert "no end  2 of 2 children posted: 1 accepted, 1 rejected, ? unknown; running; by" in said


def test_one_run_shows_its_batches_and_exports_its_children(
    state: State, submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    for number in range(5):
        state.put(f"p{number}", payload(f"p{number}", **PLANTED, **({"sex": "wrong"} if number == 4 else {})))
    run_id = run_id_of(submit(receiver.base_url, BATCH_SIZE="2", CSC_WORKERS="1"))
    lines = asked(submit, "history", "--run", run_id).splitlines()
    assert f"to {receiver.base_url} for local authority" in lines[1]
    settings = json.loads(lines[2].removeprefix("  with "))
    assert (settings["batch_size"], settings["csc_workers"], settings["database"]["engine"]) == (2, 1, "duckdb")
    batches = [line.split(" batch ")[1].split(": ", 1) for line in lines[3:]]
    assert [what for _, what in batches] == [
        "2 children, 1 attempts, HTTP 200: 2 accepted, 0 rejected, 0 open",
        "2 children, 1 attempts, HTTP 200: 2 accepted, 0 rejected, 0 open",
        "1 children, 1 attempts, HTTP 400: 0 accepted, 1 rejected, 0 open",
    ]
    asked(submit, "history", "--run", run_id, "--csv", str(tmp_path / "run.csv"))
    rows = read(tmp_path / "run.csv")
    assert [(row["person_id"], row["event"]) for row in rows if row["event"] == "rejected"] == [("p4", "rejected")]
    assert sorted(row["person_id"] for row in rows if row["event"] == "accepted") == ["p0", "p1", "p2", "p3"]
    receipts = dict(state.execute("select person_id, receipt from csc.submission_event where event = 'accepted'"))
    assert {row["person_id"]: row["answer"] for row in rows if row["event"] == "accepted"} == receipts
    assert {row["batch_id"] for row in rows} == {batch_id for batch_id, _ in batches}


def test_one_child_shows_every_attempt(state: State, submit: Submit) -> None:
    state.put("p1", payload("p1", **PLANTED))
    state.put("p2", payload("p2"))
    with scripted(Reply(500), Reply(drop=True), Reply(400, "[0].child_details.sex: Zebedee is wrong")) as script:
        run_id = run_id_of(submit(script.base_url))
    lines = asked(submit, "history", "--person", "p1").splitlines()
    said = [[part.strip() for part in line.split("  ") if part][1:4] for line in lines]
    assert said[0] == ["unknown", "HTTP 500", "HTTP 500"]
    assert said[1][:2] == ["unknown", "HTTP -"]
    assert said[2] == ["rejected", "HTTP 400", "child_details.sex: ... is wrong"]
    for number, line in enumerate(lines, start=1):
        assert f" ms, attempt {number}, request " in line
        assert line.endswith(f"run {run_id})")
    assert "request req-1," in lines[0]
    assert "p2" not in "".join(lines)
    assert asked(submit, "history", "--person", "p1", "--days", "1").splitlines() == lines
    assert asked(submit, "history", "--person", "p9") == "The audit trail has no attempt for this child.\n"


def test_no_cell_is_a_formula(state: State, submit: Submit, tmp_path: Path) -> None:
    ids = ["=1+1", "+1", "-1", "@sum", " =2", "\t=3", "plain-1"]
    for number, person_id in enumerate(ids):
        state.execute(
            "insert into csc.submission_event (event_id, run_id, person_id, event, reason, occurred_at) "
            "values (?, 'r1', ?, 'rejected', '=cmd', '2026-01-01 02:03:04.005')",
            [str(number), person_id],
        )
    state.execute("insert into csc.submission_run (run_id, started_at) values ('r1', '2026-01-01')")
    file = tmp_path / "run.csv"
    assert asked(submit, "history", "--run", "r1", "--csv", str(file)) == f"7 lines are written to {file}.\n"
    rows = read(file)
    assert [row["person_id"] for row in rows] == [f"'{person_id}" for person_id in ids[:-1]] + ["plain-1"]
    assert {row["answer"] for row in rows} == {"'=cmd"}
    assert {row["occurred_at"] for row in rows} == {"2026-01-01 02:03:04.005"}


def test_a_large_run_is_exported_whole_page_after_page(state: State, submit: Submit, tmp_path: Path) -> None:
    state.execute("insert into csc.submission_run (run_id, started_at) values ('r1', '2026-01-01')")
    state.execute(
        "insert into csc.submission_event (event_id, run_id, person_id, event, occurred_at) "
        "select number, if(number % 7 = 0, 'r2', 'r1'), number, 'accepted', '2026-01-01'::timestamp "
        "+ to_milliseconds(number // 6000) from range(17000) as numbers (number)"
    )
    asked(submit, "history", "--run", "r1", "--csv", str(tmp_path / "run.csv"))
    ids = [int(row["person_id"]) for row in read(tmp_path / "run.csv")]
    assert sorted(ids) == [number for number in range(17000) if number % 7]


def test_wrong_use_is_said_in_plain_words(submit: Submit, tmp_path: Path) -> None:
    assert "no run of this id" in asked(submit, "history", "--run", "r' or 1=1", code=2)
    assert "--run goes with neither" in asked(submit, "history", "--run", "r1", "--person", "p1", code=2)
    assert "--days" in asked(submit, "history", "--days", "0", code=2)
    file = tmp_path / "nowhere" / "runs.csv"
    assert "cannot be written" in asked(submit, "history", "--csv", str(file), code=2)


def test_the_nightly_path_never_loads_it(submit: Submit) -> None:
    said = asked(submit, "--help")
    assert [name for name in ("status", "history", "errors", "retry") if f"  {name} " not in said] == []
    code = "import sys, submitter.cli; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "submitter.cli" in loaded
    assert "submitter.audit" not in loaded
