"""A state table in a real DuckDB file, a receiver on real HTTP, and csc-submit between them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import duckdb
from forked_command import Finished, csc_submit

from submitter.receiver.app import ReceiverConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONFIG = ReceiverConfig(max_body_bytes=200_000)
STATE_COLUMNS = (
    "person_id varchar, legacy_id varchar, json_payload varchar, current_hash blob, partial_json_payload varchar, "
    "previous_json_payload varchar, previous_hash blob, inflight_payload varchar, inflight_full_payload varchar, "
    "inflight_hash blob, inflight_batch_id varchar, row_state varchar, submission_status varchar, "
    "submission_timestamp timestamp, api_response varchar, error_count integer, last_updated timestamp, "
    "partial_hash blob, full_json_payload varchar, doubted_payloads varchar"
)
RUN_COLUMNS = (
    "run_id varchar, started_at timestamp, finished_at timestamp, host varchar, os_user varchar, "
    "program_version varchar, endpoint varchar, la_code varchar, payload_mode varchar, pending_count integer, "
    "accepted_count integer, rejected_count integer, unknown_count integer, outcome varchar, exit_code integer, "
    "configuration varchar"
)
EVENT_COLUMNS = (
    "event_id varchar, run_id varchar, batch_id varchar, attempt integer, person_id varchar, row_state varchar, "
    "event varchar, http_status integer, request_id varchar, receipt varchar, reason varchar, duration_ms integer, "
    "payload_hash blob, occurred_at timestamp"
)


def payload(person_id: str, **details: object) -> str:
    """A payload that the stand-in takes."""
    required = {"sex": "F", "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    child = {"la_child_id": person_id, "purge": False, "child_details": {**required, **details}}
    return json.dumps(child, ensure_ascii=False)


def purge(person_id: str) -> str:
    return json.dumps({"la_child_id": person_id, "purge": True})


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@dataclass
class State:
    """The state table of one test, opened only while it is looked at: csc-submit wants the file for itself."""

    path: Path

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def create(self) -> None:
        for table, columns in (
            ("ssd_api_data_staging", STATE_COLUMNS),
            ("submission_run", RUN_COLUMNS),
            ("submission_event", EVENT_COLUMNS),
        ):
            self.execute("create schema if not exists csc")
            self.execute(f"create table csc.{table} ({columns})")

    def put(self, person_id: str, text: str, status: str = "pending", row_state: str = "new", **more: object) -> None:
        columns = {
            "person_id": person_id,
            "json_payload": text,
            "current_hash": digest(text),
            "submission_status": status,
            "row_state": row_state,
            "error_count": 0,
            "last_updated": "2026-01-01 00:00:00",
            **more,
        }
        marks = ", ".join("?" for _ in columns)
        self.execute(
            f"insert into csc.ssd_api_data_staging ({', '.join(columns)}) values ({marks})", list(columns.values())
        )

    def put_many(self, count: int, status: str = "pending") -> None:
        rows = [(f"{number:05d}", payload(f"{number:05d}")) for number in range(count)]
        with duckdb.connect(str(self.path)) as connection:
            connection.executemany(
                "insert into csc.ssd_api_data_staging (person_id, json_payload, current_hash, submission_status, "
                "row_state, error_count, last_updated) values (?, ?, ?, ?, 'new', 0, '2026-01-01')",
                [(person_id, text, digest(text), status) for person_id, text in rows],
            )

    def rows(self) -> list[tuple[Any, ...]]:
        return self.execute("select * from csc.ssd_api_data_staging order by person_id")

    def row(self, person_id: str) -> dict[str, Any]:
        with duckdb.connect(str(self.path)) as connection:
            cursor = connection.execute("select * from csc.ssd_api_data_staging where person_id = ?", [person_id])
            names = [column[0] for column in cursor.description or ()]
            found = cursor.fetchone()
        assert found is not None
        return dict(zip(names, found, strict=True))

    def statuses(self) -> dict[str, str]:
        return dict(self.execute("select person_id, submission_status from csc.ssd_api_data_staging order by 1"))

    def events(self) -> list[tuple[str, str, int | None]]:
        return [
            (row[0], row[1], row[2])
            for row in self.execute(
                "select person_id, event, http_status from csc.submission_event order by occurred_at, person_id"
            )
        ]


@dataclass(frozen=True)
class Submit:
    """Runs csc-submit as a scheduler would: a process of its own with nothing but its environment."""

    state: State
    folder: Path

    def environment(self, base_url: str, **changes: str) -> dict[str, str]:
        return {
            "API_ENDPOINT": base_url,
            "TOKEN_ENDPOINT": f"{base_url}/token",
            "LA_CODE": CONFIG.la_code,
            "CLIENT_ID": CONFIG.client_id,
            "CLIENT_SECRET": CONFIG.client_secret,
            "SCOPE": CONFIG.scope,
            "SUPPLIER_KEY": CONFIG.supplier_key,
            "DB_CONNECTION_STRING": f"duckdb:///{self.state.path}",
            "CSC_BACKOFF_SECONDS": "0",
            "CSC_MAX_ATTEMPTS": "3",
            "CSC_CONNECT_TIMEOUT_SECONDS": "5",
            "CSC_READ_TIMEOUT_SECONDS": "5",
            **changes,
        }

    def __call__(self, base_url: str, *arguments: str, **changes: str) -> Finished:
        """Run the command; where PYTHONPATH is among the changes, in a Python that starts anew, which reads it."""
        settings = {name: value for name, value in self.environment(base_url, **changes).items() if value}
        environment = {**_system_environment(), **settings}
        if "PYTHONPATH" not in environment:
            return csc_submit(arguments, self.folder, environment)
        finished = subprocess.run(
            [sys.executable, "-m", "submitter", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)


def _system_environment() -> dict[str, str]:
    """What a process needs to start at all, on Windows too; nothing of the developer's own settings."""

    return {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "HOME", "USERPROFILE") if name in os.environ
    }


@dataclass
class Reply:
    """One scripted answer of the children endpoint. `drop` closes the connection without any."""

    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass
class Script:
    """A receiver that answers as told, then with receipts, and remembers every body."""

    replies: list[Reply]
    token_status: int = 200
    token_fields: dict[str, object] = field(default_factory=lambda: {"expires_in": 3600})
    bodies: list[str] = field(default_factory=list)
    tokens: int = 0
    gets: int = 501
    base_url: str = ""


@contextmanager
def scripted(*replies: Reply, token_status: int = 200) -> Iterator[Script]:
    script = Script(list(replies), token_status)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer in two pieces would take 40 ms more

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def answer(self, status: int, body: str, headers: dict[str, str]) -> None:
            data = b"" if status == 204 else body.encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), "x-request-id": "req-1", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.answer(script.gets, "", {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/token":
                script.tokens += 1
                token = {"access_token": f"token-{script.tokens}", "token_type": "Bearer", **script.token_fields}
                self.answer(script.token_status, json.dumps(token if script.token_status == 200 else {}), {})
                return
            script.bodies.append(body)
            reply = script.replies.pop(0) if script.replies else Reply()
            if reply.drop:
                self.close_connection = True
                return
            receipts = [f"2026-01-01_00:00:00.00_{number}.json" for number in range(len(json.loads(body)))]
            self.answer(reply.status, json.dumps(receipts) if reply.body is None else reply.body, reply.headers)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    script.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
