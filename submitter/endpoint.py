"""The receiver's end of the wire: a token, and one POST a batch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests_oauthlib import OAuth2Session
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError
from urllib3.util import Retry

from submitter.errors import AuthenticationError, ReceiverUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from submitter.settings import Settings

_REQUEST_ID_HEADERS = ("x-request-id", "Request-Id", "X-Correlation-ID")
_RENEW_SECONDS_BEFORE_EXPIRY = 60
# It is not told how long to wait: an hour would hold up all senders.
_TOKEN_RETRIES = Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)


@dataclass(frozen=True)
class Answer:
    """What one request came to. `status` is None when no whole answer arrived.

    `taken` is False only when it is certain that the receiver has not read the request.
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
        self._session = OAuth2Session(
            client=BackendApplicationClient(client_id=settings.client_id, scope=settings.scope)
        )
        self._session.headers["User-Agent"] = settings.csc_user_agent
        self._session.mount(settings.token_endpoint, HTTPAdapter(max_retries=_TOKEN_RETRIES))
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
        where = "The token endpoint"
        check = "Check TOKEN_ENDPOINT, the network and the proxy; then try again."
        statuses: list[int] = []

        def note_status(response: requests.Response) -> requests.Response:
            statuses.append(response.status_code)
            return response

        self._session.register_compliance_hook("access_token_response", note_status)
        try:
            self._session.fetch_token(
                self._settings.token_endpoint,
                client_secret=self._settings.client_secret.get_secret_value(),
                include_client_id=True,
                timeout=(self._settings.csc_connect_timeout_seconds, self._settings.csc_read_timeout_seconds),
            )
        except OAuth2Error as error:
            status = statuses[-1] if statuses else 0
            if status >= requests.codes.internal_server_error or status == requests.codes.too_many_requests:
                raise ReceiverUnavailableError(f"{where} answers {status}.", check) from None
            raise AuthenticationError(
                f"{where} gave no token (status {status}, {error.error or 'no reason given'}).",
                "Check CLIENT_ID, CLIENT_SECRET and SCOPE.",
            ) from None
        except requests.RequestException as error:  # some of them are ValueErrors too
            raise ReceiverUnavailableError(f"{where} cannot be reached ({type(error).__name__}).", check) from None
        except (ValueError, TypeError, AttributeError):  # what oauthlib makes of an answer that is no token's
            raise AuthenticationError(
                f"{where} gave no token but something that cannot be read (status {statuses[-1] if statuses else 0}).",
                "Check TOKEN_ENDPOINT; a proxy may have answered in its place.",
            ) from None
        finally:
            self._session.compliance_hook["access_token_response"].clear()


class Endpoint:
    """Posts batches. One object, one connection kept alive."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.headers["User-Agent"] = settings.csc_user_agent
        # Proxy and certificates as the environment says, looked up once: requests would do it for each post.
        found = self._session.merge_environment_settings(settings.children_url, {}, None, None, None)
        self._session.proxies, self._session.verify, self._session.trust_env = found["proxies"], found["verify"], False
        self._timeout = (settings.csc_connect_timeout_seconds, settings.csc_read_timeout_seconds)

    def post(self, payloads: Sequence[str], token: str) -> Answer:
        """Post one batch, text as it is, and return what came back; never raises for what the network does."""
        # A lone surrogate cannot be sent as UTF-8; it must not keep the others of the batch back.
        body = f"[{','.join(payloads)}]".encode(errors="replace")
        started = time.monotonic()
        try:
            response = self._session.post(
                self._settings.children_url,
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "SupplierKey": self._settings.supplier_key.get_secret_value(),
                },
                auth=_Bearer(token),
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return Answer(
                None, b"", type(error).__name__, None, None, _since(started), taken=not _never_connected(error)
            )
        return Answer(
            response.status_code,
            response.content,
            response.content.decode(errors="replace"),  # requests would guess the encoding, for milliseconds
            next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None),
            _retry_after(response.headers.get("Retry-After")),
            _since(started),
            taken=True,
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


class _Bearer(AuthBase):
    """The token of one request; as `auth` because a .netrc would replace the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _never_connected(error: requests.RequestException) -> bool:
    if isinstance(error, (requests.exceptions.SSLError, requests.exceptions.ProxyError)):
        return True
    cause: Any = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, (NewConnectionError, ConnectTimeoutError, ProxyError))


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
