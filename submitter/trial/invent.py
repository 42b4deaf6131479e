"""Invented children, with records in every SSD table and the dirt that real extracts have.

Nobody is meant: names are made of obviously invented parts, postcodes of an area that does not exist.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from submitter.reference import code_sets
from submitter.trial.dirt import soiled
from submitter.trial.draw import Deck, Draw
from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORENAME_STARTS = ("Al", "Bri", "Cor", "Dal", "El", "Fen", "Gwi", "Hal", "Il", "Jo", "Kes", "Lor", "Mi", "Nor", "Ot")
_FORENAME_ENDS = ("ano", "belle", "cento", "dora", "entha", "fina", "grim", "havo", "isko", "linda", "mond", "wyn")
_SURNAME_STARTS = ("Example", "Fable", "Invented", "Made", "Mock", "Nobody", "Pretend", "Sample", "Story", "Test")
_SURNAME_ENDS = ("borough", "by", "croft", "dale", "field", "ford", "ham", "ley", "son", "stone", "thorpe", "wick")
_TEAMS = ("Assessment North", "Assessment South", "Safeguarding East", "Safeguarding West", "Permanence", "Transitions")
_NEEDS = ("N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "N9")
_ABUSE = ("NEG", "PHY", "SAB", "EMO", "MUL")
_NATIONALITIES = ("GBR", "IRL", "POL", "ROU", "SYR", "AFG", "SDN", "ERI")
_UASC_STATUSES = ("UASC", "Unaccompanied Asylum Seeking Child (UASC)", "uasc - awaiting decision", "Former UASC")
_OTHER_STATUSES = ("Indefinite leave to remain", "Refugee status", "Limited leave to remain")
_IN_TOUCH = ("YES", "NO", "DIED", "REFU", "NREQ", "RHOM")
_ELIGIBILITIES = ("Relevant", "Former relevant", "Qualifying", "Eligible")
_PROVIDERS = ("PR0", "PR1", "PR2", "PR3", "PR4", "PR5")
_OTHER_ROLES = ("IRO", "PA", "FSW", "ADV")
_SDQ_REASONS = ("SDQ1", "SDQ2", "SDQ3", "SDQ4", "SDQ5")
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"

_CHILDREN_A_WORKER = 20
_WORKERS_NEAR = 30
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


def invented_children(children: int, seed: int, run_date: date) -> Iterator[Record]:
    """Yield the SSD records of that many invented children, a child at a time.

    The same arguments give the same records; more children with the same seed begin with the same ones. Dates are
    set about `run_date`, so that about 60 % of the children are in the cohort of that day. From 1,000 children on,
    every block of the payload and every code of every code set occurs. A few per cent of the records are spoiled
    (see dirt), and one child in 300 has a person id that the receiver refuses.
    """
    return soiled(_Inventor(seed, run_date).records(children), seed)


def window_start(run_date: date) -> date:
    """Return the first day of the cohort window: two years back, then back to 1 April."""
    year = run_date.year - 2
    return date(year if run_date >= date(run_date.year, 4, 1) else year - 1, 4, 1)


class _Inventor:
    def __init__(self, seed: int, run_date: date) -> None:
        self._draw = Draw(seed)
        self._today = run_date
        self._window_start = window_start(run_date)
        self._codes = {name: Deck(self._draw, codes) for name, codes in code_sets().items()}
        endings = [code for code in code_sets()["cla_end_reason"] if code != "X1"]
        self._care_endings = Deck(self._draw, endings)
        changes = [code for code in code_sets()["cla_start_reason"] if code not in {"S", "L"}]
        self._placement_changes = Deck(self._draw, changes)
        # every life comes round in its share, so that small trials have rare ones too
        self._lives = Deck(self._draw, [life for life, share in _LIVES for _ in range(share // 5)])
        self._workers = 0

    def records(self, children: int) -> Iterator[Record]:
        for number in range(1, children + 1):
            if number % _CHILDREN_A_WORKER == 1:
                yield self._worker()
            yield from self._child(number)

    def _child(self, number: int) -> Iterator[Record]:
        child = self._new_child(number)
        yield self._person(child)
        yield from self._identity(child)
        yield from self._addresses(child)
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

    # ---- who

    def _new_child(self, number: int) -> _Child:
        draw, today = self._draw, self._today
        life = self._lives.deal()
        person_id = f"C{number:07d}"
        if number % _CHILDREN_A_BAD_ID == _BAD_ID_OFFSET:
            life = "in need"
            odd = number // _CHILDREN_A_BAD_ID % 2
            person_id = f"{person_id}-{'moved-from-the-former-case-system'}" if odd else f"C {number:07d}"
        ages = {"care leaver": (17, 25), "over age": (29, 34), "closed long ago": (6, 18), "unborn": (0, 0)}
        youngest, oldest = ages.get(life, (0, 17))
        days = (youngest * 365, oldest * 365 + 180)
        born = today - timedelta(days=days[0] + draw.below(days[1] - days[0]))
        return _Child(number, person_id, life, None if life == "unborn" else born)

    def _person(self, child: _Child) -> Record:
        draw, today = self._draw, self._today
        unborn = child.born is None
        upn_unknown = unborn or draw.chance(0.08)
        death_date = draw.day(child.born or today, today) if child.life == "deceased" else None
        return Record(
            "ssd_person",
            {
                "pers_legacy_id": f"M{900_000_000 + child.number * 7}",
                "pers_person_id": child.person_id,
                "pers_upn": None if upn_unknown else self._upn(child.number),
                "pers_forename": "Unborn" if unborn else draw.pick(_FORENAME_STARTS) + draw.pick(_FORENAME_ENDS),
                "pers_surname": draw.pick(_SURNAME_STARTS) + draw.pick(_SURNAME_ENDS),
                "pers_sex": "U" if unborn else self._codes["sex"].deal(),
                "pers_gender": draw.pick(("01", "02", "09")),
                "pers_ethnicity": self._codes["ethnicity"].deal(),
                "pers_dob": child.born,
                "pers_single_unique_id": None,
                "pers_upn_unknown": self._codes["upn_unknown_reason"].deal() if upn_unknown else None,
                "pers_send_flag": draw.pick(("Y", "N", None)),
                # some are overdue, most are expected after the run; only the former are in the cohort
                "pers_expected_dob": draw.day(today - timedelta(30), today + timedelta(60)) if unborn else None,
                "pers_death_date": death_date,
                "pers_is_mother": "Y" if draw.chance(0.01) else "N",
                "pers_nationality": draw.pick(_NATIONALITIES),
            },
        )

    def _identity(self, child: _Child) -> Iterator[Record]:
        draw = self._draw
        if draw.chance(0.18):
            for code in sorted({self._codes["disability"].deal() for _ in range(1 + draw.below(3))}):
                yield Record(
                    "ssd_disability",
                    {
                        "disa_table_id": child.new_id("DI"),
                        "disa_person_id": child.person_id,
                        "disa_disability_code": code,
                    },
                )
        if child.born is not None and draw.chance(0.1):
            for _ in range(1 + draw.below(2)):
                yield self._linked_identifier(child, "Former Unique Pupil Number", self._upn(child.number))
        if draw.chance(0.05):
            yield self._linked_identifier(child, "NHS Number", f"999{child.number:07d}")
        if draw.chance(0.01):
            yield self._immigration_status(child, draw.pick(_OTHER_STATUSES))

    # ---- lives

    def _life_in_need(self, child: _Child) -> Iterator[Record]:
        draw = self._draw
        if child.born is not None and draw.chance(0.25):
            yield from self._old_referral(child)
        start = draw.day(self._earliest(child, self._window_start - timedelta(300)), self._today - timedelta(2))
        end = None
        if draw.chance(0.5):
            end = draw.day(max(start, self._window_start), self._today)
        yield from self._referral(child, _Span(start, end))

    def _life_looked_after(self, child: _Child) -> Iterator[Record]:
        draw = self._draw
        start = draw.day(self._earliest(child, self._today - timedelta(1800)), self._today - timedelta(60))
        referral_id = child.new_id("RE")
        yield from self._referral(child, _Span(start, None), referral_id)
        came_into_care = draw.day(start, min(start + timedelta(200), self._today - timedelta(30)))
        ended = draw.chance(0.4)
        first = max(came_into_care, self._window_start)
        left_care = draw.day(first, self._today) if ended else None
        cla_id = child.new_id("CL")
        yield from self._care(child, referral_id, cla_id, _Span(came_into_care, left_care))
        if draw.chance(0.15):
            yield from self._permanence(child, cla_id, came_into_care)
        if draw.chance(0.12):
            yield self._immigration_status(child, draw.pick(_UASC_STATUSES))
        for _ in range(draw.below(3)):
            yield self._sdq_score(child)

    def _life_of_care_leaver(self, child: _Child) -> Iterator[Record]:
        draw = self._draw
        start = draw.day(child.birthday(13), child.birthday(15))
        referral_id = child.new_id("RE")
        yield from self._referral(child, _Span(start, None), referral_id)
        left_care = min(draw.day(child.birthday(16), child.birthday(18)), self._today)
        cla_id = child.new_id("CL")
        came_into_care = draw.day(start, start + timedelta(300))
        yield from self._care(child, referral_id, cla_id, _Span(came_into_care, left_care))
        if draw.chance(0.1):
            yield self._immigration_status(child, draw.pick(_UASC_STATUSES))
        for _ in range(1 + draw.below(2)):
            yield self._care_leaver(child)

    def _life_over_age(self, child: _Child) -> Iterator[Record]:
        """Yield an open referral, so that nothing but the age keeps the person out of the cohort."""
        start = self._draw.day(child.birthday(16), self._today)
        yield from self._referral(child, _Span(start, None))

    def _life_before(self, child: _Child) -> Iterator[Record]:
        for _ in range(1 + self._draw.below(2)):
            yield from self._old_referral(child)

    def _old_referral(self, child: _Child) -> Iterator[Record]:
        draw = self._draw
        first, last = self._earliest(child, self._window_start - timedelta(4000)), self._window_start
        start = draw.day(first, max(first, last - timedelta(400)))
        end = draw.day(start, min(start + timedelta(350), max(start, last - timedelta(1))))
        yield from self._referral(child, _Span(start, end))

    def _earliest(self, child: _Child, day: date) -> date:
        """Return `day`, or the child's birth (the months before it for unborn children) when that is later."""
        return max(day, child.born or self._today - timedelta(120))

