"""What stands in the way of a request, in a few words with the next step: no URL with credentials, no header."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProtocolError, ProxyError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from submitter.http_session import Proxy

PROXY_WANTS_CREDENTIALS = 407
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
# OpenSSL's verify codes
_EXPIRED, _OTHER_NAME = 10, {62, 64}
_TRUST = (
    "If a firewall inspects TLS, have its root certificate put in this machine's certificate store, or name its file "
    "in CSC_CA_FILE."
)
_FIREWALL = "Have the firewall opened for this host and port, or set the proxy (CSC_PROXY)."


@dataclass(frozen=True)
class Trouble:
    """Why a request got no answer, to be put in parentheses, and what to do."""

    reason: str
    next_step: str


def trouble(error: BaseException, host: str, proxy: Proxy | None) -> Trouble:
    """Read what `requests`, urllib3, ssl or a socket raised on the way to a host."""
    causes = list(_causes(error))
    through = f"the proxy {proxy.address}" if proxy else "the proxy"
    for cause in causes:
        tunnel = _TUNNEL.search(str(cause)) if isinstance(cause, OSError) else None
        if tunnel:
            return refused_by_proxy(int(tunnel[1]), host, proxy)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return tls_trouble(cause, host)
    if any(isinstance(cause, ProxyError) for cause in causes):
        return Trouble(f"{through} cannot be reached", "Check the proxy's address, or name the host in NO_PROXY.")
    for kinds, reason, next_step in (
        (
            (NameResolutionError, socket.gaierror),
            f"the name {host} cannot be resolved",
            "Check the address and the DNS.",
        ),
        ((ReadTimeoutError,), "no answer in time", "Try again later, or set CSC_READ_TIMEOUT_SECONDS."),
        ((ConnectionRefusedError,), f"{host} refuses the connection", "Check the address and port."),
        ((ConnectTimeoutError, TimeoutError), f"no connection to {host} in time", _FIREWALL),
        ((ConnectionError, ProtocolError), "the connection broke", "Try again; see the firewall's log."),
    ):
        if any(isinstance(cause, kinds) for cause in causes):
            return Trouble(reason, next_step)
    return Trouble(type(error).__name__, "Run csc-submit test-endpoint.")


def refused_by_proxy(status: int, host: str, proxy: Proxy | None) -> Trouble:
    """Read the status with which a proxy refuses to connect to a host."""
    address = f"the proxy {proxy.address}" if proxy else "the proxy"
    if status == PROXY_WANTS_CREDENTIALS:
        has_user = proxy is not None and proxy.user is not None
        said = "refuses its user and password" if has_user else "wants a user and password"
        return Trouble(
            f"{address} {said} ({status})",
            "Set CSC_PROXY_USER and CSC_PROXY_PASSWORD; one that takes Windows logins only must let this machine by.",
        )
    return Trouble(f"{address} does not connect to {host} ({status})", "Have the host allowed on the proxy.")


def tls_trouble(error: ssl.SSLError, host: str) -> Trouble:
    """Read why a TLS connection did not come about."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(
            f"TLS with {host} failed ({error.reason or type(error).__name__})",
            "Check the address and port; see whether a firewall or proxy breaks TLS.",
        )
    if error.verify_code == _EXPIRED:
        return Trouble(f"the certificate of {host} has expired", "Check this machine's clock; else try again later.")
    if error.verify_code in _OTHER_NAME:
        return Trouble(f"the certificate is not for {host}", "Check the address; see what stands between.")
    return Trouble(f"the certificate of {host} is not trusted: {error.verify_message}", _TRUST)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from: each library wraps it in its own way."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), getattr(cause, "original_error", None)]
        waiting += [cause.__cause__, cause.__context__]
