"""The network as authorities have it, on loopback: TLS with a certificate of its own, a proxy with credentials."""

from __future__ import annotations

import base64
import os
import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "receiver-test.invalid"  # no DNS knows it: only the proxy does
_UNREADABLE = b"\x17\x03\x03\x00\x20" + bytes(32)  # a TLS record that no key opens
USER, PASSWORD = "domain\\user", "Pl@nted:pass/word%1"


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _join(left: socket.socket, right: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(right, left), daemon=True)
    back.start()
    _pump(left, right)
    back.join(5)


@contextmanager
def _serving(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


@dataclass(frozen=True)
class TlsFront:
    """Where TLS is spoken, and the certificate of who signed for it."""

    port: int
    ca_file: Path


@contextmanager
def tls_front(
    base_url: str, folder: Path, *, name: str = HOST, expired: bool = False, breaks: bool = False
) -> Iterator[TlsFront]:
    """Speak TLS before a plain server, with a certificate by an authority that no system knows.

    If it `breaks`, it does so when the server has answered anything but a request for a token.
    """
    authority = trustme.CA(organization_name="Planted Firewall")
    past = datetime.now(timezone.utc) - timedelta(days=1)
    certificate = authority.issue_cert(name, not_after=past if expired else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    ca_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    behind = urlsplit(base_url)

    def handle(client: socket.socket) -> None:
        with (
            context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection((behind.hostname or "", behind.port or 0)) as server,
        ):
            request = secured.recv(65536)
            server.sendall(request)
            if breaks and not request.startswith(b"POST /token"):
                threading.Thread(target=_pump, args=(secured, server), daemon=True).start()
                server.recv(1)
                os.write(secured.fileno(), _UNREADABLE)
            else:
                _join(secured, server)

    with _serving(handle) as port:
        yield TlsFront(port, ca_file)


@dataclass
class HttpProxy:
    """A proxy that connects every host to one port of this machine, for one user or for anybody."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    refused: int = 0


@contextmanager
def http_proxy(to_port: int, *, open_to_all: bool = False, status: int | None = None) -> Iterator[HttpProxy]:
    """Run a proxy that knows CONNECT and basic credentials; with a `status` it refuses all with that."""
    proxy = HttpProxy()
    wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def handle(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return
            head += data
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        allowed = open_to_all or f"Proxy-Authorization: Basic {wanted}" in lines
        proxy.asked.append(lines[0].split()[1])
        if status is not None or not allowed:
            proxy.refused += 1
            refusal = "407 Proxy Authentication Required" if status is None else f"{status} Refused"
            client.sendall(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        assert "authorization" not in headers
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", to_port)) as server:
            _join(client, server)

    with _serving(handle) as port:
        proxy.port = port
        yield proxy
