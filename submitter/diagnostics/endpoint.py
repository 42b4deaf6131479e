"""The way to the receiver, a step at a time: name, connection, proxy, TLS, token, endpoint."""

from __future__ import annotations

import base64
import platform
import re
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from submitter import __version__
from submitter.errors import AuthenticationError, ReceiverUnavailableError
from submitter.http_session import certificate_store, open_session, proxy_for, tls_context
from submitter.network_reasons import refused_by_proxy, tls_trouble, trouble
from submitter.token_fetch import fetch_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from submitter.diagnostics.report import Report
    from submitter.http_session import HttpSession, Proxy
    from submitter.settings import Settings

_REQUEST_ID_HEADERS = ("x-request-id", "Request-Id", "X-Correlation-ID", "x-ms-request-id")
_LONGEST_ANSWER_BYTES = 65_536
_SOON_SECONDS = 30 * 24 * 3600
_OK = 200


@dataclass(frozen=True)
class Place:
    """A host and port on the way."""

    host: str
    port: int


def check_endpoint(settings: Settings, report: Report) -> None:
    """Walk to the token endpoint and to the receiver and tell each step; the settings' secrets are never told.

    Raises the SubmitError of the first step that fails. The last step is a GET with token and SupplierKey: it carries
    no child, and the specification knows no GET that could change anything.
    """
    session = open_session(settings)  # what is wrong with proxy or certificates as settings comes first
    try:
        walked: set[Place] = set()
        for what, url in (("token endpoint", settings.token_endpoint), ("receiver", settings.api_endpoint)):
            place = _place(url)
            if place not in walked:
                walked.add(place)
                _walk(what, url, place, settings, report)
        started = time.monotonic()
        answer = fetch_token(session, settings)
        report.ok("token", f"given{_told(answer, started)}")
        _ask(session, settings, report)
    finally:
        session.close()


def support_block(settings: Settings, lines: Sequence[str]) -> str:
    """Return what a support desk asks for, without secrets, to copy and paste."""
    return "\n".join(
        [
            "----- for the support desk; it holds no secret -----",
            f"time: {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC",
            f"program: csc-submit {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"libraries: requests {requests.__version__}, {ssl.OPENSSL_VERSION}",
            f"machine: {platform.node()}",
            f"user agent: {settings.csc_user_agent}",
            f"token endpoint: {settings.token_endpoint}",
            f"receiver: {settings.children_url}",
            *lines,
            "----- end -----",
        ]
    )


def _place(url: str) -> Place:
    parts = urlsplit(url)
    return Place(parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme])


def _walk(what: str, url: str, place: Place, settings: Settings, report: Report) -> None:
    proxy = proxy_for(url, settings)
    hop = Place(proxy.host, proxy.port) if proxy else place
    _name(f"{what}, name", hop, proxy, report)

    def connect() -> socket.socket:
        return socket.create_connection((hop.host, hop.port), settings.csc_connect_timeout_seconds)

    try:
        started = time.monotonic()
        with connect() as connection:
            address = connection.getpeername()[0]
        report.ok(f"{what}, connection", f"{hop.host}:{hop.port} ({address}){_milliseconds(started)}")
        if proxy is not None and proxy.scheme == "https":
            report.note(f"{what}, proxy", f"{proxy.address} speaks TLS itself: what follows is tried with the token")
            return
        if proxy is not None:
            started = time.monotonic()
            _tunnel(connect(), place, proxy).close()
            report.ok(f"{what}, proxy", f"{proxy.address} connects to {place.host}{_milliseconds(started)}")
        else:
            report.ok(f"{what}, proxy", "none")
        if urlsplit(url).scheme == "https":
            _tls(what, place.host, lambda: _tunnel(connect(), place, proxy) if proxy else connect(), settings, report)
        else:
            report.note(f"{what}, TLS", "none: it is on this machine")
    except OSError as error:  # ssl.SSLError is one
        why = trouble(error, hop.host, proxy)
        raise ReceiverUnavailableError(f"{what}: {why.reason}.", why.next_step) from None


def _name(what: str, hop: Place, proxy: Proxy | None, report: Report) -> None:
    try:
        found = socket.getaddrinfo(hop.host, hop.port, type=socket.SOCK_STREAM)
    except OSError:
        raise ReceiverUnavailableError(
            f"{what}: {hop.host} cannot be resolved.",
            "Check the proxy's name." if proxy else "Check the address and the DNS; behind a proxy set CSC_PROXY.",
        ) from None
    report.ok(what, f"{hop.host} is {', '.join(dict.fromkeys(str(entry[4][0]) for entry in found))}")


