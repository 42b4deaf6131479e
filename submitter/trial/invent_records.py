"""The records of invented children, table by table; which of them a child has is decided in `invent`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from submitter.reference import code_sets
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
UASC_STATUSES = ("UASC", "Unaccompanied Asylum Seeking Child (UASC)", "uasc - awaiting decision", "Former UASC")
_OTHER_STATUSES = ("Indefinite leave to remain", "Refugee status", "Limited leave to remain")
_IN_TOUCH = ("YES", "NO", "DIED", "REFU", "NREQ", "RHOM")
_ELIGIBILITIES = ("Relevant", "Former relevant", "Qualifying", "Eligible")
_PROVIDERS = ("PR0", "PR1", "PR2", "PR3", "PR4", "PR5")
_OTHER_ROLES = ("IRO", "PA", "FSW", "ADV")
_SDQ_REASONS = ("SDQ1", "SDQ2", "SDQ3", "SDQ4", "SDQ5")
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"

_WORKERS_NEAR = 30


def window_start(run_date: date) -> date:
    """Return the first day of the cohort window: two years back, then back to 1 April."""
    year = run_date.year - 2
    return date(year if run_date >= date(run_date.year, 4, 1) else year - 1, 4, 1)


@dataclass
class Child:
    """A child while it is invented; no date of birth: not born yet. Nothing about it is dated before `begins`."""

    number: int
    person_id: str
    life: str
    born: date | None
    begins: date
    records: int = 0

    def new_id(self, kind: str) -> str:
        """Return the id of the child's next record."""
        self.records += 1
        return f"{kind}{self.number:07d}-{self.records}"

    def birthday(self, age: int) -> date:
        """Return a day near the birthday at that age."""
        assert self.born is not None
        return self.born + timedelta(days=age * 365 + age // 4)


@dataclass(frozen=True)
class Span:
    """A time during which something went on; no end: it still does."""

    start: date
    end: date | None


def upn(draw: Draw, number: int) -> str:
    """Return a unique pupil number, with its check letter, for the child of that number."""
    digits = f"999{number:07d}{draw.below(100):02d}"
    return upn_check_letter(digits) + digits


def upn_check_letter(digits: str) -> str:
    """Return the letter before the 12 digits of a UPN: the sum of each times its place, from 2 on, modulo 23."""
    return _UPN_LETTERS[sum(place * int(digit) for place, digit in enumerate(digits, 2)) % len(_UPN_LETTERS)]


def postcode(draw: Draw) -> str:
    """Return a postcode of an area that does not exist."""
    return f"ZZ{1 + draw.below(99)} {draw.below(10)}{draw.pick('ABDEFGHJLN')}{draw.pick('PQRSTUWXYZ')}"


class RecordMaker:
    """Makes records of children invented for a run date."""

    def __init__(self, draw: Draw, today: date, workers: int = 0) -> None:
        self._draw = draw
        self._today = today
        self._window_start = window_start(today)
        codes = code_sets()
        self._codes = {name: Deck(draw, codes[name]) for name in codes}
        self._care_endings = Deck(draw, [code for code in codes["cla_end_reason"] if code != "X1"])
        changes = [code for code in codes["cla_start_reason"] if code not in {"S", "L"}]
        self._placement_changes = Deck(draw, changes)
        self._workers = workers

    def person(self, child: Child) -> Record:
        """Return the row of ssd_person."""
        draw, today = self._draw, self._today
        unborn = child.born is None
        upn_unknown = unborn or draw.chance(0.08)
        death_date = draw.day(child.begins, today) if child.life == "deceased" else None
        return Record(
            "ssd_person",
            {
                "pers_legacy_id": f"M{900_000_000 + child.number * 7}",
                "pers_person_id": child.person_id,
                "pers_upn": None if upn_unknown else upn(draw, child.number),
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

    def identity(self, child: Child) -> Iterator[Record]:
        """Yield disabilities, linked identifiers and, rarely, an immigration status."""
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
                yield self._linked_identifier(child, "Former Unique Pupil Number", upn(draw, child.number))
        if draw.chance(0.05):
            yield self._linked_identifier(child, "NHS Number", f"999{child.number:07d}")
        if child.born is not None and draw.chance(0.01):
            yield self.immigration_status(child, draw.pick(_OTHER_STATUSES))

    def _linked_identifier(self, child: Child, kind: str, value: str) -> Record:
        return Record(
            "ssd_linked_identifiers",
            {
                "link_table_id": child.new_id("LI"),
                "link_person_id": child.person_id,
                "link_identifier_type": kind,
                "link_identifier_value": value,
                "link_valid_from_date": self._draw.day(child.begins, self._today),
                "link_valid_to_date": None,
            },
        )

    def immigration_status(self, child: Child, status: str) -> Record:
        """Return an immigration status, which ends at 18 or not at all."""
        draw = self._draw
        start = draw.day(self._today - timedelta(1500), self._today)
        adult = child.birthday(18)
        return Record(
            "ssd_immigration_status",
            {
                "immi_immigration_status_id": child.new_id("IM"),
                "immi_person_id": child.person_id,
                "immi_immigration_status_start_date": start,
                "immi_immigration_status_end_date": adult if draw.chance(0.6) and adult > start else None,
                "immi_immigration_status": status,
            },
        )

    def addresses(self, child: Child) -> Iterator[Record]:
        """Yield up to three addresses, the later ones with words in JSON."""
        draw = self._draw
        start = child.begins
        for position in range(draw.below(4)):
            address = {
                "house": str(1 + draw.below(200)),
                "street": f"{draw.pick(_SURNAME_STARTS)} Street",
                "town": f"{draw.pick(_SURNAME_STARTS)}{draw.pick(_SURNAME_ENDS)}",
            }
            yield Record(
                "ssd_address",
                {
                    "addr_table_id": child.new_id("AD"),
                    "addr_person_id": child.person_id,
                    "addr_address_type": draw.pick(("Home", "Placement", "Temporary")),
                    "addr_address_start_date": start,
                    "addr_address_end_date": None,
                    "addr_address_postcode": postcode(self._draw),
                    "addr_address_json": json.dumps(address) if position else None,
                },
            )
            start = draw.day(start, self._today)

    def referral(self, child: Child, span: Span, referral_id: str | None = None) -> Iterator[Record]:
        """Yield a referral with its workers, assessments, plans, enquiries and conferences."""
        draw = self._draw
        referral_id = referral_id or child.new_id("RE")
        source = self._codes["referral_source"].deal()
        no_further_action = draw.chance(0.1)
        yield Record(
            "ssd_cin_episodes",
            {
                "cine_referral_id": referral_id,
                "cine_person_id": child.person_id,
                "cine_referral_date": span.start,
                "cine_cin_primary_need_code": draw.pick(_NEEDS),
                "cine_referral_source_code": source,
                "cine_referral_source_desc": f"Source {source}",
                "cine_referral_outcome_json": json.dumps({"SINGLE_ASSESSMENT_FLAG": draw.pick(("Y", "N"))}),
                "cine_referral_nfa": "Y" if no_further_action else "N",
                "cine_close_reason": self._codes["closure_reason"].deal() if span.end else None,
                "cine_close_date": span.end,
                "cine_referral_team": draw.pick(_TEAMS),
                "cine_referral_worker_id": self._worker_id(),
            },
        )
        yield from self._involvements(child, referral_id, span)
        if no_further_action:
            return
        # one open referral in eight still waits for its assessment
        if span.end is not None or not draw.chance(0.12):
            for _ in range(1 + draw.below(2)):
                yield from self._assessment(child, referral_id, self._during(span))
        if draw.chance(0.4):
            yield self._cin_plan(child, referral_id, self._during(span))
        if draw.chance(0.35):
            yield from self._enquiry(child, referral_id, self._during(span))

    def _during(self, span: Span) -> Span:
        """Return a shorter time within a longer one; open only if that is."""
        draw = self._draw
        last = span.end or self._today
        start = draw.day(span.start, last)
        return Span(start, None if span.end is None and draw.chance(0.4) else draw.day(start, last))

    def _involvements(self, child: Child, referral_id: str, span: Span) -> Iterator[Record]:
        draw = self._draw
        start = span.start
        roles = ["CW", "CW"] if draw.chance(0.3) else ["CW"]
        if draw.chance(0.4):
            roles.append(draw.pick(_OTHER_ROLES))
        for position, role in enumerate(roles):
            # a first worker of two hands over to the second
            hands_over = position == 0 and roles[1:2] == ["CW"]
            end = draw.day(start, span.end or self._today) if hands_over else span.end
            yield Record(
                "ssd_involvements",
                {
                    "invo_involvements_id": child.new_id("IN"),
                    "invo_professional_id": self._worker_id(),
                    "invo_professional_role_id": role,
                    "invo_professional_team": draw.pick(_TEAMS),
                    "invo_person_id": child.person_id,
                    "invo_involvement_start_date": start,
                    "invo_involvement_end_date": end,
                    "invo_worker_change_reason": "Handed over" if hands_over else None,
                    "invo_referral_id": referral_id,
                },
            )
            start = end if hands_over and end is not None else start

    def _assessment(self, child: Child, referral_id: str, span: Span) -> Iterator[Record]:
        draw = self._draw
        assessment_id = child.new_id("AS")
        yield Record(
            "ssd_cin_assessments",
            {
                "cina_assessment_id": assessment_id,
                "cina_person_id": child.person_id,
                "cina_referral_id": referral_id,
                "cina_assessment_start_date": span.start,
                "cina_assessment_child_seen": draw.pick(("Y", "N")),
                "cina_assessment_auth_date": span.end,
                "cina_assessment_outcome_json": json.dumps({"CIN_PLAN_FLAG": draw.pick(("Y", "N"))}),
                "cina_assessment_outcome_nfa": draw.pick(("Y", "N")),
                "cina_assessment_team": draw.pick(_TEAMS),
                "cina_assessment_worker_id": self._worker_id(),
            },
        )
        if span.end is not None:
            dealt = [self._codes["assessment_factor"].deal() for _ in range(draw.below(6))]
            factors = list(dict.fromkeys(dealt))
            yield Record(
                "ssd_assessment_factors",
                {
                    "cinf_table_id": child.new_id("FA"),
                    "cinf_assessment_id": assessment_id,
                    "cinf_assessment_factors_json": json.dumps(factors),
                },
            )

    def _cin_plan(self, child: Child, referral_id: str, span: Span) -> Record:
        return Record(
            "ssd_cin_plans",
            {
                "cinp_cin_plan_id": child.new_id("CI"),
                "cinp_referral_id": referral_id,
                "cinp_person_id": child.person_id,
                "cinp_cin_plan_start_date": span.start,
                "cinp_cin_plan_end_date": span.end,
                "cinp_cin_plan_team": self._draw.pick(_TEAMS),
                "cinp_cin_plan_worker_id": self._worker_id(),
            },
        )

    def _enquiry(self, child: Child, referral_id: str, span: Span) -> Iterator[Record]:
        draw = self._draw
        enquiry_id = child.new_id("S4")
        conference = draw.chance(0.55)
        yield Record(
            "ssd_s47_enquiry",
            {
                "s47e_s47_enquiry_id": enquiry_id,
                "s47e_referral_id": referral_id,
                "s47e_person_id": child.person_id,
                "s47e_s47_start_date": span.start,
                "s47e_s47_end_date": span.end,
                "s47e_s47_nfa": "N" if conference else "Y",
                "s47e_s47_outcome_json": json.dumps({"CP_CONFERENCE_FLAG": "Y" if conference else "N"}),
                "s47e_s47_completed_by_team": draw.pick(_TEAMS),
                "s47e_s47_completed_by_worker_id": self._worker_id(),
            },
        )
        if not conference:
            return
        conference_id, plan_id = child.new_id("IC"), child.new_id("CP") if draw.chance(0.7) else None
        held = min(span.start + timedelta(days=5 + draw.below(16)), self._today)
        yield Record(
            "ssd_initial_cp_conference",
            {
                "icpc_icpc_id": conference_id,
                "icpc_icpc_meeting_id": child.new_id("ME"),
                "icpc_s47_enquiry_id": enquiry_id,
                "icpc_person_id": child.person_id,
                "icpc_cp_plan_id": plan_id,
                "icpc_referral_id": referral_id,
                "icpc_icpc_transfer_in": "N",
                "icpc_icpc_target_date": span.start + timedelta(days=21),
                "icpc_icpc_date": held,
                "icpc_icpc_outcome_cp_flag": "Y" if plan_id else "N",
                "icpc_icpc_outcome_json": json.dumps({"CP_PLAN_FLAG": "Y" if plan_id else "N"}),
                "icpc_icpc_team": draw.pick(_TEAMS),
                "icpc_icpc_worker_id": self._worker_id(),
            },
        )
        if plan_id:
            yield self._cp_plan(child, plan_id, referral_id, conference_id, held)

    def _cp_plan(self, child: Child, plan_id: str, referral_id: str, conference_id: str, start: date) -> Record:
        draw = self._draw
        return Record(
            "ssd_cp_plans",
            {
                "cppl_cp_plan_id": plan_id,
                "cppl_referral_id": referral_id,
                "cppl_icpc_id": conference_id,
                "cppl_person_id": child.person_id,
                "cppl_cp_plan_start_date": start,
                "cppl_cp_plan_end_date": draw.day(start, self._today) if draw.chance(0.5) else None,
                "cppl_cp_plan_ola": "N",
                "cppl_cp_plan_initial_category": draw.pick(_ABUSE),
                "cppl_cp_plan_latest_category": draw.pick(_ABUSE),
            },
        )

    def care(self, child: Child, referral_id: str, cla_id: str, span: Span) -> Iterator[Record]:
        """Yield a period of care: placements one after the other, each of one or two legal episodes."""
        draw = self._draw
        last_day = span.end or self._today
        changes = sorted(draw.day(span.start, last_day) for _ in range(draw.below(4)))
        starts = [span.start, *changes]
        for position, start in enumerate(starts):
            last = position == len(starts) - 1
            end = span.end if last else starts[position + 1]
            placement_id = child.new_id("PL")
            yield self._placement(child, cla_id, placement_id, Span(start, end), changed=not last)
            legal_changes = [draw.day(start, end or self._today)] if draw.chance(0.3) else []
            bounds = [start, *legal_changes, end]
            for number, (begins, ends) in enumerate(pairwise(bounds)):
                assert begins is not None
                start_reason = "L" if number else "S" if position == 0 else self._placement_changes.deal()
                goes_on = not last or number < len(legal_changes)
                ceased_reason = "X1" if goes_on else self._care_endings.deal() if ends else None
                yield Record(
                    "ssd_cla_episodes",
                    {
                        "clae_cla_episode_id": child.new_id("EP"),
                        "clae_person_id": child.person_id,
                        "clae_cla_placement_id": placement_id,
                        "clae_cla_episode_start_date": begins,
                        "clae_cla_episode_start_reason": start_reason,
                        "clae_cla_primary_need_code": draw.pick(_NEEDS),
                        "clae_cla_episode_ceased_date": ends,
                        "clae_cla_episode_ceased_reason": ceased_reason,
                        "clae_cla_id": cla_id,
                        "clae_referral_id": referral_id,
                        "clae_cla_last_iro_contact_date": draw.day(begins, ends or self._today),
                        "clae_entered_care_date": span.start,
                    },
                )

    def _placement(self, child: Child, cla_id: str, placement_id: str, span: Span, *, changed: bool) -> Record:
        draw = self._draw
        return Record(
            "ssd_cla_placement",
            {
                "clap_cla_placement_id": placement_id,
                "clap_cla_id": cla_id,
                "clap_person_id": child.person_id,
                "clap_cla_placement_start_date": span.start,
                "clap_cla_placement_type": self._codes["placement_type"].deal(),
                "clap_cla_placement_urn": f"SC{draw.below(1_000_000):06d}",
                "clap_cla_placement_distance": round(draw.below(2000) / 10, 1),
                "clap_cla_placement_provider": draw.pick(_PROVIDERS),
                "clap_cla_placement_postcode": postcode(self._draw),
                "clap_cla_placement_end_date": span.end,
                "clap_cla_placement_change_reason": (
                    self._codes["placement_change_reason"].deal() if changed else None
                ),
            },
        )

    def permanence(self, child: Child, cla_id: str, came_into_care: date) -> Record:
        """Return an adoption plan that has got as far as decision, match or placement."""
        draw = self._draw
        decided = draw.day(max(came_into_care, self._window_start), self._today)
        matched = draw.day(decided, self._today) if draw.chance(0.7) else None
        placed = draw.day(matched, self._today) if matched and draw.chance(0.7) else None
        return Record(
            "ssd_permanence",
            {
                "perm_table_id": child.new_id("PE"),
                "perm_person_id": child.person_id,
                "perm_cla_id": cla_id,
                "perm_adm_decision_date": decided,
                "perm_part_of_sibling_group": draw.pick(("Y", "N")),
                "perm_siblings_placed_together": draw.below(3),
                "perm_siblings_placed_apart": draw.below(2),
                "perm_ffa_cp_decision_date": None,
                "perm_placement_order_date": decided,
                "perm_matched_date": matched,
                "perm_adopter_sex": draw.pick(("MF", "MM", "FF", "M1", "F1")),
                "perm_adopter_legal_status": draw.pick(("L0", "L11", "L12", "L2", "L3", "L4")),
                "perm_number_of_adopters": 1 + draw.below(2),
                "perm_placed_for_adoption_date": placed,
                "perm_adopted_by_carer_flag": draw.pick(("Y", "N")),
                "perm_placement_provider_urn": f"SC{draw.below(1_000_000):06d}",
                "perm_permanence_order_type": draw.pick(("Adoption", "SGO", None)),
                "perm_adoption_worker_id": self._worker_id(),
            },
        )

    def sdq_score(self, child: Child) -> Record:
        """Return a strengths and difficulties score from the cohort window, or the reason why there is none."""
        draw = self._draw
        scored = draw.chance(0.85)
        return Record(
            "ssd_sdq_scores",
            {
                "csdq_table_id": child.new_id("SD"),
                "csdq_person_id": child.person_id,
                "csdq_sdq_completed_date": draw.day(max(child.begins, self._window_start), self._today),
                "csdq_sdq_score": draw.below(41) if scored else None,
                "csdq_sdq_reason": None if scored else draw.pick(_SDQ_REASONS),
            },
        )

    def care_leaver(self, child: Child) -> Record:
        """Return a contact with a care leaver."""
        draw = self._draw
        return Record(
            "ssd_care_leavers",
            {
                "clea_table_id": child.new_id("LE"),
                "clea_person_id": child.person_id,
                "clea_care_leaver_eligibility": draw.pick(_ELIGIBILITIES),
                "clea_care_leaver_in_touch": draw.pick(_IN_TOUCH),
                "clea_care_leaver_latest_contact": draw.day(self._today - timedelta(400), self._today),
                # the second character says whether the accommodation is suitable
                "clea_care_leaver_accommodation": f"{self._codes['care_leaver_accommodation'].deal()}1",
                "clea_care_leaver_accom_suitable": "1",
                "clea_care_leaver_activity": self._codes["care_leaver_activity"].deal(),
                "clea_pathway_plan_review_date": draw.day(self._today - timedelta(180), self._today),
                "clea_care_leaver_personal_advisor": self._worker_id(),
                "clea_care_leaver_allocated_team": draw.pick(_TEAMS),
                "clea_care_leaver_worker_id": self._worker_id(),
            },
        )

    def worker(self) -> Record:
        """Return the next professional; most are registered social workers."""
        draw = self._draw
        self._workers += 1
        registered = not draw.chance(0.05)
        return Record(
            "ssd_professionals",
            {
                "prof_professional_id": f"W{self._workers:06d}",
                "prof_staff_id": f"ST{self._workers:06d}",
                "prof_professional_name": f"{draw.pick(_FORENAME_STARTS)}{draw.pick(_FORENAME_ENDS)} "
                f"{draw.pick(_SURNAME_STARTS)}{draw.pick(_SURNAME_ENDS)}",
                "prof_social_worker_registration_no": f"SW{self._workers:07d}" if registered else None,
                "prof_agency_worker_flag": draw.pick(("Y", "N")),
                "prof_professional_job_title": draw.pick(("Social worker", "Senior social worker", "Team manager")),
                "prof_professional_caseload": draw.below(30),
                "prof_professional_department": draw.pick(_TEAMS),
                "prof_full_time_equivalency": draw.pick((0.5, 0.8, 1.0)),
            },
        )

    def _worker_id(self) -> str:
        """Return one of the workers invented lately: a child's workers are near in number."""
        return f"W{self._workers - self._draw.below(min(self._workers, _WORKERS_NEAR)):06d}"
