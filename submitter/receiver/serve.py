"""Runs the stand-in: inside this process for the demo and the tests, or until it is stopped."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from submitter.receiver.app import ReceiverConfig, create_app
from submitter.receiver.store import ChildStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

_LOOPBACK = "127.0.0.1"
_SECONDS_TO_START = 20
# A client that never finishes its request must not keep the stand-in from stopping.
_SECONDS_TO_FINISH = 2


@dataclass(frozen=True)
class RunningReceiver:
    """Where a stand-in listens and what it holds."""

    base_url: str
    store: ChildStore

    @property
    def token_url(self) -> str:
        """Return the token endpoint."""
        return f"{self.base_url}/token"


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free loopback port in a thread; yield its base URL.

    Raises RuntimeError when it does not start.
    """
    with listening(_LOOPBACK, 0) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + _SECONDS_TO_START
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the stand-in receiver did not start")
            time.sleep(0.01)
        try:
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join(timeout=_SECONDS_TO_START)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, 0 means a free port. Raises OSError when the address is not to be had."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # asyncio asks for it only where the socket names its protocol; without it each answer takes 40 ms more
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """Return the base URL of what a socket listens on."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_forever(app: ASGIApp, listener: socket.socket) -> None:
    """Serve an application until Ctrl-C or SIGTERM. Only for the main thread, which gets the signals."""
    with suppress(KeyboardInterrupt):
        _server(app).run(sockets=[listener])


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )


@contextmanager
def serve(config: ReceiverConfig | None = None, store: ChildStore | None = None) -> Iterator[RunningReceiver]:
    """Run the stand-in on a free loopback port for as long as the context lasts."""
    held = store if store is not None else ChildStore()
    with serving(create_app(config or ReceiverConfig(), held)) as base_url:
        yield RunningReceiver(base_url, held)
