"""The SSD records of a CIN census return, an SSDA903 return, or both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from submitter.trial.children import Referral
    from submitter.trial.cin_census import CinCensus
    from submitter.trial.ssd import Value
    from submitter.trial.ssda903 import Ssda903


def combined(cin_census: CinCensus | None, ssda903: Ssda903 | None) -> CombinedReturns:
    """Return the records of one return, or of two of which some children are in both.

    A child is in both when LAchildID and CHILD are the same. Such a child has one row of ssd_person: what the CIN
    census says, completed by the SSDA903 return where that says nothing. Placements then hang under the child's
    referral of the CIN census (see ssda903).
    """
    return CombinedReturns(cin_census, ssda903)


class CombinedReturns:
    """Records to load, and what was noticed on the way; the numbers are complete once `rows` is used up.

    `in_both` counts children that are in both returns; `births_differing` those of them with two dates of birth,
    of which more than a few mean that the two returns do not number children alike.
    """

    def __init__(self, cin_census: CinCensus | None, ssda903: Ssda903 | None) -> None:
        self.in_both = 0
        self.births_differing = 0
        self._cin_census = cin_census
        self._ssda903 = ssda903
        self.rows = self._records()

    @property
    def not_understood(self) -> int:
        """How many values were left null because they could not be used."""
        return sum(each.tally.not_understood for each in (self._cin_census, self._ssda903) if each is not None)

    def _records(self) -> Iterator[Record]:
        looked_after = {} if self._ssda903 is None else self._ssda903.children
        referrals: dict[str, list[Referral]] = {}
        for child in self._cin_census or ():
            if child.child_id not in referrals:
                other = looked_after.get(child.child_id)
                person = child.person if other is None else self._completed(child.person, other.person)
                yield Record("ssd_person", person)
            # a census may bring a child twice: one person, all the referrals
            referrals.setdefault(child.child_id, []).extend(child.referrals)
            yield from child.records
        for child_id, looked_after_child in looked_after.items():
            if child_id not in referrals:
                yield Record("ssd_person", looked_after_child.person)
            yield from looked_after_child.read(referrals.get(child_id, ())).records

    def _completed(self, person: Mapping[str, Value], other: Mapping[str, Value]) -> dict[str, Value]:
        self.in_both += 1
        births = {person.get("pers_dob"), other.get("pers_dob")} - {None}
        self.births_differing += len(births) > 1
        told = {column: value for column, value in person.items() if value is not None}
        return {**other, **told}
