"""status, history, errors and retry on a live server: beside a run's lock, with a reader's rights; retention by dbt."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from live_server import Login

from submitter.dbt_profile import SqlServerTarget
from submitter.errors import ExitCode
from submitter.odbc import parts_of
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.sqlserver_connection import SqlServerConnection
from submitter.state import lock_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
STATE = "csc.ssd_api_data_staging"
LOCK = lock_name("csc", "ssd_api_data_staging")
TRAIL = ("submission_event", "submission_run")


@pytest.fixture(scope="module")
def built(database: LiveDatabase) -> LiveDatabase:
    """The tables of a first night without children."""
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    return database


@pytest.fixture
def empty(built: LiveDatabase) -> LiveDatabase:
    for table in ("ssd_api_data_staging", *TRAIL):
        built.execute(f"delete from csc.{table}")
    return built


@pytest.fixture
def reader(empty: LiveDatabase) -> Iterator[Login]:
    """A login that may read the three tables and do nothing else."""
    mark = uuid.uuid4().hex[:8]
    login = Login(f"csc_reader_{mark}", f"Aa1-{uuid.uuid4().hex}")
    empty.execute(f"create login {login.user} with password = '{login.password}'")
    empty.execute(f"create user {login.user} for login {login.user}")
    for table in ("ssd_api_data_staging", *TRAIL):
        empty.execute(f"grant select on csc.{table} to {login.user}")
    yield login
    for table in ("ssd_api_data_staging", *TRAIL):
        empty.execute(f"revoke select on csc.{table} from {login.user}")  # Babelfish drops nobody who has rights
    empty.execute(f"drop user {login.user}")
    empty.execute(f"drop login {login.user}")


def put(database: LiveDatabase, texts: dict[str, str], status: str = "pending") -> None:
    with database.connected() as cursor:
        cursor.executemany(
            f"insert into {STATE} (person_id, json_payload, current_hash, row_state, submission_status, error_count, "
            "last_updated) values (?, ?, hashbytes('sha2_256', cast(? as nvarchar(max))), 'new', ?, 0, "
            "sysutcdatetime())",
            [(person_id, text, text, status) for person_id, text in texts.items()],
        )


def child(person_id: str, sex: str = "F") -> str:
    details = {"sex": sex, "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    return json.dumps({"la_child_id": person_id, "purge": False, "child_details": details})


def asked(database: LiveDatabase, *arguments: str, login: Login | None = None, code: int = 0) -> str:
    finished = database.csc_submit(*arguments, "--env-file", "no.env", login=login)
    assert finished.code == code, finished.said
    return finished.said


def statuses(database: LiveDatabase) -> dict[str, str]:
    return {row[0]: row[1] for row in database.execute(f"select person_id, submission_status from {STATE}")}


def test_a_reader_sees_what_a_run_did_even_while_another_holds_the_lock(
    empty: LiveDatabase, reader: Login, tmp_path: Path
) -> None:
    put(empty, {"a": child("a"), "b": child("b", sex="wrong")})
    with serve(ReceiverConfig()) as receiver:
        assert empty.submit(receiver).code == ExitCode.SOME_REJECTED
    target = SqlServerTarget(parts_of(empty.connection_string()), "csc")
    with closing(SqlServerConnection(target, LOCK)):
        told: dict[str, Any] = json.loads(asked(empty, "status", "--json", login=reader))
        # None: a server that cannot tell without taking it
        assert told["lock_held"] in {True, None}
    assert (told["sent_unchanged"], told["rejected"]["children"], told["pending"]["children"]) == (1, 1, 0)
    # Babelfish keeps a byte a character where SQL Server keeps two
    assert told["rejected"]["bytes"] == len(child("b", sex="wrong")) // (2 if empty.is_babelfish else 1)
    run = told["last_run"]
    assert (run["accepted"], run["rejected"], run["unknown"], run["exit_code"]) == (1, 1, 0, 1)
    assert json.loads(asked(empty, "status", "--json", login=reader))["is_running"] is False

    assert run["run_id"] in asked(empty, "history", login=reader)
    assert "1 accepted, 1 rejected, 0 open" in asked(empty, "history", "--run", run["run_id"], login=reader)
    assert "rejected" in asked(empty, "history", "--person", "b", login=reader)
    file = tmp_path / "run.csv"
    asked(empty, "history", "--run", run["run_id"], "--csv", str(file), login=reader)
    (events,) = empty.execute("select count(*) from csc.submission_event")
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == events[0] + 1
    assert "child_details.sex" in asked(empty, "errors", login=reader)


def test_a_batch_in_flight_names_its_run(empty: LiveDatabase) -> None:
    put(empty, {"a": child("a")})
    empty.execute(f"update {STATE} set inflight_payload = json_payload, inflight_batch_id = 'b1'")
    in_flight = json.loads(asked(empty, "status", "--json"))["batches_in_flight"]
    assert in_flight == [{"batch_id": "b1", "children": 1, "since": None, "run_id": None}]
    empty.execute(
        "insert into csc.submission_event (event_id, run_id, batch_id, person_id, event, occurred_at) "
        "values ('e1', 'r1', 'b1', 'a', 'unknown', '2026-03-14T02:00:00.123')"
    )
    (batch,) = json.loads(asked(empty, "status", "--json"))["batches_in_flight"]
    assert (batch["since"], batch["run_id"]) == ("2026-03-14T02:00:00.123Z", "r1")


def test_a_page_of_events_goes_on_where_the_last_one_ended(empty: LiveDatabase, tmp_path: Path) -> None:
    empty.execute("insert into csc.submission_run (run_id, started_at) values ('r1', '2026-03-14T02:00:00')")
    with empty.connected() as cursor:
        cursor.fast_executemany = True
        cursor.executemany(
            "insert into csc.submission_event (event_id, run_id, person_id, event, occurred_at) "
            "values (?, 'r1', ?, 'accepted', '2026-03-14T02:00:00.007')",
            [(str(uuid.uuid4()), str(number)) for number in range(5500)],
        )
    asked(empty, "history", "--run", "r1", "--csv", str(tmp_path / "run.csv"))
    lines = (tmp_path / "run.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert {line.split(",")[5] for line in lines} == {str(number) for number in range(5500)}
    assert len(lines) == 5500


def test_thousands_are_put_back_under_the_lock(empty: LiveDatabase) -> None:
    put(empty, {f"{number:04d}": "{}" for number in range(2100)}, "error")
    put(empty, {"held": "{}"}, "held")
    target = SqlServerTarget(parts_of(empty.connection_string()), "csc")
    with closing(SqlServerConnection(target, LOCK)):
        said = asked(empty, "retry", "--all", code=ExitCode.ALREADY_RUNNING)
        assert len(said.splitlines()) == 1
        assert "2,100 rejected children would be put back" in asked(empty, "retry", "--all", "--dry-run")
    assert set(statuses(empty).values()) == {"error", "held"}
    assert "2,100 rejected children are put back" in asked(empty, "retry", "--all")
    assert {person_id for person_id, status in statuses(empty).items() if status != "pending"} == {"held"}


def test_what_was_rejected_for_a_reason_is_put_back_by_it(empty: LiveDatabase) -> None:
    put(empty, {"a": "{}", "b": "{}"}, "error")
    reasons = "case person_id when 'a' then N'x: é' else N'y' end"
    empty.execute(f"update {STATE} set error_count = 2, api_response = {reasons}")
    assert "1 rejected" in asked(empty, "retry", "--reason", "X: É")
    rows = empty.execute(f"select person_id, submission_status, error_count, api_response from {STATE} order by 1")
    assert rows == [("a", "pending", 0, "put back: x: é"), ("b", "error", 2, "y")]


def test_old_rows_go_by_dbt_run_and_those_in_flight_stay(empty: LiveDatabase) -> None:
    for run_id, days in (("old", 31), ("flying", 31), ("young", 29)):
        empty.execute(
            "insert into csc.submission_run (run_id, started_at) values (?, dateadd(day, -?, sysutcdatetime()))",
            [run_id, days],
        )
        empty.execute(
            "insert into csc.submission_event (event_id, run_id, batch_id, person_id, event, occurred_at) "
            "values (?, ?, ?, 'a', 'unknown', dateadd(day, -?, sysutcdatetime()))",
            [run_id, run_id, run_id, days],
        )
    put(empty, {"a": child("a")})
    empty.execute(f"update {STATE} set inflight_payload = json_payload, inflight_batch_id = 'flying'")

    def left() -> list[list[str]]:
        return [[row[0] for row in empty.execute(f"select run_id from csc.{table} order by run_id")] for table in TRAIL]

    empty.must_dbt("run", "--select", *TRAIL, run_date=RUN_DATE)
    assert left() == [["flying", "old", "young"]] * 2
    for _ in range(2):
        empty.must_dbt("run", "--select", *TRAIL, run_date=RUN_DATE, csc_audit_days=30)
        assert left() == [["flying", "young"]] * 2
