"""Invented children, with records in every SSD table and the dirt that real extracts have.

Nobody is meant: names are made of obviously invented parts, postcodes of an area that does not exist.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from submitter.trial.dirt import soiled
from submitter.trial.draw import Deck, Draw
from submitter.trial.invent_records import UASC_STATUSES, Child, RecordMaker, Span, window_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from submitter.trial.ssd import Record

_CHILDREN_A_WORKER = 20
# One child in so many has a person id that the receiver cannot take, so that a trial shows what a rejection is.
_CHILDREN_A_BAD_ID = 300
_BAD_ID_OFFSET = 30

# Lives, as parts of a thousand: about 60 % of the children have a referral that overlaps the cohort window.
_LIVES = (
    ("in need", 400),
    ("looked after", 140),
    ("care leaver", 60),
    ("unborn", 15),
    ("deceased", 5),
    ("over age", 25),
    ("closed long ago", 265),
    ("no episode", 90),
)


def invented_children(
    children: int, seed: int | str, run_date: date, first: int = 1, workers: int = 0
) -> Iterator[Record]:
    """Yield the SSD records of that many invented children, a child at a time.

    The same arguments give the same records; more children with the same seed begin with the same ones. Dates are
    set about `run_date`, so that about 60 % of the children are in the cohort of that day. From 1,000 children on,
    every block of the payload and every code of every code set occurs. A few per cent of the records are spoiled
    (see dirt), and one child in 300 has a person id that the receiver refuses.

    Children who join others are numbered from `first`; so many `workers` are known already.
    """
    return soiled(_Inventor(seed, run_date, workers).records(first, children), seed)


def clean_children(children: int, seed: int | str, run_date: date) -> Iterator[Record]:
    """Yield the records of invented children in the same way, none of them spoiled and no id refused."""
    return _Inventor(seed, run_date, 0, clean=True).records(1, children)


class _Inventor:
    def __init__(self, seed: int | str, run_date: date, workers: int, *, clean: bool = False) -> None:
        self._clean = clean
        self._draw = Draw(seed)
        self._today = run_date
        self._window_start = window_start(run_date)
        self._make = RecordMaker(self._draw, run_date, workers)
        # every life comes round in its share, so that small trials have rare ones too
        self._lives = Deck(self._draw, [life for life, share in _LIVES for _ in range(share // 5)])

    def records(self, first: int, children: int) -> Iterator[Record]:
        for number in range(first, first + children):
            if number % _CHILDREN_A_WORKER == 1:
                yield self._make.worker()
            yield from self._child(number)

    def _child(self, number: int) -> Iterator[Record]:
        child = self._new_child(number)
        yield self._make.person(child)
        yield from self._make.identity(child)
        yield from self._make.addresses(child)
        if child.life in {"in need", "deceased", "unborn"}:
            yield from self._life_in_need(child)
        elif child.life == "looked after":
            yield from self._life_looked_after(child)
        elif child.life == "care leaver":
            yield from self._life_of_care_leaver(child)
        elif child.life == "over age":
            yield from self._life_over_age(child)
        elif child.life == "closed long ago":
            yield from self._life_before(child)

    def _new_child(self, number: int) -> Child:
        draw, today = self._draw, self._today
        life = self._lives.deal()
        person_id = f"C{number:07d}"
        if not self._clean and number % _CHILDREN_A_BAD_ID == _BAD_ID_OFFSET:
            life = "in need"
            odd = number // _CHILDREN_A_BAD_ID % 2
            person_id = f"{person_id}-moved-from-the-former-case-system" if odd else f"C {number:07d}"
        ages = {"care leaver": (17, 25), "over age": (29, 34), "closed long ago": (6, 18), "unborn": (0, 0)}
        youngest, oldest = ages.get(life, (0, 17))
        days = (youngest * 365, oldest * 365 + 180)
        born = today - timedelta(days=days[0] + draw.below(days[1] - days[0]))
        if life == "unborn":
            return Child(number, person_id, life, None, today - timedelta(days=120))
        return Child(number, person_id, life, born, born)

    def _life_in_need(self, child: Child) -> Iterator[Record]:
        draw = self._draw
        if child.born is not None and draw.chance(0.25):
            yield from self._old_referral(child)
        start = draw.day(max(child.begins, self._window_start - timedelta(300)), self._today - timedelta(2))
        end = None
        if draw.chance(0.5):
            end = draw.day(max(start, self._window_start), self._today)
        yield from self._make.referral(child, Span(start, end))

    def _life_looked_after(self, child: Child) -> Iterator[Record]:
        draw = self._draw
        start = draw.day(max(child.begins, self._today - timedelta(1800)), self._today - timedelta(60))
        referral_id = child.new_id("RE")
        yield from self._make.referral(child, Span(start, None), referral_id)
        came_into_care = draw.day(start, min(start + timedelta(200), self._today - timedelta(30)))
        ended = draw.chance(0.4)
        first = max(came_into_care, self._window_start)
        left_care = draw.day(first, self._today) if ended else None
        cla_id = child.new_id("CL")
        yield from self._make.care(child, referral_id, cla_id, Span(came_into_care, left_care))
        if draw.chance(0.15):
            yield self._make.permanence(child, cla_id, came_into_care)
        if draw.chance(0.12):
            yield self._make.immigration_status(child, draw.pick(UASC_STATUSES))
        for _ in range(draw.below(3)):
            yield self._make.sdq_score(child)

    def _life_of_care_leaver(self, child: Child) -> Iterator[Record]:
        draw = self._draw
        start = draw.day(child.birthday(13), child.birthday(15))
        referral_id = child.new_id("RE")
        yield from self._make.referral(child, Span(start, None), referral_id)
        left_care = min(draw.day(child.birthday(16), child.birthday(18)), self._today)
        cla_id = child.new_id("CL")
        came_into_care = draw.day(start, start + timedelta(300))
        yield from self._make.care(child, referral_id, cla_id, Span(came_into_care, left_care))
        if draw.chance(0.1):
            yield self._make.immigration_status(child, draw.pick(UASC_STATUSES))
        for _ in range(1 + draw.below(2)):
            yield self._make.care_leaver(child)

    def _life_over_age(self, child: Child) -> Iterator[Record]:
        """Yield an open referral, so that nothing but the age keeps the person out of the cohort."""
        start = self._draw.day(child.birthday(16), self._today)
        yield from self._make.referral(child, Span(start, None))

    def _life_before(self, child: Child) -> Iterator[Record]:
        for _ in range(1 + self._draw.below(2)):
            yield from self._old_referral(child)

    def _old_referral(self, child: Child) -> Iterator[Record]:
        draw = self._draw
        first, last = max(child.begins, self._window_start - timedelta(4000)), self._window_start
        start = draw.day(first, max(first, last - timedelta(400)))
        end = draw.day(start, min(start + timedelta(350), max(start, last - timedelta(1))))
        yield from self._make.referral(child, Span(start, end))
