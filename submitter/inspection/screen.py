"""What the command diff prints. Without `show_values` nothing in it names a child but its ids."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from submitter.answers import redacted
from submitter.audit.rejected import PUT_BACK
from submitter.inspection.compare import AttributeChange, Fate, changes, parsed
from submitter.reference import attributes, code_sets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from submitter.inspection.child import ChildRow
    from submitter.inspection.compare import RecordChange
    from submitter.reference import Attribute

_MOST_CHANGES = 30
_LONGEST_VALUE = 60
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RECEIPT = re.compile(r"[\w.:-]{1,120}")
_BIRTHS = {"date_of_birth", "expected_date_of_birth"}


def screen(row: ChildRow, *, show_values: bool, show_all: bool) -> list[str]:
    """Return the lines about one child."""
    return [
        *_head(row, show_values=show_values),
        "",
        *_reasons(row),
        *_sizes(row),
        *_changes(row, show_values=show_values, show_all=show_all),
    ]


def _head(row: ChildRow, *, show_values: bool) -> Iterator[str]:
    yield f"Child {row.person_id}"
    since = f", row last changed {row.last_updated} UTC" if row.last_updated else ""
    yield f"  state     {row.row_state or '-'}, {row.submission_status or '-'}{since}"
    if row.submission_timestamp is None and row.api_response is None:
        yield "  answer    none yet"
        return
    put_back = (row.api_response or "").startswith(PUT_BACK)
    response = (row.api_response or "").removeprefix(PUT_BACK) or "-"
    kind = f"rejected, {row.error_count} times in a row" if row.error_count else "accepted"
    kind = "rejected, since put back to be tried again" if put_back else kind
    when = f" {row.submission_timestamp} UTC" if row.submission_timestamp else ""
    if not show_values:
        response = _impersonal(response, row, is_receipt=not (put_back or row.error_count))
    yield f"  answer    {kind}{when}: {response}"


def _impersonal(response: str, row: ChildRow, *, is_receipt: bool) -> str:
    """Return a receipt as it is, a reason without anything that the payloads say: an earlier tool may have kept it."""
    if is_receipt and _RECEIPT.fullmatch(response):
        return response
    said = f"{row.json_payload} {row.previous_json_payload}"
    return "; ".join(redacted(part, said) for part in response.split("; "))


def _reasons(row: ChildRow) -> Iterator[str]:
    """Say what happens to the child when csc-submit runs, and why."""
    if row.inflight_payload is not None:
        what = "A purge" if row.full_in_flight is None else "A payload"
        yield f"{what} is in flight (batch {row.inflight_batch_id}, {_bytes(row.inflight_payload)}), without an answer."
        if row.full_in_flight == (None if row.row_state == "deleted" else row.json_payload):
            yield "It goes again, byte for byte; once it is accepted, nothing is left to send."
            return
        yield "It goes again first, byte for byte; after that, what is said below."
    if row.doubted_payloads is not None:
        yield "The receiver refused a payload that it may have taken before: it is not certain which version it holds."
    yield _reason(row)


def _reason(row: ChildRow) -> str:
    status, deleted = row.submission_status, row.row_state == "deleted"
    if status == "held":
        return "Nothing goes: the child is held until its payload changes."
    if status == "sent":
        return (
            "Nothing goes: the child left, and the receiver took the purge."
            if deleted
            else "Nothing goes: the receiver holds what was last built."
        )
    if deleted:
        what = "A purge of the whole child goes: it is in the payloads no longer, and the receiver holds it, or may."
    elif row.previous_json_payload is None and row.previous_hash is None:
        what = "The whole payload goes: the receiver never accepted the child, or took its purge."
    elif row.previous_json_payload is None:
        what = "The whole payload goes: an earlier pipeline sent the child, and what the receiver holds is not known."
    elif row.partial_json_payload is None:
        what = "The whole payload goes: no partial one was built."
    elif row.doubted_payloads is not None or row.inflight_payload is not None:
        what = "The whole payload goes, with purges and nulls for whatever any version had."
    else:
        what = "A partial payload goes: what changed since the receiver last accepted the child."
    return f"{what} It was rejected before: it goes last, apart from the others." if status == "error" else what


def _sizes(row: ChildRow) -> Iterator[str]:
    if row.json_payload is not None and row.row_state != "deleted":
        partial = _bytes(row.partial_json_payload) if row.partial_json_payload is not None else "none"
        yield f"Size: partial {partial}, full {_bytes(row.full_json_payload or row.json_payload)}."


def _bytes(text: str) -> str:
    return f"{len(text.encode()):,} bytes"


def _changes(row: ChildRow, *, show_values: bool, show_all: bool) -> Iterator[str]:
    held = parsed(row.previous_json_payload)
    if row.previous_json_payload is not None and held is None:
        yield ""
        yield "What the receiver last accepted cannot be read as JSON: there is nothing to compare with."
        return
    current = None if row.row_state == "deleted" else parsed(row.json_payload)
    if held is None and current is None:
        return
    found = changes(held, current)
    yield ""
    if not found:
        yield "The receiver last accepted the same."
        return
    yield "Compared with what the receiver last accepted:" if held is not None else "The receiver accepted nothing yet:"
    shown = found if show_all else found[:_MOST_CHANGES]
    for change in shown:
        yield f"  {change.fate.value:<9} {change.where}{_details(change, show_values=show_values)}"
    if len(shown) < len(found):
        yield f"  and {len(found) - len(shown):,} more: --all shows them"


def _details(change: RecordChange, *, show_values: bool) -> str:
    if change.fate is not Fate.CHANGED:
        contents = ", ".join(f"{number} {name}" for name, number in change.contents)
        return f", with {contents}" if contents else ""
    return ": " + "; ".join(_attribute(each, show_values=show_values) for each in change.attributes)


def _attribute(change: AttributeChange, *, show_values: bool) -> str:
    """Write what became of an attribute, with its values only where they may be shown."""
    if not show_values and not (_may_show(change.path, change.held) and _may_show(change.path, change.current)):
        verb = "cleared" if change.current is None else "set" if change.held is None else "changed"
        return f"{change.name} {verb}"
    if change.current is None:
        return f"{change.name} cleared (was {_value(change.held)})"
    if change.held is None:
        return f"{change.name} set to {_value(change.current)}"
    return f"{change.name} {_value(change.held)} -> {_value(change.current)}"


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _may_show(path: str, value: object) -> bool:
    """Tell whether a value is an id, a code, a flag, or a date that is no date of birth; all else is hidden."""
    if isinstance(value, list):
        return all(_may_show(path, item) for item in value)
    if value is None or isinstance(value, bool):
        return True
    attribute = _by_path().get(path)
    if attribute is None or attribute.path.rpartition(".")[2] in _BIRTHS:
        return False
    if attribute.values in code_sets():
        return value in code_sets()[attribute.values]
    pattern = _ID if attribute.values == "id" else _DATE if attribute.type == "date" else None
    return pattern is not None and pattern.fullmatch(str(value)) is not None


@cache
def _by_path() -> Mapping[str, Attribute]:
    return {attribute.path.removesuffix("[]"): attribute for attribute in attributes()}
