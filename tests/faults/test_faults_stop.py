"""A run that is asked to stop, runs out of time, or meets another one: what is in hand is finished, nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from fault_receiver import Fault, TokenFault
from fault_stage import CHILDREN
from submit_stage import State, Submit

from submitter.dbt_profile import DuckDbTarget
from submitter.stopping import Stop, on_console_event

if TYPE_CHECKING:
    from pathlib import Path

    from fault_stage import Stage

BY_SIGNAL = pytest.mark.skipif(sys.platform == "win32", reason="there, a signal to another process ends it")


@pytest.fixture
def command(stage: Stage, tmp_path: Path) -> Submit:
    assert isinstance(stage.target, DuckDbTarget)
    return Submit(State(stage.target.path), tmp_path)


class Running:
    """csc-submit as a process of its own, once its first request has reached the receiver."""

    def __init__(self, stage: Stage, command: Submit, **changes: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "submitter", "--batch-size", "2", "--workers", "1"],
            cwd=command.folder,
            env=command.environment(stage.receiver.base_url, **changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not stage.receiver.posted:
            assert self.process.poll() is None
            time.sleep(0.01)

    def end(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said


def stopped_after(stage: Stage, requests: int, answer_seconds: float) -> Stop:
    """A stop that is asked for when so many requests have reached the receiver."""
    stop = Stop()

    def ask() -> None:
        while len(stage.receiver.posted) < requests:
            time.sleep(0.01)
        stop.ask("stopped on request", answer_seconds)

    threading.Thread(target=ask, daemon=True).start()
    return stop


def out_of_time_after(stage: Stage, seconds: float) -> Stop:
    """A time budget that runs from the first request on: until then a machine may take its time."""
    began: list[float] = []

    def clock() -> float:
        if not stage.receiver.posted:
            return 0
        began[:] = began or [time.monotonic()]
        return time.monotonic() - began[0]

    return Stop(seconds / 60, clock)


@BY_SIGNAL
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_on_the_wire(stage: Stage, command: Submit, number: signal.Signals) -> None:
    stage.receiver.faults = [Fault(seconds=1.5)]
    run = Running(stage, command)
    run.process.send_signal(number)
    code, said = run.end()
    assert (code, "stopped on request; 7 children wait for the next run" in said) == (0, True), said
    assert stage.statuses().count("sent") == 2
    assert len(stage.receiver.posted) == 1
    stage.claims()
    stage.lines_are_closed()
    assert stage.run()[0] == 0
    stage.truth()


@BY_SIGNAL
def test_a_signal_ends_the_wait_for_a_retry(stage: Stage, command: Submit) -> None:
    before = stage.rows()
    stage.receiver.faults = [Fault(429, headers={"Retry-After": "500"})]
    run = Running(stage, command)
    started = time.monotonic()
    run.process.terminate()
    code, said = run.end()
    assert time.monotonic() - started < 20  # of 500
    assert (code, "stopped on request" in said) == (0, True), said
    assert stage.rows() == before
    stage.lines_are_closed()


def test_no_answer_keeps_a_run_that_is_to_stop(stage: Stage) -> None:
    stage.receiver.faults = [Fault(seconds=20), Fault(takes=False, seconds=20)]
    started = time.monotonic()
    code, said = stage.run(stop=stopped_after(stage, 2, 0.3), csc_workers=2, csc_read_timeout_seconds=60)
    assert time.monotonic() - started < 15
    assert (code, "4 unknown" in said) == (5, True), said
    assert (stage.statuses().count("sending"), stage.statuses().count("pending")) == (4, CHILDREN - 5)
    assert ("unknown", "no answer before the run had to end") in stage.execute(
        "select event, reason from csc.submission_event"
    )
    stage.claims()
    stage.lines_are_closed()
    assert stage.run()[0] == 0
    stage.truth()


def test_a_run_asked_to_stop_while_it_waits_for_a_token(stage: Stage) -> None:
    before = stage.rows()
    stage.receiver.token_faults = [TokenFault(seconds=20)]
    stop = Stop()
    threading.Timer(0.2, stop.ask, ("stopped on request", 0.2)).start()
    code, said = stage.run(stop=stop, csc_read_timeout_seconds=60)
    assert (code, "stopped on request" in said) == (0, True), said
    assert stage.rows() == before
    stage.lines_are_closed()


def test_the_rest_of_a_refused_batch_is_finished(stage: Stage) -> None:
    stage.receiver.faults = [Fault(400, body="[0]: no", seconds=0.5)]
    assert stage.run(stop=stopped_after(stage, 1, 20), csc_workers=1, csc_read_timeout_seconds=60)[0] == 1
    assert (stage.statuses().count("error"), stage.statuses().count("sent")) == (2, 1)


def test_out_of_time(stage: Stage) -> None:
    stage.receiver.faults = [Fault(seconds=0.2) for _ in range(10)]
    code, said = stage.run(stop=out_of_time_after(stage, 0.3), csc_workers=1)
    left = stage.statuses().count("pending")
    assert 0 < left < CHILDREN - 1
    assert code == 0
    assert f"out of time after 0.005 minutes; {left} children wait for the next run" in said
    assert stage.execute("select outcome from csc.submission_run")[0][0].startswith("out of time")
    stage.claims()
    stage.receiver.faults.clear()
    assert stage.run()[0] == 0
    stage.truth()


def test_out_of_time_in_the_wait_for_a_retry(stage: Stage) -> None:
    stage.receiver.faults = [Fault(500, headers={"Retry-After": "500"})]
    code, said = stage.run(stop=out_of_time_after(stage, 0.3), csc_workers=1)
    assert (code, "2 unknown" in said) == (5, True), said
    assert stage.run()[0] == 0
    stage.truth()


def test_the_senders_together_find_that_nothing_gets_through(stage: Stage) -> None:
    stage.receiver.faults = [Fault(204, takes=False, seconds=0.3) for _ in range(20)]
    code, said = stage.run(batch_size=1, csc_workers=2)
    assert code == 5
    assert "no clear answer, batch after batch" in said
    assert stage.statuses().count("pending") > 0
    stage.receiver.faults = [Fault(), *[fault for _ in range(6) for fault in (Fault(204, takes=False), Fault())]]
    assert stage.run(batch_size=1, csc_workers=1)[0] == 5
    assert "pending" not in stage.statuses()


@pytest.mark.parametrize(("event", "asked"), [(0, False), (1, False), (2, True), (5, True), (6, True)])
def test_windows_tells_that_the_console_closes(event: int, *, asked: bool) -> None:
    stop, over = Stop(), threading.Event()
    threading.Timer(0.2, over.set).start()
    started = time.monotonic()
    assert on_console_event(stop, over)(event) is asked
    assert (stop.reason is not None) is asked
    if asked:  # it returns when the run is over, because Windows then ends the process
        assert 0.1 < time.monotonic() - started < 4


def test_two_runs_at_once(stage: Stage, command: Submit) -> None:
    stage.receiver.faults = [Fault(seconds=4)]
    first = Running(stage, command)
    second = command(stage.receiver.base_url)
    assert second.code == 6, second.said
    assert len(second.err.splitlines()) == 1
    assert f"process {first.process.pid}" in second.err
    assert second.out == ""
    assert first.end()[0] == 0
    posted = [person_id for batch in stage.receiver.posted for person_id in batch]
    assert sorted(posted) == [f"{number:05d}" for number in range(CHILDREN)]
    stage.truth()
