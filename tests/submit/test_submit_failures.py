"""What a user does wrong or finds broken: one line, a next step, the right exit code, and no row changed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest
from submit_stage import CONFIG, payload, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from forked_command import Finished
    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver


HOLD = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


def check_one_line(finished: Finished, code: int, *parts: str) -> None:
    assert finished.code == code, finished.said
    assert "Traceback" not in finished.said
    lines = finished.err.strip().splitlines()
    assert len(lines) == 1, finished.err
    for part in parts:
        assert part in lines[0]
    for secret in (CONFIG.client_secret, CONFIG.supplier_key, "Planted"):
        assert secret not in finished.said


@pytest.fixture
def waiting(state: State) -> State:
    state.put("p1", payload("p1", surname="Planted"))
    state.put("p2", payload("p2", surname="Planted"), status="error")
    return state


def test_wrong_secret(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    finished = submit(receiver.base_url, CLIENT_SECRET="wrong-secret")
    check_one_line(finished, 4, "invalid_client", "CLIENT_SECRET")
    assert "wrong-secret" not in finished.said
    assert waiting.rows() == before


def test_wrong_supplier_key(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    check_one_line(submit(receiver.base_url, SUPPLIER_KEY="wrong"), 4, "403", "SUPPLIER_KEY")
    assert waiting.rows() == before


def test_wrong_la_code(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    check_one_line(submit(receiver.base_url, LA_CODE="111"), 4, "403", "LA_CODE")
    assert waiting.rows() == before
    assert len(receiver.store) == 0


def test_wrong_address(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    finished = submit(f"{receiver.base_url}/nowhere", TOKEN_ENDPOINT=receiver.token_url)
    check_one_line(finished, 2, "404", "API_ENDPOINT")
    assert waiting.rows() == before


def test_receiver_down(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    finished = submit("http://127.0.0.1:9", TOKEN_ENDPOINT=receiver.token_url)
    check_one_line(finished, 5, "cannot be reached", "API_ENDPOINT")
    assert waiting.rows() == before


def test_token_endpoint_down(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    before = waiting.rows()
    finished = submit(receiver.base_url, TOKEN_ENDPOINT="http://127.0.0.1:9/token")
    check_one_line(finished, 5, "token endpoint cannot be reached", "TOKEN_ENDPOINT")
    assert waiting.rows() == before


def test_token_endpoint_broken(waiting: State, submit: Submit) -> None:
    before = waiting.rows()
    with scripted(token_status=500) as script:
        check_one_line(submit(script.base_url), 5, "token endpoint answers 500")
        assert script.tokens == 4
    with scripted(token_status=204) as script:
        assert submit(script.base_url).code == 4
    assert waiting.rows() == before


def test_database_missing(submit: Submit, receiver: RunningReceiver, tmp_path: Path) -> None:
    missing = tmp_path / "missing.duckdb"
    finished = submit(receiver.base_url, DB_CONNECTION_STRING=f"duckdb:///{missing}")
    check_one_line(finished, 3, "does not exist", "dbt build")
    assert not missing.exists()


def test_not_a_database(submit: Submit, receiver: RunningReceiver, tmp_path: Path) -> None:
    (tmp_path / "file.duckdb").write_text("x" * 5000)
    finished = submit(receiver.base_url, DB_CONNECTION_STRING=f"duckdb:///{tmp_path / 'file.duckdb'}")
    check_one_line(finished, 3, "not a DuckDB file")


def test_dbt_never_run(submit: Submit, receiver: RunningReceiver, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    finished = submit(receiver.base_url, DB_CONNECTION_STRING=f"duckdb:///{tmp_path / 'empty.duckdb'}")
    check_one_line(finished, 3, "lacks a table", "dbt build")


@pytest.mark.parametrize("table", ["ssd_api_data_staging", "submission_run", "submission_event"])
def test_table_missing(waiting: State, submit: Submit, receiver: RunningReceiver, table: str) -> None:
    waiting.execute(f"drop table csc.{table}")
    check_one_line(submit(receiver.base_url), 3, table, "dbt build")
    assert len(receiver.store) == 0


def test_column_missing(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    waiting.execute("alter table csc.ssd_api_data_staging drop column inflight_hash")
    check_one_line(submit(receiver.base_url), 3, "inflight_hash", "dbt build")


def test_another_run_holds_the_database(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(waiting.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    try:
        check_one_line(submit(receiver.base_url), 6, "open", f"process {holder.pid}")
    finally:
        holder.communicate("\n")
    assert len(receiver.store) == 0


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"CLIENT_SECRET": ""}, ["CLIENT_SECRET is missing"]),
        ({"LA_CODE": "", "SCOPE": ""}, ["LA_CODE is missing", "SCOPE is missing"]),
        ({"LA_CODE": "12"}, ["LA_CODE"]),
        ({"BATCH_SIZE": "101"}, ["BATCH_SIZE", "100"]),
        ({"API_ENDPOINT": "http://example.test/1"}, ["API_ENDPOINT", "https://"]),
        ({"API_ENDPOINT": "https://pp-api.education.gov.uk/children-in-social-care-data-receiver/1"}, ["--live"]),
        ({"TABLE_NAME": "x; drop table y"}, ["TABLE_NAME"]),
        ({"USE_PARTIAL_PAYLOAD": "perhaps"}, ["USE_PARTIAL_PAYLOAD"]),
        ({"DB_CONNECTION_STRING": "nonsense"}, ["DB_CONNECTION_STRING"]),
        ({"DB_CONNECTION_STRING": ""}, ["dbt_project.yml", "--project-dir"]),
    ],
)
def test_wrong_configuration(
    waiting: State, submit: Submit, receiver: RunningReceiver, changes: dict[str, str], parts: list[str]
) -> None:
    before = waiting.rows()
    check_one_line(submit(receiver.base_url, **changes), 2, *parts)
    assert waiting.rows() == before


def test_wrong_use(submit: Submit) -> None:
    finished = submit("http://127.0.0.1:9", "--nonsense")
    assert finished.code == 2
    assert "Traceback" not in finished.said


def test_an_option_before_the_command_is_refused_not_forgotten(
    waiting: State, submit: Submit, receiver: RunningReceiver
) -> None:
    before = waiting.rows()
    finished = submit(receiver.base_url, "--dry-run", "run")
    assert finished.code == 2
    assert waiting.rows() == before
    assert "after the command" in finished.err
    assert len(receiver.store) == 0


def test_settings_come_from_an_env_file(waiting: State, submit: Submit, receiver: RunningReceiver) -> None:
    lines = [f"{name}={value}" for name, value in submit.environment(receiver.base_url).items()]
    (submit.folder / ".env").write_text("\n".join(lines), encoding="utf-8-sig")  # as Windows' own editor saves it
    empty = dict.fromkeys(submit.environment(""), "")
    assert submit("", **empty).code == 0
    assert receiver.store.ids() == ["p1", "p2"]
    assert waiting.statuses() == {"p1": "sent", "p2": "sent"}


def test_an_env_file_that_is_no_text(submit: Submit) -> None:
    (submit.folder / ".env").write_bytes(b"LA_CODE=\xff\xfe\x00")
    check_one_line(submit("http://127.0.0.1:9"), 2, ".env", "UTF-8")


def test_sql_server_without_a_driver_says_what_to_install(submit: Submit, receiver: RunningReceiver) -> None:
    finished = submit(receiver.base_url, DB_CONNECTION_STRING="SERVER=127.0.0.1,9;DATABASE=x;UID=u;PWD=Planted;")
    check_one_line(finished, 3)
