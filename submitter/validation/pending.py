"""What waits, page by page, and how children whose payload breaks the schema are held and let go again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from submitter.connection import Statement
from submitter.receiver.schema import breaches
from submitter.state import Status, now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from submitter.audit.tables import Tables
    from submitter.connection import Connection

HELD = "held"
# What api_response begins with while a child is held by this command, and by nothing else.
MARK = "does not fit the schema: "
PAGE = 200
_LONGEST_REASON = 500
_EXAMPLES = 3


@dataclass(frozen=True)
class Waiting:
    """A child that waits: the text that would go out, whether that is the whole payload, the hash of what was built."""

    person_id: str
    text: str | None
    is_whole: bool
    built: bytes | None
    is_held: bool


@dataclass
class Summary:
    """How many children were looked at, and of each reason how many and which, for example."""

    looked_at: int = 0
    invalid: int = 0
    released: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, person_id: str, reasons: Sequence[str]) -> None:
        """Count an invalid child, once under each of its reasons; positions in lists do not matter."""
        self.invalid += 1
        for reason in dict.fromkeys(_without_positions(reason) for reason in reasons):
            self.reasons[reason] += 1
            self.examples.setdefault(reason, [])
            if len(self.examples[reason]) < _EXAMPLES:
                self.examples[reason].append(person_id)


class PendingPayloads:
    """The payloads of one state table that wait, and those held by this command before.

    `sends_deltas` says which text goes out for a child that the receiver knows, as for a run.
    """

    def __init__(self, connection: Connection, tables: Tables, *, sends_deltas: bool) -> None:
        self._connection = connection
        self._tables = tables
        self._server = connection.engine == "sqlserver"
        self._column = "partial_json_payload" if sends_deltas else "full_json_payload"

    def validate(self, *, dry_run: bool) -> Summary:
        """Hold every pending child whose payload is invalid and let go every held one whose payload is valid.

        One statement a page for each of the two. With `dry_run` nothing is changed.
        """
        summary = Summary()
        for page in self._pages():
            wrong: list[tuple[Waiting, str]] = []
            right: list[Waiting] = []
            for child in page:
                reasons = _reasons(child)
                if reasons:
                    summary.add(child.person_id, reasons)
                    wrong.append((child, (MARK + "; ".join(reasons))[:_LONGEST_REASON]))
                elif child.is_held:
                    right.append(child)
            summary.looked_at += len(page)
            summary.released += len(right)
            if not dry_run:
                self._mark(HELD, [(child, reason) for child, reason in wrong if not child.is_held])
                self._mark(Status.PENDING.value, [(child, None) for child in right])
        return summary

    def _pages(self) -> Iterator[list[Waiting]]:
        last = ""
        while page := self._page(last):
            yield page
            last = page[-1].person_id

    def _page(self, after: str) -> list[Waiting]:
        rows = self._connection.transaction(
            Statement(
                f"select person_id, coalesce({self._column}, json_payload), "
                f"case when {self._column} is null then 1 else 0 end, current_hash, {self._tables.status} "
                f"from {self._tables.state} "
                f"where ({self._tables.status} = ? or ({self._tables.status} = ? and api_response like ?)) "
                "and inflight_payload is null and person_id > ? "
                f"order by person_id offset 0 rows fetch next {PAGE} rows only",
                [Status.PENDING.value, HELD, f"{MARK}%", after],
            )
        )
        return [Waiting(str(row[0]), row[1], row[2] == 1, row[3], str(row[4]).lower() == HELD) for row in rows]

    def _mark(self, status: str, children: Sequence[tuple[Waiting, str | None]]) -> None:
        """Give children a status and a reason, all in one statement, unless dbt has built another payload meanwhile."""
        if not children:
            return
        key, text, content = (
            ("nvarchar(48)", "nvarchar(max)", "varbinary(32)") if self._server else ("varchar", "varchar", "blob")
        )
        row = f"(cast(? as {key}), cast(? as {text}), cast(? as {content}))"
        these = f"(values {', '.join([row] * len(children))}) as child (person_id, reason, built)"
        changes = "submission_status = ?, api_response = child.reason, last_updated = ?"
        match = "child.person_id = state.person_id and child.built = state.current_hash"
        still = "state.inflight_payload is null and state.submission_status <> ?"
        state = self._tables.state
        sql = (
            f"update state set {changes} from {state} as state inner join {these} on {match} where {still}"
            if self._server
            else f"update {state} as state set {changes} from {these} where {match} and {still}"
        )
        values = [value for child, reason in children for value in (child.person_id, reason, child.built)]
        self._connection.transaction(Statement(sql, [status, now(), *values, status]))


def _reasons(child: Waiting) -> list[str]:
    """Return why a payload is invalid, each reason a path and a rule, never a value; empty when it is valid."""
    try:
        parsed = json.loads(child.text or "")
    except (ValueError, RecursionError):
        return ["payload: is not JSON"]
    return [str(breach) for breach in breaches(parsed, partial=not child.is_whole)]


def _without_positions(reason: str) -> str:
    path, colon, rule = reason.partition(": ")
    return (
        "".join(part.partition("]")[2] if number else part for number, part in enumerate(path.split("[")))
        + colon
        + rule
    )
