"""The stand-in over real HTTP: whom it lets in, what it takes, what it answers."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import RunningReceiver, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = ReceiverConfig(max_body_bytes=20_000)
RECEIPT = re.compile(r"\d{4}-\d{2}-\d{2}_\d{2}:\d{2}:\d{2}\.\d{2,6}_[0-9a-f-]{36}\.json")


@pytest.fixture
def receiver() -> Iterator[RunningReceiver]:
    with serve(CONFIG) as running:
        yield running


def child(la_child_id: str, **details: object) -> dict[str, Any]:
    required = {"sex": "F", "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    return {"la_child_id": la_child_id, "purge": False, "child_details": {**required, **details}}


def ask_token(running: RunningReceiver, **changes: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": CONFIG.client_id,
        "client_secret": CONFIG.client_secret,
        "scope": CONFIG.scope,
    }
    return requests.post(running.token_url, data={**form, **changes}, timeout=10)


def post(running: RunningReceiver, body: object, la_code: str = CONFIG.la_code, **headers: str) -> requests.Response:
    token = ask_token(running).json()["access_token"]
    all_headers = {
        "Authorization": f"Bearer {token}",
        "SupplierKey": CONFIG.supplier_key,
        "Content-Type": "application/json",
        **headers,
    }
    url = f"{running.base_url}/children_social_care_data/{la_code}/children"
    if isinstance(body, bytes):
        return requests.post(url, data=body, headers=all_headers, timeout=10)
    return requests.post(url, json=body, headers=all_headers, timeout=10)


def test_a_token_is_given_for_the_right_credentials_only(receiver: RunningReceiver) -> None:
    good = ask_token(receiver)
    assert good.status_code == 200
    assert good.json()["expires_in"] == 3600
    assert good.json()["token_type"] == "Bearer"
    for wrong in ({"client_id": "x"}, {"client_secret": "x"}, {"client_secret": "x", "scope": "x"}):
        refused = ask_token(receiver, **wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    refused = ask_token(receiver, scope="x")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert ask_token(receiver, grant_type="password").status_code == 400


def test_receipts_come_in_order_and_children_are_held(receiver: RunningReceiver) -> None:
    batch = [child(str(number), surname=f"Name {number} 😀") for number in range(100)]
    answer = post(receiver, batch)
    assert answer.status_code == 200
    assert len(answer.json()) == 100
    assert all(RECEIPT.fullmatch(receipt) for receipt in answer.json())
    assert len(set(answer.json())) == 100
    listed = requests.get(f"{receiver.base_url}/children", timeout=10).json()
    assert listed["count"] == 100
    for sent in batch:
        held = requests.get(f"{receiver.base_url}/children/{sent['la_child_id']}", timeout=10)
        assert held.json() == sent
    assert requests.get(f"{receiver.base_url}/children/nobody", timeout=10).status_code == 404


def test_one_bad_record_refuses_the_whole_batch_by_index(receiver: RunningReceiver) -> None:
    answer = post(receiver, [child("1"), child("2", sex="X"), child("a b")])
    assert answer.status_code == 400
    assert "[1].child_details.sex: is not in the code set" in answer.text
    assert "[2].la_child_id: does not match the pattern" in answer.text
    assert "[0]" not in answer.text
    assert len(receiver.store) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{}",
        b"[]",
        b'"text"',
        b"\xff\xfe[",
        b'\xef\xbb\xbf[{"la_child_id": "1"}]',
        '[{"surname": "é"}]'.encode("latin-1"),
        b"[NaN]",
        b'[{"la_child_id": "1", "la_child_id": "2"}]',
        b"[" * 19_000,
        b"[" + b",".join([b"{}"] * 101) + b"]",
    ],
)
def test_a_body_that_is_no_batch_is_refused(receiver: RunningReceiver, body: bytes) -> None:
    answer = post(receiver, body)
    assert answer.status_code == 400
    assert answer.text.startswith("the request body ")


def test_half_a_surrogate_pair_is_refused_by_index(receiver: RunningReceiver) -> None:
    body = json.dumps([child("1"), child("2", surname="\ud83d")]).encode()
    answer = post(receiver, body)
    assert answer.status_code == 400
    assert answer.json() == {"errors": ["[1].child_details.surname: does not match the pattern"]}


@pytest.mark.parametrize("size", [20_000, 5_000_000])
def test_a_body_that_is_too_large_is_refused(receiver: RunningReceiver, size: int) -> None:
    assert post(receiver, b"[" + b" " * size + b"]").status_code == 413


def test_a_child_twice_in_a_batch_is_taken_twice_in_order(receiver: RunningReceiver) -> None:
    answer = post(receiver, [child("1", sex="F", ethnicity="WBRI"), child("1", sex="M")])
    assert answer.status_code == 200
    assert len(answer.json()) == 2
    assert receiver.store.get("1") == child("1", sex="M", ethnicity="WBRI")


def test_a_partial_payload_changes_what_is_held_and_a_purge_ends_it(receiver: RunningReceiver) -> None:
    url = f"{receiver.base_url}/children/1"
    episodes = [{"social_care_episode_id": name, "purge": False, "referral_date": "2025-01-31"} for name in "ab"]
    assert post(receiver, [{**child("1", ethnicity="WBRI"), "social_care_episodes": episodes}]).status_code == 200
    partial = {
        **child("1", ethnicity=None),
        "social_care_episodes": [{"social_care_episode_id": "a", "purge": True}],
    }
    assert post(receiver, [partial]).status_code == 200
    assert requests.get(url, timeout=10).json() == {**child("1"), "social_care_episodes": episodes[1:]}
    assert post(receiver, [{"la_child_id": "1", "purge": True}]).status_code == 200
    assert requests.get(url, timeout=10).status_code == 404


def test_health_tells_how_many_are_held(receiver: RunningReceiver) -> None:
    post(receiver, [child("1")])
    assert requests.get(f"{receiver.base_url}/health", timeout=10).json() == {"status": "ok", "children": 1}


def test_every_answer_has_a_request_id_of_its_own(receiver: RunningReceiver) -> None:
    answers = [
        ask_token(receiver),
        ask_token(receiver, client_id="x"),
        post(receiver, [child("1")]),
        post(receiver, [{}]),
        post(receiver, [child("1")], Authorization=""),
        post(receiver, b" " * 20_001),
        *(requests.get(receiver.base_url + path, timeout=10) for path in ("/health", "/children", "/children/2", "/x")),
    ]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_who_may_not_send(receiver: RunningReceiver) -> None:
    batch = [child("1")]
    assert post(receiver, batch, Authorization="").status_code == 401
    assert post(receiver, batch, Authorization="Bearer guessed").status_code == 401
    assert post(receiver, batch, SupplierKey="wrong").status_code == 403
    assert post(receiver, batch, la_code="111").status_code == 403
    assert post(receiver, batch, **{"Content-Type": "text/plain"}).status_code == 415
    assert len(receiver.store) == 0


def test_a_token_expires() -> None:
    with serve(ReceiverConfig(token_seconds=0.05)) as running:
        token = ask_token(running).json()["access_token"]
        time.sleep(0.1)
        answer = post(running, [child("1")], Authorization=f"Bearer {token}")
        assert answer.status_code == 401


def test_a_request_that_never_ends_does_not_keep_it_from_stopping() -> None:
    with serve(CONFIG) as running:
        token = ask_token(running).json()["access_token"]
        where = urlsplit(running.base_url)
        client = socket.create_connection((where.hostname, where.port or 0), timeout=10)
        client.sendall(
            f"POST /children_social_care_data/{CONFIG.la_code}/children HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {token}\r\nSupplierKey: {CONFIG.supplier_key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n[".encode()
        )
        time.sleep(0.1)
        started = time.monotonic()
    with client:
        assert time.monotonic() - started < 10
        assert len(running.store) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{running.base_url}/health", timeout=10)