def _tunnel(connection: socket.socket, place: Place, proxy: Proxy) -> socket.socket:
    """Have the proxy connect to a place; raises ReceiverUnavailableError when it does not."""
    try:
        status = _asked_to_connect(connection, place, proxy)
    except BaseException:
        connection.close()
        raise
    if status == _OK:
        return connection
    connection.close()
    if status is None:
        raise ReceiverUnavailableError(
            f"{proxy.address} does not answer as an HTTP proxy does.", "Check the proxy's address and port."
        )
    why = refused_by_proxy(status, place.host, proxy)
    raise ReceiverUnavailableError(f"{why.reason}.", why.next_step)


def _asked_to_connect(connection: socket.socket, place: Place, proxy: Proxy) -> int | None:
    """Return the status of the proxy's answer; None when it is no HTTP."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    lines = [f"CONNECT {host}:{place.port} HTTP/1.1", f"Host: {host}:{place.port}"]
    if proxy.user is not None:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER_BYTES:
        data = connection.recv(4096)
        if not data:
            break
        answer += data
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else None


def _tls(what: str, host: str, connect: Callable[[], socket.socket], settings: Settings, report: Report) -> None:
    started = time.monotonic()
    try:
        with tls_context(settings).wrap_socket(connect(), server_hostname=host) as secured:
            certificate, version = secured.getpeercert() or {}, secured.version()
    except ssl.SSLError as error:
        why = tls_trouble(error, host)
        issuer = _presented_issuer(connect, host) if isinstance(error, ssl.SSLCertVerificationError) else None
        said = f" It was presented as issued by {issuer}." if issuer else ""
        raise ReceiverUnavailableError(
            f"{what}: {why.reason}.{said} Trusted: {certificate_store(settings)}.", why.next_step
        ) from None
    report.ok(f"{what}, TLS", f"{version}{_milliseconds(started)}; trusted: {certificate_store(settings)}")
    if certificate:
        seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        until = datetime.fromtimestamp(seconds, timezone.utc)
        tell = report.note if seconds - time.time() < _SOON_SECONDS else report.ok
        tell(f"{what}, certificate", f"issued by {_issuer(certificate)}, expires {until:%Y-%m-%d}")


def _presented_issuer(connect: Callable[[], socket.socket], host: str) -> str | None:
    """Return who issued a certificate that is not trusted; nothing is sent over these connections.

    Python reads a certificate only where it is trusted: so, for one more connection, that very one is.
    """
    look = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    look.check_hostname = False
    look.verify_mode = ssl.CERT_NONE
    read = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    read.check_hostname = False
    read.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        with look.wrap_socket(connect(), server_hostname=host) as secured:
            read.load_verify_locations(cadata=secured.getpeercert(binary_form=True) or b"")
        with read.wrap_socket(connect(), server_hostname=host) as secured:
            return _issuer(secured.getpeercert() or {})
    except (OSError, ValueError, ReceiverUnavailableError):
        return None


def _issuer(certificate: Any) -> str:  # noqa: ANN401 - a dict of tuples of tuples, as ssl has it
    names = dict(pair for part in certificate.get("issuer", ()) for pair in part)
    return ", ".join(names[name] for name in ("commonName", "organizationName") if name in names) or "nobody named"


def _ask(session: HttpSession, settings: Settings, report: Report) -> None:
    started = time.monotonic()
    try:
        answer = session.get(
            settings.children_url,
            headers={"SupplierKey": settings.supplier_key.get_secret_value()},
            timeout=(settings.csc_connect_timeout_seconds, settings.csc_read_timeout_seconds),
        )
    except requests.RequestException as error:
        why = trouble(error, _place(settings.api_endpoint).host, proxy_for(settings.api_endpoint, settings))
        raise ReceiverUnavailableError(f"The receiver cannot be reached: {why.reason}.", why.next_step) from None
    said = f"The receiver answers {answer.status_code} to a GET{_told(answer, started)}."
    if answer.status_code == requests.codes.unauthorized:
        raise AuthenticationError(said, "Check SCOPE and the client's registration.")
    if answer.status_code == requests.codes.forbidden:
        raise AuthenticationError(said, "Check LA_CODE, SUPPLIER_KEY and the client's registration.")
    if answer.status_code >= requests.codes.internal_server_error:
        raise ReceiverUnavailableError(said, "Try again later.")
    if answer.status_code == requests.codes.not_found:
        report.note(
            "endpoint",
            f"{said} A gateway that knows posts only says so too; whether the address is right, --test-record tells.",
        )
    else:
        report.ok("endpoint", f"{said} It is there and lets this client in.")


def _told(answer: requests.Response | None, started: float) -> str:
    headers = answer.headers if answer is not None else {}
    request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
    return _milliseconds(started) + (f", request id {request_id[:128]}" if request_id else "")


def _milliseconds(started: float) -> str:
    return f" in {round((time.monotonic() - started) * 1000)} ms"
