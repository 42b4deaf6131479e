"""Histories of one child: what happens to its SSD rows and to what is sent of it, day by day.

A child's SSD is a set of slots, each a row that is there or not, with a choice for each of its columns. Every step
makes sense whatever came before it, so that a history from which steps are taken away is a history still.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from submitter.trial.ssd import Value


@dataclass(frozen=True)
class Slot:
    """A row that a child may have: its table, what never changes of it, and what each column may be.

    `{child}` in a text is the child's id.
    """

    table: str
    fixed: dict[str, Value]
    choices: dict[str, tuple[Value, ...]]


REFERRALS = ("{child}-R1", "{child}-R2", "{child}-R3")
CARE = ("{child}-L1", "{child}-L2")
DAYS = (None, "2025-05-01", "2025-09-30", "2026-01-15")
STARTED = ("2025-05-01", "2025-09-30", "2026-01-15", None)
# a record may be moved to somebody else, here to a child who is not in the SSD
OWNER = ("{child}", "{child}-other")


def _slots() -> dict[str, Slot]:
    slots = {
        "person": Slot(
            "ssd_person",
            {"pers_person_id": "{child}"},
            {
                "pers_legacy_id": ("L-{child}", None, "M-{child}"),
                "pers_upn": (None, "A123456789012", "UN3", "Z999999999999"),
                "pers_upn_unknown": (None, "UN1"),
                "pers_forename": ("Ann", "ANN", None, 'A "q" \\ /\t\x01 é \N{GRINNING FACE}'),
                "pers_surname": ("Smith", None, "O'Neill"),
                "pers_sex": ("F", "M", None),
                "pers_ethnicity": ("WBRI", None),
                "pers_dob": ("2015-01-01", "2009-12-31", None),
                "pers_expected_dob": ("2025-06-01", None, "2015-02-01"),
            },
        ),
    }
    for number in (1, 2):
        slots |= {
            f"immigration {number}": Slot(
                "ssd_immigration_status",
                {"immi_immigration_status_id": f"{{child}}-I{number}"},
                {
                    "immi_person_id": OWNER,
                    "immi_immigration_status": ("UASC", "other"),
                    "immi_immigration_status_start_date": ("2024-06-01", "2024-07-01", None),
                    "immi_immigration_status_end_date": (None, "2025-12-01"),
                },
            ),
            f"former upn {number}": Slot(
                "ssd_linked_identifiers",
                {"link_table_id": f"{{child}}-K{number}"},
                {
                    "link_person_id": OWNER,
                    "link_identifier_type": ("Former Unique Pupil Number", "NHS number"),
                    "link_identifier_value": ("B123456789012", "C123456789012"),
                    "link_valid_from_date": (None, "2025-01-01", "2025-06-01"),
                },
            ),
            f"permanence {number}": Slot(
                "ssd_permanence",
                {"perm_table_id": f"{{child}}-P{number}"},
                {
                    "perm_person_id": OWNER,
                    "perm_cla_id": (None, *CARE),
                    "perm_adm_decision_date": ("2025-06-01", None),
                    "perm_matched_date": (None, "2025-07-01"),
                    "perm_placed_for_adoption_date": (None, "2025-08-01", "2025-08-02"),
                },
            ),
            f"care leaver {number}": Slot(
                "ssd_care_leavers",
                {"clea_table_id": f"{{child}}-C{number}"},
                {
                    "clea_person_id": OWNER,
                    "clea_care_leaver_latest_contact": ("2025-10-01", None, "2025-10-02"),
                    "clea_care_leaver_activity": ("F2", None, "G4"),
                    "clea_care_leaver_accommodation": ("B", None),
                },
            ),
            f"worker {number}": Slot(
                "ssd_professionals",
                {"prof_professional_id": f"{{child}}-W{number}"},
                {"prof_social_worker_registration_no": (f"SW{number}", "SW3", None)},
            ),
            f"address {number}": Slot(
                "ssd_address",
                {"addr_table_id": f"{{child}}-D{number}"},
                {
                    "addr_person_id": OWNER,
                    "addr_address_postcode": ("AB1 2CD", "AB1 2CE", None),
                    "addr_address_start_date": ("2020-01-01", "2025-11-01"),
                    "addr_address_end_date": (None, "2025-12-01"),
                },
            ),
            f"disability {number}": Slot(
                "ssd_disability",
                {"disa_table_id": f"{{child}}-B{number}"},
                {"disa_person_id": OWNER, "disa_disability_code": ("HEAR", "VIS", "MOB")},
            ),
            f"sdq {number}": Slot(
                "ssd_sdq_scores",
                {"csdq_table_id": f"{{child}}-Q{number}"},
                {
                    "csdq_person_id": OWNER,
                    "csdq_sdq_completed_date": ("2025-03-01", "2025-11-01"),
                    "csdq_sdq_score": ("10", "0", "40"),
                },
            ),
            f"assessment {number}": Slot(
                "ssd_cin_assessments",
                {"cina_assessment_id": f"{{child}}-A{number}"},
                {
                    "cina_person_id": OWNER,
                    "cina_referral_id": REFERRALS,
                    "cina_assessment_start_date": STARTED,
                    "cina_assessment_auth_date": DAYS,
                },
            ),
            f"factors {number}": Slot(
                "ssd_assessment_factors",
                {"cinf_table_id": f"{{child}}-F{number}"},
                {
                    "cinf_assessment_id": (f"{{child}}-A{number}", f"{{child}}-A{3 - number}"),
                    "cinf_assessment_factors_json": ('["1A"]', '["1A","2B"]', "[]", '["2B"]'),
                },
            ),
            f"cin plan {number}": Slot(
                "ssd_cin_plans",
                {"cinp_cin_plan_id": f"{{child}}-N{number}"},
                {
                    "cinp_person_id": OWNER,
                    "cinp_referral_id": REFERRALS,
                    "cinp_cin_plan_start_date": STARTED,
                    "cinp_cin_plan_end_date": (None, "2026-02-01"),
                },
            ),
            f"cp plan {number}": Slot(
                "ssd_cp_plans",
                {"cppl_cp_plan_id": f"{{child}}-X{number}"},
                {
                    "cppl_person_id": OWNER,
                    "cppl_referral_id": REFERRALS,
                    "cppl_cp_plan_start_date": STARTED,
                    "cppl_cp_plan_end_date": (None, "2026-02-01"),
                },
            ),
            f"enquiry {number}": Slot(
                "ssd_s47_enquiry",
                {"s47e_s47_enquiry_id": f"{{child}}-S{number}"},
                {
                    "s47e_person_id": OWNER,
                    "s47e_referral_id": REFERRALS,
                    "s47e_s47_start_date": STARTED,
                    "s47e_s47_end_date": (None, "2026-02-01"),
                    "s47e_s47_outcome_json": (None, '{"CP_CONFERENCE_FLAG": "Y"}', '{"CP_CONFERENCE_FLAG": "N"}'),
                },
            ),
            f"conference {number}": Slot(
                "ssd_initial_cp_conference",
                {"icpc_icpc_id": f"{{child}}-J{number}"},
                {
                    "icpc_person_id": OWNER,
                    "icpc_s47_enquiry_id": (f"{{child}}-S{number}", f"{{child}}-S{3 - number}"),
                    "icpc_icpc_date": ("2025-10-05", "2025-10-06", None),
                },
            ),
            f"care episode {number}": Slot(
                "ssd_cla_episodes",
                {
                    "clae_cla_episode_id": f"{{child}}-E{number}",
                },
                {
                    "clae_person_id": OWNER,
                    "clae_cla_id": (CARE[number - 1], CARE[2 - number]),
                    "clae_cla_placement_id": (None, "{child}-T1", "{child}-T2"),
                    "clae_cla_episode_start_date": ("2025-05-01", "2025-05-02", None),
                    "clae_cla_episode_ceased_date": (None, "2025-12-31"),
                    "clae_referral_id": REFERRALS,
                    "clae_cla_episode_start_reason": ("S - new", "P", None),
                    "clae_cla_episode_ceased_reason": (None, "E4A", "X1"),
                },
            ),
            f"placement {number}": Slot(
                "ssd_cla_placement",
                {"clap_cla_placement_id": f"{{child}}-T{number}"},
                {
                    "clap_person_id": OWNER,
                    "clap_cla_id": CARE,
                    "clap_cla_placement_start_date": STARTED,
                    "clap_cla_placement_type": ("U1", "K2", None),
                    "clap_cla_placement_postcode": ("AB1 2CD", None),
                    "clap_cla_placement_end_date": (None, "2026-02-01"),
                    "clap_cla_placement_change_reason": (None, "CARPL"),
                },
            ),
            f"involvement {number}": Slot(
                "ssd_involvements",
                {"invo_involvements_id": f"{{child}}-V{number}"},
                {
                    "invo_person_id": OWNER,
                    "invo_professional_role_id": ("CW", "IRO"),
                    "invo_referral_id": REFERRALS,
                    "invo_professional_id": ("{child}-W1", "{child}-W2"),
                    "invo_involvement_start_date": ("2024-05-01", "2024-12-01"),
                    "invo_involvement_end_date": (None, "2026-02-01"),
                },
            ),
        }
    for number in (1, 2, 3):
        slots[f"referral {number}"] = Slot(
            "ssd_cin_episodes",
            {"cine_referral_id": REFERRALS[number - 1]},
            {
                "cine_person_id": OWNER,
                "cine_referral_date": ("2024-06-01", "2025-02-01", "2025-02-02"),
                "cine_referral_source_code": ("1A", None, "3B"),
                "cine_referral_nfa": ("N", "Y", None),
                "cine_close_reason": (None, "RC1", "RC9"),
                "cine_close_date": (None, "2026-01-01"),
            },
        )
    return slots


SLOTS = _slots()


@dataclass(frozen=True)
class Change:
    """One step in the SSD: a row is made, or deleted, or one of its columns goes so many choices further.

    A row whose column changes is made where it is not there.
    """

    slot: str
    column: str = ""
    further: int = 0
    delete: bool = False


class Outcome(str, Enum):
    """What comes of posting a child.

    No answer is also: an answer that is none (204, receipts that do not fit), a process killed after the post, and
    answers that the database did not keep. Killed before the post is as not taken.
    """

    ACCEPT = "accept"
    REJECT = "reject"
    LOST = "no answer, not taken"
    TAKEN = "no answer, but taken"
    LOST_THEN_REFUSED = "no answer, not taken, tried again and rejected"
    TAKEN_THEN_REFUSED = "no answer, but taken, tried again and rejected"
    NOT_POSTED = "not posted"
    PUT_BACK = "written down as in flight, certainly not taken, put back"


@dataclass(frozen=True)
class Day:
    """Changes before each of the day's dbt runs, then what comes of what is in flight, and of what waits."""

    changes: tuple[tuple[int, Change], ...] = ()
    replayed: Outcome = Outcome.ACCEPT
    posted: Outcome = Outcome.ACCEPT


