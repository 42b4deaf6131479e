"""One invented child, sent to a test receiver and purged again. It touches no database."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from requests import codes

from submitter import answers
from submitter.endpoint import Endpoint, Token
from submitter.errors import AuthenticationError, ConfigurationError, ExitCode, ReceiverUnavailableError

if TYPE_CHECKING:
    from submitter.diagnostics.report import Report
    from submitter.endpoint import Answer
    from submitter.settings import Settings


def send_invented_record(settings: Settings, report: Report) -> None:
    """Send an invented child whose id no authority has, and purge it again unless it certainly never arrived.

    Raises ConfigurationError for a live receiver, AuthenticationError or ReceiverUnavailableError as a run would.
    """
    if settings.is_live:
        raise ConfigurationError(
            "An invented child is never sent to a live receiver.", "Leave --test-record out, or set a test receiver."
        )
    person_id = f"csc-test-{secrets.token_hex(6)}"
    details = {"sex": "U", "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    child = json.dumps({"la_child_id": person_id, "purge": False, "child_details": details})
    endpoint, token = Endpoint(settings), Token(settings)
    try:
        answer = endpoint.post([child], token.fresh())
        if answer.status != codes.ok and not _may_be_held(answer):
            _refused(answer, child, report)
            return
        accepted = answer.status == codes.ok and answers.receipts(answer.body, 1) is not None
        purge = json.dumps({"la_child_id": person_id, "purge": True})
        purged = endpoint.post([purge], token.fresh())
    finally:
        endpoint.close()
        token.close()
    if accepted:
        report.ok(
            "test record", f"the invented child {person_id} was accepted in {answer.milliseconds} ms{_id(answer)}"
        )
    else:
        report.failed(
            "test record", f"No clear answer ({_said(answer)}). Try again later.", ExitCode.RECEIVER_UNAVAILABLE
        )
    if purged.status == codes.ok:
        report.ok("test record", f"{person_id} was purged again{_id(purged)}")
    else:
        report.failed(
            "test record",
            f"The purge of {person_id} was not accepted ({_said(purged)}). The test receiver may go on holding it.",
            ExitCode.RECEIVER_UNAVAILABLE,
        )


def _may_be_held(answer: Answer) -> bool:
    """Whether the receiver may have taken the child although it does not say so."""
    return answer.taken and (
        answer.status is None or answer.status >= codes.internal_server_error or answer.status < codes.multiple_choices
    )


def _refused(answer: Answer, child: str, report: Report) -> None:
    if answer.status in {codes.unauthorized, codes.forbidden}:
        raise AuthenticationError(
            f"The receiver refuses the invented child ({_said(answer)}).",
            "Check LA_CODE, SUPPLIER_KEY, SCOPE and the client's registration.",
        )
    if answer.status == codes.not_found:
        raise ConfigurationError(
            "There is nothing to post to at this address (HTTP 404).", "Check API_ENDPOINT and LA_CODE."
        )
    if answer.status is None or answer.status == codes.too_many_requests:
        raise ReceiverUnavailableError(f"The receiver did not take it ({_said(answer)}).", "Try again later.")
    reason = answers.rejections(answer.text, [child]).get(0) or answers.redacted(answer.text, child)
    report.failed("test record", f"rejected ({_said(answer)}): {reason}", ExitCode.SOME_REJECTED)


def _said(answer: Answer) -> str:
    return f"HTTP {answer.status}{_id(answer)}" if answer.status else answer.text


def _id(answer: Answer) -> str:
    return f", request id {answer.request_id[:128]}" if answer.request_id else ""
