"""test-endpoint and run-smoke: each step of the way over real sockets, and where it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from network_stage import HOST, PASSWORD, USER, http_proxy, tls_front
from submit_stage import CONFIG, Reply, scripted

from submitter.receiver.app import create_app
from submitter.receiver.serve import serving
from submitter.receiver.store import ChildStore
from submitter.trial.ssd import create_tables

if TYPE_CHECKING:
    from pathlib import Path

    from forked_command import Finished
    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver

SECRETS = (CONFIG.client_secret, CONFIG.supplier_key, PASSWORD, "token-1")


def told(finished: Finished, code: int) -> list[str]:
    """The lines before the support block; no secret anywhere, and no failure without the block."""
    assert finished.code == code, finished.said
    assert "Traceback" not in finished.said
    assert [secret for secret in SECRETS if secret in finished.said] == []
    lines, _, block = finished.out.partition("----- for the support desk")
    assert all(line in block for line in lines.splitlines())
    return lines.splitlines()


def test_the_whole_way_through_a_proxy_and_tls(submit: Submit, receiver: RunningReceiver, tmp_path: Path) -> None:
    with tls_front(receiver.base_url, tmp_path) as front, http_proxy(front.port) as proxy:
        finished = submit(
            f"https://{HOST}",
            "test-endpoint",
            CSC_PROXY=f"127.0.0.1:{proxy.port}",
            CSC_PROXY_USER=USER,
            CSC_PROXY_PASSWORD=PASSWORD,
            CSC_CA_FILE=str(front.ca_file),
        )
    lines = told(finished, 0)
    assert [line.split(":")[0] for line in lines] == [
        *("ok   token endpoint, name", "ok   token endpoint, connection", "ok   token endpoint, proxy"),
        *("ok   token endpoint, TLS", "ok   token endpoint, certificate", "ok   token", "ok   endpoint"),
    ]
    assert "issued by" in lines[4]
    assert "Planted Firewall" in lines[4]
    assert "the operating system's store and" in lines[3]
    assert "answers 405 to a GET" in lines[6]
    assert "request id" in lines[6]
    assert "receiver: https://" in finished.out
    assert receiver.store.ids() == []


@pytest.mark.parametrize("step", ["name", "connection", "proxy", "TLS", "token", "supplier", "receiver"])
def test_it_stops_at_the_first_step_that_fails(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path, step: str
) -> None:
    with tls_front(receiver.base_url, tmp_path, name="localhost") as front, http_proxy(front.port) as proxy:
        url = f"https://localhost:{front.port}"
        ca_file = {"CSC_CA_FILE": str(front.ca_file)}
        base, changes, code, expected = {
            "name": (f"https://{HOST}/-test", {"TOKEN_ENDPOINT": f"https://{HOST}"}, 5, "cannot be resolved"),
            "connection": ("https://localhost:9", {}, 5, "refuses the connection"),
            "proxy": (f"https://{HOST}", {"CSC_PROXY": f"127.0.0.1:{proxy.port}"}, 5, "wants a user and password"),
            "TLS": (url, {}, 5, "presented as issued by"),
            "token": (url, {**ca_file, "CLIENT_SECRET": "wrong-one"}, 4, "invalid_client"),
            "supplier": (receiver.base_url + "/none", {"TOKEN_ENDPOINT": receiver.token_url}, 0, "404 to a GET"),
            "receiver": ("http://127.0.0.1:9", {"TOKEN_ENDPOINT": receiver.token_url}, 5, "refuses the connection"),
        }[step]
        lines = told(submit(base, "test-endpoint", **changes), code)
    assert expected in lines[-1]
    assert sum(line.startswith("FAIL") for line in lines) == bool(code)


def test_a_refusal_of_the_receiver_is_authentication_and_an_outage_is_not(submit: Submit) -> None:
    class Answering:
        def __init__(self, status: int) -> None:
            self._status = status

        async def __call__(self, scope: object, receive: object, send: object) -> None:
            from starlette.requests import Request  # noqa: PLC0415 - an extra
            from starlette.responses import JSONResponse, Response  # noqa: PLC0415

            request = Request(scope, receive)  # type: ignore[arg-type]
            token = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 60}
            response = JSONResponse(token) if request.method == "POST" else Response(status_code=self._status)
            await response(scope, receive, send)  # type: ignore[arg-type]

    for status, code in ((401, 4), (403, 4), (503, 5), (200, 0)):
        with serving(Answering(status)) as base:
            lines = told(submit(base, "test-endpoint"), code)
        assert f"answers {status} to a GET" in lines[-1]


def test_the_invented_child_is_sent_and_purged_again(submit: Submit) -> None:
    class Remembering(ChildStore):
        """A store that remembers what came."""

        came: list[tuple[str, bool]]

        def receive(self, child: dict[str, object]) -> None:
            self.came.append((str(child["la_child_id"]), bool(child["purge"])))
            super().receive(child)

    store = Remembering()
    store.came = []
    with serving(create_app(CONFIG, store)) as base:
        lines = told(submit(base, "test-endpoint", "--test-record", DB_CONNECTION_STRING=""), 0)
    (sent, purge), (purged, second) = store.came
    assert (purge, second) == (False, True)
    assert sent == purged
    assert sent.startswith("csc-test-")
    assert store.ids() == []
    assert "was accepted" in lines[-2]
    assert f"{sent} was purged again" in lines[-1]


def test_a_live_receiver_gets_no_invented_child(submit: Submit, receiver: RunningReceiver) -> None:
    finished = submit(
        "https://api.invalid/receiver/1",
        "test-endpoint",
        "--test-record",
        CSC_LIVE="true",
        TOKEN_ENDPOINT=receiver.token_url,
    )
    assert (finished.code, finished.out) == (2, "")
    assert "never sent to a live receiver" in finished.err


@pytest.mark.parametrize(
    ("replies", "code", "expected", "posts"),
    [
        ([Reply(400, "[0].child_details.sex: U is unknown")], 1, "rejected (HTTP 400", 1),
        ([Reply(403)], 4, "refuses the invented child", 1),
        ([Reply(500)], 5, "was purged again", 2),
        ([Reply(drop=True)], 5, "was purged again", 2),
        ([Reply(), Reply(500)], 5, "may go on holding it", 2),
    ],
)
def test_what_the_receiver_says_of_the_invented_child_is_told(
    submit: Submit, replies: list[Reply], code: int, expected: str, posts: int
) -> None:
    with scripted(*replies) as script:
        # the scripted receiver knows no GET: 501 is what it says to one, so the record is sent on its own
        finished = submit(script.base_url, "test-endpoint", "--test-record")
        assert finished.code == 5
        assert script.bodies == []
        script.gets = 404
        lines = told(submit(script.base_url, "test-endpoint", "--test-record"), code)
    assert expected in lines[-1]
    assert len(script.bodies) == posts


def test_a_smoke_test_looks_at_everything(state: State, submit: Submit, receiver: RunningReceiver) -> None:
    import duckdb  # noqa: PLC0415 - an extra

    with duckdb.connect(str(state.path)) as connection:
        create_tables(connection, "ssd")
    before = state.rows()
    finished = submit(receiver.base_url, "run-smoke", "--ssd-schema", "ssd")
    assert finished.code == 0, finished.said
    assert finished.out.splitlines()[-1] == "All is well."
    assert "was purged again" in finished.out
    assert receiver.store.ids() == []
    state.execute("drop table ssd.ssd_person")
    finished = submit(receiver.base_url, "run-smoke", "--ssd-schema", "ssd", SUPPLIER_KEY="wrong-key")
    assert finished.code == 3
    assert [line.split(":")[0] for line in finished.out.splitlines() if line.startswith("FAIL")] == [
        *("FAIL ssd_person", "FAIL receiver")
    ]
    assert state.rows() == before
