"""The receiver's end of the wire: a token, and one POST a batch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from ssl import SSLCertVerificationError
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests import codes
from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError, SSLError

from submitter.http_session import open_connection, open_session, proxy_for
from submitter.network_reasons import trouble
from submitter.token_fetch import fetch_token, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from submitter.settings import Settings

_REQUEST_ID_HEADERS = ("x-request-id", "Request-Id", "X-Correlation-ID")
_RENEW_SECONDS_BEFORE_EXPIRY = 60


@dataclass(frozen=True)
class Answer:
    """What one request came to. `status` is None when no whole answer arrived.

    `body` holds the receipts of a 200; `text` says why any other was not accepted, without secrets. `taken` is False
    only when it is certain that the receiver has not read the request.
    """

    status: int | None
    body: bytes
    text: str
    request_id: str | None
    retry_after: float | None
    milliseconds: int
    taken: bool


class Token:
    """The access token that all senders share; fetched by one of them while the others wait."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = open_session(settings)
        self._lock = Lock()

    def fresh(self) -> str:
        """Return a token that has a while to live. Raises what `renewed` raises."""
        with self._lock:
            token = self._session.token or {}
            # A token that does not say when it expires is used until it is refused.
            expires_at = float(token.get("expires_at", math.inf))
            if not token or expires_at < time.time() + _RENEW_SECONDS_BEFORE_EXPIRY:
                self._fetch()
            return str(self._session.access_token)

    def renewed(self, refused: str) -> None:
        """Fetch another token than the one refused, unless another sender has done so.

        Raises AuthenticationError when the client is refused, ReceiverUnavailableError when there is no answer.
        """
        with self._lock:
            if self._session.access_token == refused:
                self._fetch()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _fetch(self) -> None:
        fetch_token(self._session, self._settings)


class Endpoint:
    """Posts batches. One object, one connection kept alive."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = open_session(settings)
        self._connection = open_connection(self._session, settings.children_url)
        self._path = urlsplit(settings.children_url).path
        self._headers = {
            **self._session.headers,
            "Content-Type": "application/json",
            "SupplierKey": settings.supplier_key.get_secret_value(),
        }
        self._timeout = Timeout(settings.csc_connect_timeout_seconds, settings.csc_read_timeout_seconds)

    def post(self, payloads: Sequence[str], token: str) -> Answer:
        """Post one batch, text as it is, and return what came back; never raises for what the network does."""
        # A lone surrogate cannot be sent as UTF-8; it must not keep the others of the batch back.
        body = f"[{','.join(payloads)}]".encode(errors="replace")
        started = time.monotonic()
        try:
            response = self._connection.urlopen(
                "POST",
                self._path,
                body=body,
                headers={**self._headers, "Authorization": f"Bearer {token}"},
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            return Answer(None, b"", self._why(error), None, None, _since(started), taken=not _never_connected(error))
        is_ok = response.status == codes.ok
        return Answer(
            response.status,
            response.data,
            "" if is_ok else without_secrets(response.data.decode(errors="replace"), token, self._settings),
            next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None),
            _retry_after(response.headers.get("Retry-After")),
            _since(started),
            taken=True,
        )

    def _why(self, error: HTTPError) -> str:
        url = self._settings.api_endpoint
        return trouble(error, urlsplit(url).hostname or url, proxy_for(url, self._settings)).reason

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _never_connected(error: HTTPError) -> bool:
    """Tell whether an error is certain to have come before the request: what breaks TLS may come at any time."""
    untrusted = isinstance(error, SSLError) and any(isinstance(cause, SSLCertVerificationError) for cause in error.args)
    return untrusted or isinstance(error, (NewConnectionError, ConnectTimeoutError, ProxyError))


def _retry_after(value: str | None) -> float | None:
    """Return the seconds a Retry-After header asks for, in either of its forms."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
