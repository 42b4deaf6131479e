"""Children from an SSDA903 return, a folder of CSV files.

An episode of the return is a row of ssd_cla_episodes. Two things that the SSD has and the return does not are
worked out from a child's episodes in order of DECOM:

* A *period of care* begins with RNE `S` (started to be looked after), with the child's first episode in the
  return, and where more than a day lies between one episode's DEC and the next one's DECOM.
* A *placement* begins with a period of care and with every RNE but `L`: P and T are a change of placement (with
  and without a new carer), B and U the same together with a change of legal status; `L` is a change of legal
  status alone, in the same placement.

A return holds no referral, and the payload nests placements under one. When the child's referrals are known (from
a CIN census), the one that is open on the day the period of care begins is taken, else the latest one that overlaps
the period. Otherwise an invented referral **stands for the period of care**: its date is the day the period begins,
its closing date the day it ended, and everything else about it is null.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from submitter.trial.children import InventedIds, Referral, ReturnedChild, longest_child_id
from submitter.trial.return_csv import Row, find_files, read_rows
from submitter.trial.ssd import Record
from submitter.trial.values import Tally, Values, parse_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from submitter.trial.ssd import Value

_STARTED_TO_BE_LOOKED_AFTER = "S"
_LEGAL_STATUS_CHANGE_ONLY = "L"
_EPISODE_GOES_ON = "X1"
# placed for adoption, with consent or a placement order, with the current foster carer or not
_PLACED_FOR_ADOPTION = {"A3", "A4", "A5", "A6"}


@dataclass(frozen=True)
class Ssda903:
    """The children of an SSDA903 return by child id, in order of appearance; `tally` grows while they are read."""

    children: Mapping[str, LookedAfterChild]
    tally: Tally


def read_ssda903(folder: Path) -> Ssda903:
    """Read the children of an SSDA903 return.

    Of the folder's files header, episodes, uasc, oc2, oc3, ad1 and placed_for_adoption are read; others are passed
    over, and any may be missing but not both of the first two.

    Raises TrialError when the folder or a file is not such a return, when a row has no usable CHILD, and when an
    episode has no readable DECOM.
    """
    tally = Tally()
    values = Values(tally)
    children: dict[str, LookedAfterChild] = {}
    for kind, path in find_files(folder).items():
        for row in read_rows(path, kind):
            child_id = _child_id(row)
            child = children.get(child_id)
            if child is None:
                child = children[child_id] = LookedAfterChild(child_id, values)
            child.add(kind, row)
    return Ssda903(children, tally)


def _child_id(row: Row) -> str:
    child_id = row.text("CHILD")
    if not child_id:
        raise row.error("no CHILD", "give the row one, or take it out")
    if len(child_id) > longest_child_id():
        raise row.error(f"a CHILD of more than {longest_child_id()} characters", "shorten it")
    return child_id


@dataclass(frozen=True)
class _Episode:
    row: Row
    start: date
    end: date | None

    @classmethod
    def read(cls, row: Row, values: Values) -> _Episode:
        start = parse_day(row.text("DECOM"))
        if start is None:
            raise row.error("DECOM is no date", "write it as DD/MM/YYYY")
        return cls(row, start, values.day(row.text("DEC")))

    def code(self, column: str) -> str:
        return self.row.text(column).upper()

    def follows_on(self, previous: _Episode) -> bool:
        return previous.end is None or (self.start - previous.end).days <= 1


@dataclass(frozen=True)
class _Period:
    """A period of care; placements are its episodes in groups."""

    placements: list[list[_Episode]]

    @property
    def start(self) -> date:
        return self.placements[0][0].start

    @property
    def end(self) -> date | None:
        last = self.placements[-1][-1]
        return None if last.code("REC") == _EPISODE_GOES_ON else last.end


def _periods(episodes: Iterable[_Episode]) -> list[_Period]:
    periods: list[_Period] = []
    previous: _Episode | None = None
    for episode in sorted(episodes, key=lambda episode: (episode.start, episode.end or date.max)):
        reason = episode.code("RNE")
        if previous is None or reason == _STARTED_TO_BE_LOOKED_AFTER or not episode.follows_on(previous):
            periods.append(_Period([[episode]]))
        elif reason == _LEGAL_STATUS_CHANGE_ONLY:
            periods[-1].placements[-1].append(episode)
        else:
            periods[-1].placements.append([episode])
        previous = episode
    return periods


@dataclass
class LookedAfterChild:
    """What an SSDA903 return tells about a child."""

    child_id: str
    _values: Values
    _person: dict[str, Value] = field(default_factory=dict)
    _rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _episodes: list[_Episode] = field(default_factory=list)

    @property
    def person(self) -> Mapping[str, Value]:
        """The child's row of ssd_person."""
        return {"pers_person_id": self.child_id, **self._person}

    def add(self, kind: str, row: Row) -> None:
        """Add a row of one of the return's files."""
        told = {"pers_dob": self._values.day(row.text("DOB")), "pers_sex": self._values.sex(row.text("SEX"))}
        if kind == "header":
            told |= {
                "pers_ethnicity": self._values.text("pers_ethnicity", row.text("ETHNIC")),
                "pers_is_mother": self._values.flag(row.text("MOTHER")),
                **self._values.upn(row.text("UPN")),
            }
        for column, value in told.items():
            if self._person.get(column) is None:
                self._person[column] = value
        if kind == "episodes":
            self._episodes.append(_Episode.read(row, self._values))
        else:
            self._rows[kind].append(row)

    def read(self, referrals: Sequence[Referral] = ()) -> ReturnedChild:
        """Return the child's records; `referrals` are those known from elsewhere, of which placements take one."""
        return _Reading(self.child_id, self._values, referrals).read(self.person, self._episodes, self._rows)


