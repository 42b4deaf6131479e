"""A receiver on real HTTP that keeps children by id and does what a script of faults says, request by request."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Receipts = list[str]
# The moments of a request at which the sender can be killed.
ON_ARRIVAL, WHEN_TAKEN, HALFWAY = "request read", "children taken", "answer half sent"
MOMENTS = (ON_ARRIVAL, WHEN_TAKEN, HALFWAY)


@dataclass(frozen=True)
class Fault:
    """What becomes of one request for children; without arguments it is taken and answered as it should be.

    `cut`: the connection is closed with the body `unread`, `unanswered`, or `halfway` through the answer.
    """

    status: int = 200
    takes: bool = True
    body: str | None = None
    receipts: Callable[[Receipts], object] = list
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0
    cut: str = ""


@dataclass(frozen=True)
class TokenFault:
    """What becomes of one request for a token."""

    status: int = 200
    body: str = ""
    seconds: float = 0


@dataclass
class FaultyReceiver:
    """What it holds, what it was sent, and what it is still to do wrong."""

    faults: list[Fault] = field(default_factory=list)
    token_faults: list[TokenFault | None] = field(default_factory=list)
    token_seconds: int = 3600
    kill: tuple[int, str] | None = None  # a process, and the moment at which it dies
    held: dict[str, Any] = field(default_factory=dict)
    posted: list[list[str]] = field(default_factory=list)
    tokens: int = 0
    base_url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self) -> Fault:
        with self._lock:
            return self.faults.pop(0) if self.faults else Fault()

    def next_token_fault(self) -> TokenFault:
        with self._lock:
            self.tokens += 1
            return (self.token_faults.pop(0) if self.token_faults else None) or TokenFault()

    def take(self, children: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            for child in children:
                if child.get("purge"):
                    self.held.pop(child["la_child_id"], None)
                else:
                    self.held[child["la_child_id"]] = child

    def post(self, children: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            self.posted.append([child["la_child_id"] for child in children])

    def moment(self, what: str) -> None:
        """Kill the sender if this is its moment."""
        with self._lock:
            doomed, self.kill = (self.kill, None) if self.kill and self.kill[1] == what else (None, self.kill)
        if doomed:
            os.kill(doomed[0], signal.SIGKILL)


@contextmanager
def faulty_receiver() -> Iterator[FaultyReceiver]:
    """Run the receiver on a free loopback port for as long as the context lasts."""
    receiver = FaultyReceiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": receiver}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    receiver: FaultyReceiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer in two pieces would take 40 ms more

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        try:
            if self.path == "/token":
                self.token()
            else:
                self.children()
        except (BrokenPipeError, ConnectionResetError):  # the sender did not wait
            self.close_connection = True

    def token(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.receiver.next_token_fault()
        time.sleep(fault.seconds)
        token = {
            "access_token": f"t{self.receiver.tokens}",
            "token_type": "Bearer",
            "expires_in": self.receiver.token_seconds,
        }
        self.answer(fault.status, fault.body or json.dumps(token), {})

    def children(self) -> None:
        fault = self.receiver.next_fault()
        if fault.cut == "unread":
            self.cut()
            return
        children = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.receiver.post(children)
        self.receiver.moment(ON_ARRIVAL)
        if fault.takes and fault.status // 100 not in {3, 4}:
            self.receiver.take(children)
        self.receiver.moment(WHEN_TAKEN)
        time.sleep(fault.seconds)
        if fault.cut == "unanswered":
            self.cut()
            return
        receipts = [f"2026-01-01_00:00:00.00_{time.monotonic_ns()}-{place}.json" for place in range(len(children))]
        body = json.dumps(fault.receipts(receipts)) if fault.body is None else fault.body
        self.answer(fault.status, body, fault.headers, halfway=fault.cut == "halfway")

    def answer(self, status: int, body: str, headers: Mapping[str, str], *, halfway: bool = False) -> None:
        data = b"" if status == 204 else body.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "x-request-id": "req-1", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        middle = len(data) // 2
        self.wfile.write(data[:middle])
        self.wfile.flush()
        self.receiver.moment(HALFWAY)
        if halfway:
            self.cut()
            return
        self.wfile.write(data[middle:])

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