@dataclass(frozen=True)
class History:
    """One child's days."""

    days: tuple[Day, ...]

    def smaller(self) -> Iterator[History]:
        """Return every history with something less: days, changes, an outcome that is not acceptance."""
        for at, day in enumerate(self.days):
            before, after = self.days[:at], self.days[at + 1 :]
            yield History(before + after)
            yield History((*before, day))
            yield History((*before, replace(day, changes=()), *after))
            yield History((*before, replace(day, changes=day.changes[: len(day.changes) // 2]), *after))
            for which in range(len(day.changes)):
                less = day.changes[:which] + day.changes[which + 1 :]
                yield History((*before, replace(day, changes=less), *after))
            if day.replayed is not Outcome.ACCEPT:
                yield History((*before, replace(day, replayed=Outcome.ACCEPT), *after))
            if day.posted is not Outcome.ACCEPT:
                yield History((*before, replace(day, posted=Outcome.ACCEPT), *after))

    @property
    def size(self) -> int:
        return len(self.days) + sum(len(day.changes) for day in self.days)

    def __str__(self) -> str:
        return "\n".join(f"day {number}: {day}" for number, day in enumerate(self.days))


@dataclass
class Child:
    """One child's SSD rows as they are: slot to column to choice."""

    person_id: str
    rows: dict[str, dict[str, int]] = field(default_factory=dict)

    def make(self, change: Change) -> None:
        if change.delete:
            self.rows.pop(change.slot, None)
            return
        chosen = self.rows.setdefault(change.slot, {})
        if change.column:
            chosen[change.column] = chosen.get(change.column, 0) + change.further

    def records(self) -> Iterator[Record]:
        for name, chosen in self.rows.items():
            slot = SLOTS[name]
            values: dict[str, Any] = dict(slot.fixed)
            for column, choices in slot.choices.items():
                values[column] = choices[chosen.get(column, 0) % len(choices)]
            yield Record(
                slot.table,
                {
                    column: value.replace("{child}", self.person_id) if isinstance(value, str) else value
                    for column, value in values.items()
                },
            )


# Drawn from one flat list: hypothesis weighs nested strategies in its own way, and most steps would do nothing.
_MADE = [Change(name) for name in sorted(SLOTS)]
_DELETED = [Change(name, delete=True) for name in sorted(SLOTS)]
_SET = [
    Change(name, column, further)
    for name, slot in sorted(SLOTS.items())
    for column, choices in slot.choices.items()
    for further in range(1, len(choices))
]
_CHANGE = st.sampled_from(
    [*_SET, *_MADE, *_DELETED, *_DELETED, *[Change("person", delete=True)] * 8, *[Change("person")] * 8]
)
_POSTED = st.sampled_from([*Outcome, Outcome.ACCEPT, Outcome.ACCEPT, Outcome.ACCEPT])
_REPLAYED = st.sampled_from([Outcome.ACCEPT, Outcome.REJECT, Outcome.LOST, Outcome.TAKEN, Outcome.ACCEPT])
_DAY = st.builds(Day, st.lists(st.tuples(st.integers(0, 2), _CHANGE), max_size=6).map(tuple), _REPLAYED, _POSTED)
_FIRST = st.lists(st.sampled_from([*_MADE, *_SET]), min_size=8, max_size=40).map(
    lambda made: Day(tuple((0, change) for change in [Change("person"), Change("referral 1"), *made]))
)
HISTORIES = st.builds(lambda first, days: History((first, *days)), _FIRST, st.lists(_DAY, min_size=4, max_size=14))


def drawn(count: int, number: int) -> list[History]:
    """Return histories as hypothesis draws them, the same ones for the same number."""
    histories: list[History] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(HISTORIES)
    def collect(history: History) -> None:
        histories.append(history)

    collect()
    return histories
