"""test-db-connection, test-schema and validate on a live server, with the rights of the two roles."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest
from live_server import Login

from submitter.dbt_profile import SqlServerTarget
from submitter.errors import ExitCode
from submitter.odbc import parts_of
from submitter.reference import ssd_tables
from submitter.sqlserver_connection import SqlServerConnection
from submitter.state import lock_name
from submitter.validation.pending import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
STATE = "csc.ssd_api_data_staging"


@pytest.fixture(scope="module")
def built(database: LiveDatabase) -> LiveDatabase:
    """The tables of a first night without children."""
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    return database


@pytest.fixture(scope="module")
def reader(built: LiveDatabase) -> Iterator[Login]:
    """A login that may read the state and the audit trail, and nothing else."""
    mark = uuid.uuid4().hex[:8]
    login = Login(f"csc_reader_{mark}", f"Aa1-{uuid.uuid4().hex}")
    built.execute(f"create login {login.user} with password = '{login.password}'")
    built.execute(f"create user {login.user} for login {login.user}")
    for table in ("ssd_api_data_staging", "submission_run", "submission_event"):
        built.execute(f"grant select on csc.{table} to {login.user}")
    yield login
    for table in ("ssd_api_data_staging", "submission_run", "submission_event"):
        built.execute(f"revoke select on csc.{table} from {login.user}")
    built.execute(f"drop user {login.user}")
    built.execute(f"drop login {login.user}")


def asked(database: LiveDatabase, *arguments: str, login: Login | None = None, code: int = 0) -> str:
    finished = database.csc_submit(*arguments, "--env-file", "no.env", login=login)
    assert finished.code == code, finished.said
    if login:
        assert login.password not in finished.said
    return finished.said


def failures(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("FAIL")]


def test_the_server_the_login_and_its_rights_are_told(built: LiveDatabase, reader: Login) -> None:
    said = asked(built, "test-db-connection")
    for what in ("driver", "encryption", "server", "login", "database", "tables", "rights on state", "rights on runs"):
        assert f"ok   {what}: " in said
    assert f"{built.name}, compatibility level " in said
    lines = failures(asked(built, "test-db-connection", login=reader, code=3))
    assert [line.split(":")[0] for line in lines] == [
        *("FAIL rights on state", "FAIL rights on runs", "FAIL rights on events")
    ]
    assert "update of submission_status" in lines[0]
    assert "insert" in lines[2]
    assert all("csc-submit grants" in line for line in lines)


def test_the_ssd_is_checked_and_a_login_without_it_is_told_so(built: LiveDatabase, reader: Login) -> None:
    assert failures(asked(built, "test-schema")) == []
    (line,) = failures(asked(built, "test-schema", login=reader, code=3))
    assert "login that runs dbt" in line
    built.execute("create schema lacking")
    for table, columns in ssd_tables().items():
        kinds = {column.name: column.type for column in columns if column.name != "disa_disability_code"}
        kinds |= {"pers_dob": "nvarchar(10)"} if table == "ssd_person" else {}
        definition = ", ".join(f"[{name}] {kind} null" for name, kind in kinds.items())
        if table != "ssd_sdq_scores":
            built.execute(f"create table lacking.{table} ({definition})")
    said = asked(built, "test-schema", "--ssd-schema", "lacking", code=3)
    assert [line.split(";")[0] for line in failures(said)] == [
        "FAIL ssd_person.pers_dob: is nvarchar, and must be a date",
        "FAIL ssd_disability.disa_disability_code: the column is missing",
        "FAIL ssd_sdq_scores: the table is missing",
    ]
    said = asked(built, "test-schema", "--ssd-schema", "lacking", "--absent", "ssd_sdq_scores", code=3)
    assert "note ssd_sdq_scores: declared absent: attributes 45, 46 are left out." in said


def child(person_id: str, sex: str = "F") -> str:
    details = {"sex": sex, "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    return json.dumps({"la_child_id": person_id, "purge": False, "child_details": details})


def test_invalid_children_are_held_page_by_page_under_the_lock(built: LiveDatabase) -> None:
    built.execute(f"delete from {STATE}")
    texts = {f"{number:04d}": child(f"{number:04d}", "X" if number % 3 == 0 else "F") for number in range(450)}
    with built.connected() as cursor:
        cursor.executemany(
            f"insert into {STATE} (person_id, json_payload, current_hash, row_state, submission_status, error_count, "
            "last_updated) values (?, ?, hashbytes('sha2_256', cast(? as nvarchar(max))), 'new', 'pending', 0, "
            "sysutcdatetime())",
            [(person_id, text, text) for person_id, text in texts.items()],
        )
    target = SqlServerTarget(parts_of(built.connection_string()), "csc")
    with closing(SqlServerConnection(target, lock_name("csc", "ssd_api_data_staging"))):
        assert len(asked(built, "validate", code=ExitCode.ALREADY_RUNNING).splitlines()) == 1
        assert "150 children would be held" in asked(built, "validate", "--dry-run", code=1)
    assert "450 payloads checked, 150 children are held." in asked(built, "validate")
    rows = built.execute(
        f"select submission_status, count(*), min(api_response) from {STATE} group by submission_status"
    )
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        "pending": (300, None),
        "held": (150, f"{MARK}child_details.sex: is not in the code set"),
    }
    built.execute(f"update {STATE} set json_payload = ? where person_id = '0003'", [child("0003")])
    assert "1 held before are pending again" in asked(built, "validate")
    assert built.execute(f"select submission_status, api_response from {STATE} where person_id = '0003'") == [
        ("pending", None)
    ]