class _Reading:
    def __init__(self, child_id: str, values: Values, referrals: Sequence[Referral]) -> None:
        self._child_id = child_id
        self._values = values
        self._known_referrals = referrals
        self._invented_referrals: list[Referral] = []
        self._ids = InventedIds(child_id)
        self._records: list[Record] = []

    def read(
        self, person: Mapping[str, Value], episodes: Sequence[_Episode], rows: Mapping[str, Sequence[Row]]
    ) -> ReturnedChild:
        periods = _periods(episodes)
        cla_ids = [self._period(period) for period in periods]
        for row in rows.get("uasc", ()):
            self._unaccompanied(row)
        for row in rows.get("oc2", ()):
            self._sdq_score(row)
        for row in rows.get("oc3", ()):
            self._care_leaver(row)
        plans = _adoption_plans(rows.get("placed_for_adoption", ()), rows.get("ad1", ()), self._values)
        for plan in plans:
            self._permanence(plan, list(zip(periods, cla_ids, strict=True)))
        return ReturnedChild(self._child_id, person, self._records, self._invented_referrals)

    def _referral_id(self, period: _Period) -> str:
        candidates = [referral for referral in self._known_referrals if referral.is_open_on(period.start)] or [
            referral for referral in self._known_referrals if referral.overlaps(period.start, period.end)
        ]
        if candidates:
            return max(candidates, key=lambda referral: (referral.start or date.min, referral.id)).id
        referral = Referral(self._ids.new("REF", "period of care", period.start), period.start, period.end)
        self._invented_referrals.append(referral)
        row = {
            "cine_referral_id": referral.id,
            "cine_person_id": self._child_id,
            "cine_referral_date": referral.start,
            "cine_close_date": referral.end,
        }
        self._records.append(Record("ssd_cin_episodes", row))
        return referral.id

    def _period(self, period: _Period) -> str:
        cla_id = self._ids.new("CLA", period.start)
        referral_id = self._referral_id(period)
        began_in_return = period.placements[0][0].code("RNE") == _STARTED_TO_BE_LOOKED_AFTER
        for placement in period.placements:
            placement_id = self._placement(cla_id, placement)
            for episode in placement:
                row: dict[str, Value] = {
                    "clae_cla_episode_id": self._ids.new("EPI", episode.start),
                    "clae_person_id": self._child_id,
                    "clae_cla_placement_id": placement_id,
                    "clae_cla_episode_start_date": episode.start,
                    "clae_cla_episode_start_reason": self._text(episode.row, "clae_cla_episode_start_reason", "RNE"),
                    "clae_cla_primary_need_code": self._text(episode.row, "clae_cla_primary_need_code", "CIN"),
                    "clae_cla_episode_ceased_date": episode.end,
                    "clae_cla_episode_ceased_reason": self._text(episode.row, "clae_cla_episode_ceased_reason", "REC"),
                    "clae_cla_id": cla_id,
                    "clae_referral_id": referral_id,
                    "clae_entered_care_date": period.start if began_in_return else None,
                }
                self._records.append(Record("ssd_cla_episodes", row))
        return cla_id

    def _placement(self, cla_id: str, episodes: Sequence[_Episode]) -> str:
        """Add a placement as its last episode has it: codes may be put right, or change with the legal status."""
        first, last = episodes[0], episodes[-1]
        placement_id = self._ids.new("PLA", first.start)
        row: dict[str, Value] = {
            "clap_cla_placement_id": placement_id,
            "clap_cla_id": cla_id,
            "clap_person_id": self._child_id,
            "clap_cla_placement_start_date": first.start,
            "clap_cla_placement_type": self._text(last.row, "clap_cla_placement_type", "PLACE"),
            "clap_cla_placement_urn": self._text(last.row, "clap_cla_placement_urn", "URN"),
            "clap_cla_placement_provider": self._text(last.row, "clap_cla_placement_provider", "PLACE_PROVIDER"),
            "clap_cla_placement_postcode": self._text(last.row, "clap_cla_placement_postcode", "PL_POST"),
            "clap_cla_placement_end_date": last.end,
            "clap_cla_placement_change_reason": self._text(
                last.row, "clap_cla_placement_change_reason", "REASON_PLACE_CHANGE"
            ),
        }
        self._records.append(Record("ssd_cla_placement", row))
        return placement_id

    def _unaccompanied(self, row: Row) -> None:
        ceased = self._values.day(row.text("DUC"))
        record = {
            "immi_immigration_status_id": self._ids.new("IMM", "UASC"),
            "immi_person_id": self._child_id,
            "immi_immigration_status_end_date": ceased,
            "immi_immigration_status": "UASC",
        }
        self._records.append(Record("ssd_immigration_status", record))

    def _sdq_score(self, row: Row) -> None:
        score = self._values.number(row.text("SDQ_SCORE"))
        reason = self._text(row, "csdq_sdq_reason", "SDQ_REASON")
        if score is not None or reason is not None:
            record = {
                "csdq_table_id": self._ids.new("SDQ"),
                "csdq_person_id": self._child_id,
                "csdq_sdq_score": score,
                "csdq_sdq_reason": reason,
            }
            self._records.append(Record("ssd_sdq_scores", record))

    def _care_leaver(self, row: Row) -> None:
        record = {
            "clea_table_id": self._ids.new("LEA"),
            "clea_person_id": self._child_id,
            "clea_care_leaver_in_touch": self._text(row, "clea_care_leaver_in_touch", "IN_TOUCH"),
            "clea_care_leaver_activity": self._text(row, "clea_care_leaver_activity", "ACTIV"),
            "clea_care_leaver_accommodation": self._text(row, "clea_care_leaver_accommodation", "ACCOM"),
        }
        self._records.append(Record("ssd_care_leavers", record))

    def _permanence(self, plan: _AdoptionPlan, periods: Sequence[tuple[_Period, str]]) -> None:
        """Add an adoption plan with the day the child was placed: the start of a placement for adoption.

        The return has that day in the episodes alone. It is the first on or after the decision; a child cannot be
        placed before it (rule 552 of the return).
        """
        placements = sorted(
            (placement[0].start, cla_id)
            for period, cla_id in periods
            for placement in period.placements
            if any(episode.code("PLACE") in _PLACED_FOR_ADOPTION for episode in placement)
            and (plan.decided is None or placement[0].start >= plan.decided)
        )
        placed, cla_id = placements[0] if placements else (None, None)
        record: dict[str, Value] = {
            "perm_table_id": self._ids.new("PER", plan.decided),
            "perm_person_id": self._child_id,
            "perm_cla_id": cla_id,
            "perm_adm_decision_date": plan.decided,
            "perm_placed_for_adoption_date": placed,
        }
        if plan.placed_for_adoption is not None:
            row = plan.placed_for_adoption
            record |= {
                "perm_decision_reversed_date": self._values.day(row.text("DATE_PLACED_CEASED")),
                "perm_decision_reversed_reason": self._text(
                    row, "perm_decision_reversed_reason", "REASON_PLACED_CEASED"
                ),
            }
        if plan.adopted is not None:
            row = plan.adopted
            record |= {
                "perm_matched_date": self._values.day(row.text("DATE_MATCH")),
                "perm_adopted_by_carer_flag": self._values.flag(row.text("FOSTER_CARE")),
                "perm_number_of_adopters": self._values.number(row.text("NB_ADOPTR")),
                "perm_adopter_sex": self._text(row, "perm_adopter_sex", "SEX_ADOPTR"),
                "perm_adopter_legal_status": self._text(row, "perm_adopter_legal_status", "LS_ADOPTR"),
            }
        self._records.append(Record("ssd_permanence", record))

    def _text(self, row: Row, ssd_column: str, column: str) -> str | None:
        return self._values.text(ssd_column, row.text(column))


@dataclass(frozen=True)
class _AdoptionPlan:
    """A decision that a child should be placed for adoption, and the adoption that came of it.

    DATE_PLACED of placed_for_adoption and DATE_INT of ad1 are both the day of that decision (rule 523 of the return
    asks that they agree); DATE_MATCH is the day the child was matched with the adopters.
    """

    decided: date | None
    placed_for_adoption: Row | None
    adopted: Row | None


def _adoption_plans(placed: Sequence[Row], adopted: Sequence[Row], values: Values) -> list[_AdoptionPlan]:
    plans = [_AdoptionPlan(values.day(row.text("DATE_PLACED")), row, None) for row in placed]
    for row in adopted:
        decided = values.day(row.text("DATE_INT"))
        # the plan with the same decision, else the latest one that has no adoption yet
        open_plans = [index for index, plan in enumerate(plans) if plan.adopted is None]
        same = [index for index in open_plans if plans[index].decided == decided]
        index = next(iter([*same, *reversed(open_plans)]), None)
        if index is None:
            plans.append(_AdoptionPlan(decided, None, row))
        else:
            plan = plans[index]
            plans[index] = _AdoptionPlan(plan.decided or decided, plan.placed_for_adoption, row)
    return plans
