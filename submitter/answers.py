"""What an answer of the receiver means for each child of a request. Nothing here sends or stores anything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from requests import codes

from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from submitter.errors import SubmitError

_LONGEST_REASON = 500
# The moment, then an id; what is known of the rest varies, but a text that no database can hold is none.
_RECEIPT = re.compile(r"\d{4}-\d{2}-\d{2}[^\s\x00-\x1f\ud800-\udfff]+")
# `[3].child_details.sex: ...`; an index right after a name belongs to a path. The quotes and escapes of a JSON
# answer end a reason as a line end does.
_RECORD = r"(?<![\w\]])\[(?P<index>\d{1,4})\]"
_NEXT_RECORD = r"[,;\s]*(?<![\w\]])\[\d{1,4}\]"
_INDEXED = re.compile(rf"""{_RECORD}(?P<rest>[^\r\n"\\]*?)(?={_NEXT_RECORD}|[\r\n"\\]|$)""")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
_WORD = re.compile(r"[^\W_]+")
_PATH = re.compile(r"^\.?(?P<path>[A-Za-z0-9_.\[\]-]+)\s*:\s*")


def is_worth_another_try(status: int | None) -> bool:
    """Whether the same request may well come to something later; a status of None is no answer at all."""
    return is_outage(status) or status in {codes.forbidden, codes.too_many_requests}


def is_outage(status: int | None) -> bool:
    """Whether the receiver may have taken the request although it did not say so."""
    return status is None or status >= codes.internal_server_error


def failure(status: int | None) -> SubmitError | None:
    """Return why a run cannot go on after this status; None when it can. 401 is the token's matter."""
    settled = {codes.unauthorized, codes.bad_request, codes.unprocessable_entity, codes.request_entity_too_large}
    if status is None or is_worth_another_try(status) or status in settled or status // 100 == 2:  # noqa: PLR2004
        return None
    return ConfigurationError(
        f"There is nothing to post to at this address (HTTP {status}).", "Check API_ENDPOINT and LA_CODE."
    )


def receipts(body: bytes, records: int) -> list[str] | None:
    """Return one receipt a record from the body of a 200; None when the body says anything else.

    Receipts name no child, so their order cannot be checked: all of the request is accepted, or nothing is.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, list) or len(parsed) != records:
        return None
    if not all(isinstance(receipt, str) and _RECEIPT.fullmatch(receipt.strip()) for receipt in parsed):
        return None
    return parsed if len(set(parsed)) == records else None


def rejections(text: str, payloads: Sequence[str]) -> dict[int, str]:
    """Return the reason of every record that a 400 names by index; empty when it names none of ours."""
    found: dict[int, list[str]] = {}
    for match in _INDEXED.finditer(text):
        index = int(match["index"])
        if index < len(payloads):
            found.setdefault(index, []).append(redacted(match["rest"], payloads[index]))
    return {index: "; ".join(dict.fromkeys(reasons))[:_LONGEST_REASON] for index, reasons in found.items()}


def redacted(reason: str, payload: str) -> str:
    """Return a receiver's reason without anything the payload says of the child.

    The attribute's path stays. Of the message, words that occur in a value of the payload and words with a digit
    become `...`: receivers quote names and dates of birth when they complain about them.
    """
    path_match = _PATH.match(reason)
    path = path_match["path"].strip(".") if path_match else ""
    message = reason[path_match.end() :] if path_match else reason
    # A string before a colon is an attribute's name; the others are what the payload says of the child.
    values = [_unescaped(text) for text, colon in _STRING.findall(payload) if not colon]
    said = {word.casefold() for value in values for word in _WORD.findall(value)}

    def masked(match: re.Match[str]) -> str:
        word = match[0]
        return "..." if word.casefold() in said or any(sign.isdigit() for sign in word) else word

    clean = _WORD.sub(masked, message).strip()
    return (f"{path}: {clean}" if path and clean else path or clean)[:_LONGEST_REASON]


def _unescaped(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"'))
    except ValueError:
        return value
