"""The token that every request carries, fetched by client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from oauthlib.oauth2 import OAuth2Error

from submitter.errors import AuthenticationError, ReceiverUnavailableError
from submitter.http_session import proxy_for
from submitter.network_reasons import trouble

if TYPE_CHECKING:
    from submitter.http_session import HttpSession
    from submitter.settings import Settings

_WHERE = "The token endpoint"
# RFC 6749, section 5.2, what oauthlib adds, and Entra ID's: any other text may repeat what it was sent.
_KNOWN_REASONS = {
    *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client"),
    *("unsupported_grant_type", "access_denied", "temporarily_unavailable", "server_error", "missing_token"),
}
_ENTRA_NUMBER = re.compile(r"AADSTS\d{4,8}")
_SHORTEST_SECRET = 4


def fetch_token(session: HttpSession, settings: Settings) -> requests.Response | None:
    """Fetch a new token into the session; return the answer that brought it.

    Raises AuthenticationError when the client is refused, ReceiverUnavailableError when there is no answer.
    """
    answers: list[requests.Response] = []

    def note(response: requests.Response) -> requests.Response:
        answers.append(response)
        return response

    session.register_compliance_hook("access_token_response", note)
    try:
        session.fetch_token(
            settings.token_endpoint,
            client_secret=settings.client_secret.get_secret_value(),
            include_client_id=True,
            timeout=(settings.csc_connect_timeout_seconds, settings.csc_read_timeout_seconds),
        )
    except OAuth2Error as error:
        status = answers[-1].status_code if answers else 0
        if status >= requests.codes.internal_server_error or status == requests.codes.too_many_requests:
            raise ReceiverUnavailableError(f"{_WHERE} answers {status}.", "Try again later.") from None
        raise AuthenticationError(
            f"{_WHERE} gave no token (status {status}, {_reason(error)}).", "Check CLIENT_ID, CLIENT_SECRET and SCOPE."
        ) from None
    except requests.RequestException as error:  # some of them are ValueErrors too
        url = settings.token_endpoint
        why = trouble(error, urlsplit(url).hostname or "", proxy_for(url, settings))
        raise ReceiverUnavailableError(
            f"{_WHERE} cannot be reached: {why.reason}.", f"{why.next_step} Check TOKEN_ENDPOINT too."
        ) from None
    except (ValueError, TypeError, AttributeError):  # what oauthlib makes of an answer that is no token's
        status = answers[-1].status_code if answers else 0
        raise AuthenticationError(
            f"{_WHERE} gave no token but something that cannot be read (status {status}).",
            "Check TOKEN_ENDPOINT; a proxy may have answered in its place.",
        ) from None
    finally:
        session.compliance_hook["access_token_response"].clear()
    return answers[-1] if answers else None


def without_secrets(text: str, token: str, settings: Settings) -> str:
    """Return what a server said without the secrets that it was sent."""
    for secret in (token, settings.supplier_key.get_secret_value(), settings.client_secret.get_secret_value()):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "...")
    return text


def _reason(error: OAuth2Error) -> str:
    code = error.error if error.error in _KNOWN_REASONS else "no reason that is known"
    number = _ENTRA_NUMBER.search(str(error.description or ""))
    return f"{code}, {number[0]}" if number else str(code)
