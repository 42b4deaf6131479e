"""The core of the fault suite on a live server: a killed sender, a failing database, doubt, isolation, the lock."""

from __future__ import annotations

import re
import sys
import time
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest
from fault_receiver import MOMENTS, Fault, faulty_receiver
from fault_stage import CHILDREN, STATE, Stage, interrupted, newer, settings_for
from kill_driver import POINTS, FailingConnection, Point, killed
from submit_stage import digest, payload

from submitter.dbt_profile import SqlServerTarget
from submitter.errors import ExitCode
from submitter.odbc import parts_of
from submitter.sqlserver_connection import SqlServerConnection
from submitter.state import RunStart, StateStore, lock_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import LiveDatabase

    from submitter.connection import Connection

RUN_DATE = date(2026, 3, 15)
BUSY = [Fault(), Fault(400, body="[0]: no"), Fault(), Fault(429), Fault(429), Fault(500), Fault()]
BY_SIGNAL = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot kill itself there as SIGKILL does")


@pytest.fixture(scope="module")
def built(database: LiveDatabase) -> LiveDatabase:
    """The tables of a first night without children."""
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    return database


@pytest.fixture
def stage(built: LiveDatabase) -> Iterator[Stage]:
    for table in ("ssd_api_data_staging", "submission_run", "submission_event"):
        built.execute(f"delete from csc.{table}")
    with built.connected() as cursor:
        for number in range(CHILDREN):
            text = payload(f"{number:05d}")
            cursor.execute(
                f"insert into {STATE} (person_id, json_payload, current_hash, row_state, submission_status, "
                "error_count, last_updated) values (?, ?, ?, 'new', ?, 0, sysutcdatetime())",
                (f"{number:05d}", text, digest(text), "error" if number == 4 else "pending"),
            )
    with faulty_receiver() as receiver:
        yield Stage(SqlServerTarget(parts_of(built.connection_string()), "csc"), built.execute, receiver)


def cleanly(stage: Stage) -> None:
    """One clean run; the server needs a moment to notice that the session of a killed process is gone."""
    stage.receiver.faults.clear()
    for _ in range(100):
        code, said = stage.run()
        if code != ExitCode.ALREADY_RUNNING:
            break
        time.sleep(0.2)
    assert code == 0, said
    stage.truth()


@BY_SIGNAL
@pytest.mark.parametrize("point", POINTS)
def test_the_sender_dies(stage: Stage, point: str) -> None:
    interrupted(stage)
    stage.receiver.faults = list(BUSY)
    settings = settings_for(stage.receiver.base_url, csc_workers=1)
    assert killed(stage.receiver, settings, stage.target, Point(point))
    stage.claims()
    cleanly(stage)


@BY_SIGNAL
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_sender_dies_while_it_waits_for_the_answer(stage: Stage, moment: str) -> None:
    interrupted(stage)
    settings = settings_for(stage.receiver.base_url)
    assert killed(stage.receiver, settings, stage.target, Point(""), moment)
    stage.claims()
    cleanly(stage)


@pytest.mark.parametrize("is_committed", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("at", [4, 7, 8, 9, 10, 12])
def test_a_transaction_fails(stage: Stage, at: int, *, is_committed: bool) -> None:
    interrupted(stage)
    stage.receiver.faults = list(BUSY)

    def failing(connection: Connection) -> Connection:
        return FailingConnection(connection, at, is_committed)

    assert stage.run(failing, csc_workers=1)[0] == ExitCode.DATABASE
    stage.claims()
    cleanly(stage)


def test_a_refused_replay_stays_in_doubt(stage: Stage) -> None:
    stage.receiver.faults = [Fault(takes=number % 2 == 0, cut="unanswered") for number in range(4)]
    assert stage.run(csc_max_attempts=1)[0] == ExitCode.RECEIVER_UNAVAILABLE
    flying = stage.children("inflight_payload is not null")
    assert flying
    stage.rebuild(min(flying), newer(min(flying)))
    stage.receiver.faults = [Fault(400, body="no") for _ in range(40)]
    assert stage.run()[0] == ExitCode.SOME_REJECTED
    assert flying <= stage.children("doubted_payloads is not null")
    stage.claims()
    cleanly(stage)
    assert stage.children("doubted_payloads is not null") == set()


def test_the_valid_records_of_a_refused_batch_are_accepted_in_the_same_run(stage: Stage) -> None:
    stage.receiver.faults = [Fault(400, body="[1].child_details.sex: no"), Fault(400, body="Bad Request"), Fault(413)]
    assert stage.run(batch_size=5)[0] == ExitCode.SOME_REJECTED
    assert len(stage.children("submission_status = 'error'")) == 1
    assert len(stage.children("submission_status = 'sent'")) == CHILDREN - 1
    stage.claims()
    cleanly(stage)


def test_the_second_run_is_told_who_holds_the_lock(stage: Stage) -> None:
    assert isinstance(stage.target, SqlServerTarget)
    with closing(SqlServerConnection(stage.target, lock_name("csc", "ssd_api_data_staging"))) as connection:
        code, said = stage.run()
        assert code == ExitCode.ALREADY_RUNNING
        assert "(begun" not in said  # another command holds it
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        store.start_run(RunStart("run", "night-host", "svc_csc", "1", "https://x", "999", "delta"), 1)
        code, said = stage.run()
    assert code == ExitCode.ALREADY_RUNNING
    assert re.search(r"\(begun \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by svc_csc on night-host\)", said), said
    assert stage.receiver.posted == []
    cleanly(stage)
    assert len([person_id for batch in stage.receiver.posted for person_id in batch]) == CHILDREN
