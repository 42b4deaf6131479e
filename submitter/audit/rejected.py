"""The children that the receiver rejected: why, and how they are put back to pending."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.answers import redacted
from submitter.audit.tables import marks
from submitter.connection import Statement
from submitter.state import Status, now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from submitter.audit.tables import Tables
    from submitter.connection import Connection

AT_ONCE = 1000
_PAYLOADS_AT_ONCE = 200
_EXAMPLES = 3
_INDEX = re.compile(r"\[\d+\]")
# What api_response begins with once a child was put back: its error_count is 0 again, and yet this is no receipt.
PUT_BACK = "put back: "


@dataclass(frozen=True)
class Rejected:
    """A rejected child; `reasons` hold nothing personal. `rejected_at` is UTC."""

    person_id: str
    row_state: str
    rejected_at: datetime | None
    times: int
    reasons: tuple[str, ...]

    def has(self, text: str) -> bool:
        """Whether a reason holds a text, in capitals or not."""
        return any(text.casefold() in reason.casefold() for reason in self.reasons)


@dataclass(frozen=True)
class Reason:
    """A reason, how many children were rejected for it, and the ids of some."""

    text: str
    children: int
    examples: tuple[str, ...]


class RejectedChildren:
    """The children with the status error that are not in flight. Held ones are never among them."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self._connection = connection
        self._state = tables.state
        self._rejected = f"{tables.status} = ? and inflight_payload is null"

    def all(self) -> Iterator[Rejected]:
        """Yield every rejected child with its reasons, in order of person id, a page in memory at once."""
        last = ""
        while page := self._page(last):
            yield from page
            last = page[-1].person_id

    def ids(self) -> list[str]:
        """Return the ids of all rejected children."""
        rows = self._connection.transaction(
            Statement(
                f"select person_id from {self._state} where {self._rejected} order by person_id", [Status.ERROR.value]
            )
        )
        return [str(row[0]) for row in rows]

    def among(self, person_ids: Sequence[str]) -> list[str]:
        """Return which of these children are rejected."""
        found: list[str] = []
        for some in _chunks(person_ids):
            rows = self._connection.transaction(
                Statement(
                    f"select person_id from {self._state} where {self._rejected} and person_id in ({marks(len(some))})",
                    [Status.ERROR.value, *some],
                )
            )
            found += [str(row[0]) for row in rows]
        return found

    def put_back(self, person_ids: Sequence[str]) -> None:
        """Make rejected children pending, a statement and a transaction for each thousand; leave others as they are."""
        for some in _chunks(person_ids):
            self._connection.transaction(
                Statement(
                    f"update {self._state} set submission_status = ?, error_count = 0, "
                    f"api_response = concat('{PUT_BACK}', api_response), last_updated = ? "
                    f"where {self._rejected} and person_id in ({marks(len(some))})",
                    [Status.PENDING.value, now(), Status.ERROR.value, *some],
                )
            )

    def _page(self, after: str) -> list[Rejected]:
        rows = self._connection.transaction(
            Statement(
                "select person_id, lower(coalesce(row_state, '')), submission_timestamp, coalesce(error_count, 0), "
                f"api_response, json_payload, previous_json_payload from {self._state} "
                f"where {self._rejected} and person_id > ? order by person_id "
                f"offset 0 rows fetch next {_PAYLOADS_AT_ONCE} rows only",
                [Status.ERROR.value, after],
            )
        )
        return [
            Rejected(str(row[0]), str(row[1]), row[2], int(row[3]), _reasons(row[4], f"{row[5]} {row[6]}"))
            for row in rows
        ]


def grouped(children: Iterable[Rejected]) -> list[Reason]:
    """Return the reasons, the most frequent first. A child with several is counted under each."""
    counts: dict[str, int] = defaultdict(int)
    examples: dict[str, list[str]] = defaultdict(list)
    for child in children:
        for reason in child.reasons:
            counts[reason] += 1
            if len(examples[reason]) < _EXAMPLES:
                examples[reason].append(child.person_id)
    return [
        Reason(text, children, tuple(examples[text]))
        for text, children in sorted(counts.items(), key=lambda count: (-count[1], count[0]))
    ]


def _reasons(response: str | None, payloads: str) -> tuple[str, ...]:
    """Take a response apart: positions in lists left out, and all that the payloads say, which an earlier tool kept."""
    parts = [redacted(part, payloads) for part in (response or "").split("; ")]
    return tuple(dict.fromkeys(_INDEX.sub("[]", part) for part in parts if part)) or ("no reason was given",)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
