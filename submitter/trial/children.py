"""What the readers of the two returns have in common: a child's records, referrals and invented ids."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.trial.ssd import text_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from submitter.trial.ssd import Record, Value


@dataclass(frozen=True)
class Referral:
    """A referral and the days it was open; no end: still open."""

    id: str
    start: date | None
    end: date | None

    def is_open_on(self, day: date) -> bool:
        """Tell whether the referral was open on that day, both ends included."""
        return (self.start is None or self.start <= day) and (self.end is None or self.end >= day)

    def overlaps(self, start: date, end: date | None) -> bool:
        """Tell whether the referral was open on some day of a period; no end: the period goes on."""
        return (end is None or self.start is None or self.start <= end) and (self.end is None or self.end >= start)


@dataclass(frozen=True)
class ReturnedChild:
    """A child as a return tells it: the row of ssd_person, the rows of all other tables, the referrals."""

    child_id: str
    person: Mapping[str, Value]
    records: Sequence[Record]
    referrals: Sequence[Referral] = ()


class InventedIds:
    """Ids for one child's records, which a return does not have.

    An id is a hash of the child's id, the kind of record, the dates or codes that tell it from others, and its
    position among those that are alike. The same return gives the same ids again, and a record that was added
    elsewhere in the return changes none. Every id matches `^[A-Za-z0-9_-]{1,36}$`.
    """

    def __init__(self, child_id: str) -> None:
        self._child_id = child_id
        self._alike: Counter[str] = Counter()

    def new(self, kind: str, *facts: object) -> str:
        """Return the id of the child's next record of this kind with these facts."""
        record = "\x1f".join((self._child_id, kind, *("" if fact is None else str(fact) for fact in facts)))
        self._alike[record] += 1
        text = f"{record}\x1f{self._alike[record]}"
        return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def longest_child_id() -> int:
    """Return how many characters a child's id may have in the SSD."""
    length = text_lengths()["pers_person_id"]
    assert length is not None
    return length
