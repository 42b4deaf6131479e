"""Nothing that a run writes or says holds what a payload says of a child, or a secret, whatever goes wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fault_receiver import Fault, TokenFault
from fault_stage import STATE
from kill_driver import FailingConnection
from submit_stage import State, Submit, payload

from submitter.dbt_profile import DuckDbTarget

if TYPE_CHECKING:
    from pathlib import Path

    from fault_stage import Stage

    from submitter.connection import Connection

CHILD = {
    "first_name": "Zebedee",
    "surname": "O'Plantedson",
    "unique_pupil_number": "A987654321098",
    "former_unique_pupil_number": "B987654321098",
    "date_of_birth": "2012-02-29",
    "postcode": "ZQ9 9QZ",
}
SECRETS = {"CLIENT_SECRET": "Planted-Client-Secret", "SUPPLIER_KEY": "Planted-Supplier-Key"}
TOKEN = json.dumps({"access_token": "Planted-Token", "token_type": "Bearer", "expires_in": 3600})
NEVER = [
    "Zebedee",
    "Plantedson",
    "987654321098",
    "2012-02-29",
    "29/02/2012",
    "ZQ9",
    "9QZ",
    *SECRETS.values(),
    "Planted",
]
# A receiver says back what it was sent, in every kind of answer.
SAID = "Zebedee O'Plantedson, born 29/02/2012 (2012-02-29), A987654321098, of ZQ9 9QZ"
FAULTS = [
    [Fault(400, body=f"[0].child_details.surname: {SAID} is wrong\n[1]: {SAID}")],
    [Fault(400, body=json.dumps({"errors": [f"[1].child_details.postcode: {SAID}"]}))],
    [Fault(400, body=SAID)] * 4,
    [Fault(422, body=f"{SAID} cannot be taken")] * 4,
    [Fault(413, body=SAID)],
    [Fault(500, body=SAID)] * 3,
    [Fault(403, body=SAID), Fault(429, body=SAID)],
    [Fault(401, body=SAID)] * 4,
    [Fault(404, body=SAID)] * 4,
    [Fault(302, body=SAID, headers={"Location": "http://127.0.0.1:9/Plantedson"})] * 4,
    [Fault(200, body=SAID)],
    [Fault(200, takes=False, receipts=lambda receipts: [SAID for _ in receipts])] * 3,
    [Fault(cut="halfway")] * 2,
    [Fault(seconds=1)],
]


@pytest.fixture
def planted(stage: Stage) -> Stage:
    for person_id in sorted(stage.children("1 = 1")):
        stage.rebuild(person_id, payload(person_id, **CHILD))
    stage.receiver.token_faults = [TokenFault(body=TOKEN) for _ in range(200)]
    return stage


def written(stage: Stage) -> str:
    """Every cell of the audit trail, and of the state what the receiver said."""
    tables = ("select * from csc.submission_run", "select * from csc.submission_event")
    rows = [stage.execute(sql) for sql in (*tables, f"select api_response from {STATE}")]
    return repr(rows)


def test_no_run_says_or_writes_who_a_child_is(planted: Stage, tmp_path: Path) -> None:
    said = ""
    for faults in FAULTS:
        planted.receiver.faults = list(faults)
        said += planted.run(client_secret=SECRETS["CLIENT_SECRET"], supplier_key=SECRETS["SUPPLIER_KEY"])[1]
        for person_id in sorted(planted.children("submission_status = 'sent'")):
            planted.rebuild(person_id, payload(person_id, **CHILD))
    for at in range(1, 14, 3):

        def failing(connection: Connection, at: int = at) -> Connection:
            return FailingConnection(connection, at, is_committed=True)

        said += planted.run(failing)[1]
    planted.receiver.token_faults = [
        TokenFault(400, json.dumps({"error": "invalid_client", "error_description": SAID}))
    ]
    said += planted.run()[1]
    planted.receiver.token_faults = [TokenFault(200, SAID)]
    said += planted.run()[1]
    planted.receiver.faults = [Fault(400, body=f"[0].child_details.surname: {SAID}")]
    said += commands(planted, tmp_path)
    assert "child_details.surname" in said  # there was something to find
    assert "rejected" in written(planted)
    for text in (said, written(planted)):
        assert [word for word in NEVER if word in text] == []


def commands(stage: Stage, folder: Path) -> str:
    """What the commands say in processes of their own, and the files they write."""
    assert isinstance(stage.target, DuckDbTarget)
    command = Submit(State(stage.target.path), folder)
    password = {"DB_CONNECTION_STRING": "SERVER=127.0.0.1,9;DATABASE=x;UID=u;PWD=Planted;LoginTimeout=1"}
    finished = [
        command(stage.receiver.base_url, **SECRETS),
        command("https://user:Planted@127.0.0.1:9", **SECRETS),
        command(stage.receiver.base_url, "--dry-run", **SECRETS),
        command(stage.receiver.base_url, "status", **SECRETS),
        command(stage.receiver.base_url, "status", "--json", **SECRETS),
        command(stage.receiver.base_url, "errors", **SECRETS),
        command(stage.receiver.base_url, "history", **SECRETS),
        command(stage.receiver.base_url, "history", "--person", "00001", **SECRETS),
        command(stage.receiver.base_url, "history", "--csv", "runs.csv", **SECRETS),
        command(stage.receiver.base_url, "diff", "00001", **SECRETS),
        command(stage.receiver.base_url, "retry", "--all", **SECRETS),
        command(stage.receiver.base_url, "status", **{**SECRETS, **password}),
    ]
    for each in finished:
        assert "Traceback" not in each.said
    return "".join(each.said for each in finished) + (folder / "runs.csv").read_text(encoding="utf-8-sig")
