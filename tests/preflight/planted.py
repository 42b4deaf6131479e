"""Invented children of whom each breaks one rule of preflight, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from submitter.trial.invent_records import upn_check_letter
from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from submitter.trial.ssd import Value

RUN_DATE = "2026-03-15"
MAX_PAYLOAD_BYTES = 4000
DISABILITIES = ("NONE", "MOB", "HAND", "PC", "INC", "COMM", "LD", "HEAR", "VIS", "BEH", "CON", "AUT", "DDA")


@dataclass(frozen=True)
class Plant:
    """One child: the rule it breaks, what its rows have instead of what is right, rows more or other, breaches."""

    rule: str
    changes: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    more: tuple[Record, ...] = ()
    person_id: str = ""
    breaches: int = 1
    children: int = 1
    in_cohort: int = 1


def upn(number: int) -> str:
    digits = f"999{number:09d}"
    return upn_check_letter(digits) + digits


def child(name: str, number: int, changes: Mapping[str, Mapping[str, Value]]) -> Iterator[Record]:
    """A child with a record in every table and nothing wrong; `changes` are by table."""
    rows: dict[str, dict[str, Value]] = {
        "ssd_person": {
            "pers_person_id": name,
            "pers_legacy_id": f"L-{number}",
            "pers_upn": upn(number),
            "pers_dob": "2010-05-05",
            "pers_sex": "F",
            "pers_ethnicity": "WBRI",
            "pers_forename": "Invented",
        },
        "ssd_linked_identifiers": {
            "link_table_id": f"LI-{number}",
            "link_person_id": name,
            "link_identifier_type": "Former Unique Pupil Number",
            "link_identifier_value": upn(500_000 + number),
        },
        "ssd_address": {"addr_table_id": f"AD-{number}", "addr_person_id": name, "addr_address_postcode": "ZZ1 1AA"},
        "ssd_disability": {"disa_table_id": f"DI-{number}", "disa_person_id": name, "disa_disability_code": "MOB"},
        "ssd_immigration_status": {
            "immi_immigration_status_id": f"IM-{number}",
            "immi_person_id": name,
            "immi_immigration_status": "UASC",
            "immi_immigration_status_start_date": "2020-01-01",
            "immi_immigration_status_end_date": "2028-05-05",
        },
        "ssd_cin_episodes": {
            "cine_referral_id": f"R-{number}",
            "cine_person_id": name,
            "cine_referral_date": "2025-01-01",
            "cine_referral_source_code": "1A",
            "cine_close_date": "2026-01-01",
            "cine_close_reason": "RC1",
            "cine_referral_nfa": "N",
        },
        "ssd_cin_assessments": {
            "cina_assessment_id": f"A-{number}",
            "cina_person_id": name,
            "cina_referral_id": f"R-{number}",
            "cina_assessment_start_date": "2025-01-02",
            "cina_assessment_auth_date": "2025-02-02",
        },
        "ssd_assessment_factors": {
            "cinf_table_id": f"F-{number}",
            "cinf_assessment_id": f"A-{number}",
            "cinf_assessment_factors_json": '["1A"]',
        },
        "ssd_cin_plans": {
            "cinp_cin_plan_id": f"CI-{number}",
            "cinp_person_id": name,
            "cinp_referral_id": f"R-{number}",
            "cinp_cin_plan_start_date": "2025-02-03",
            "cinp_cin_plan_end_date": "2025-05-03",
        },
        "ssd_s47_enquiry": {
            "s47e_s47_enquiry_id": f"S-{number}",
            "s47e_person_id": name,
            "s47e_referral_id": f"R-{number}",
            "s47e_s47_start_date": "2025-02-03",
            "s47e_s47_end_date": "2025-02-13",
            "s47e_s47_outcome_json": '{"CP_CONFERENCE_FLAG": "Y"}',
        },
        "ssd_initial_cp_conference": {
            "icpc_icpc_id": f"IC-{number}",
            "icpc_person_id": name,
            "icpc_s47_enquiry_id": f"S-{number}",
            "icpc_icpc_date": "2025-02-12",
        },
        "ssd_cp_plans": {
            "cppl_cp_plan_id": f"CP-{number}",
            "cppl_person_id": name,
            "cppl_referral_id": f"R-{number}",
            "cppl_cp_plan_start_date": "2025-02-13",
            "cppl_cp_plan_end_date": "2025-08-13",
        },
        "ssd_cla_episodes": {
            "clae_cla_episode_id": f"EP-{number}",
            "clae_person_id": name,
            "clae_cla_id": f"CL-{number}",
            "clae_cla_placement_id": f"PL-{number}",
            "clae_referral_id": f"R-{number}",
            "clae_cla_episode_start_reason": "S",
            "clae_cla_episode_ceased_reason": "E4A",
        },
        "ssd_cla_placement": {
            "clap_cla_placement_id": f"PL-{number}",
            "clap_person_id": name,
            "clap_cla_id": f"CL-{number}",
            "clap_cla_placement_start_date": "2025-03-01",
            "clap_cla_placement_end_date": "2025-09-01",
            "clap_cla_placement_type": "U1",
            "clap_cla_placement_postcode": "ZZ1 1AB",
            "clap_cla_placement_change_reason": "CARPL",
        },
        "ssd_permanence": {
            "perm_table_id": f"PE-{number}",
            "perm_person_id": name,
            "perm_cla_id": f"CL-{number}",
            "perm_adm_decision_date": "2025-04-01",
            "perm_matched_date": "2025-05-01",
            "perm_placed_for_adoption_date": "2025-06-01",
        },
        "ssd_care_leavers": {
            "clea_table_id": f"LE-{number}",
            "clea_person_id": name,
            "clea_care_leaver_latest_contact": "2026-01-01",
            "clea_care_leaver_activity": "F2",
            "clea_care_leaver_accommodation": "U1",
        },
        "ssd_involvements": {
            "invo_involvements_id": f"IN-{number}",
            "invo_professional_id": f"W-{number}",
            "invo_professional_role_id": "CW",
            "invo_person_id": name,
            "invo_referral_id": f"R-{number}",
            "invo_involvement_start_date": "2025-01-01",
            "invo_involvement_end_date": "2025-12-01",
        },
        "ssd_professionals": {
            "prof_professional_id": f"W-{number}",
            "prof_social_worker_registration_no": f"SW{number}",
        },
        "ssd_sdq_scores": {
            "csdq_table_id": f"SD-{number}",
            "csdq_person_id": name,
            "csdq_sdq_completed_date": "2025-07-01",
            "csdq_sdq_score": 12,
        },
    }
    for table, row in rows.items():
        yield Record(table, {**row, **changes.get(table, {})})


def one(rule: str, table: str, *, in_cohort: int = 1, **values: Value) -> Plant:
    """A child of whom one row of a table has other values."""
    return Plant(rule, {table: values}, in_cohort=in_cohort)


def again(rule: str, table: str, children: int = 1) -> Plant:
    """A child of whom a row of that table is entered twice."""
    return Plant(rule, more=(Record(table, {}),), children=children, in_cohort=children)


LONG = "x" * 37
SHARED = upn(900_000)
PLANTS = (
    Plant("person_id_pattern", person_id="not an id"),
    one("legacy_id_pattern", "ssd_person", pers_legacy_id=LONG),
    Plant(
        "referral_id_pattern",
        {
            table: {column: "R/1"}
            for table, column in (
                ("ssd_cin_episodes", "cine_referral_id"),
                ("ssd_cin_assessments", "cina_referral_id"),
                ("ssd_cin_plans", "cinp_referral_id"),
                ("ssd_s47_enquiry", "s47e_referral_id"),
                ("ssd_cp_plans", "cppl_referral_id"),
                ("ssd_cla_episodes", "clae_referral_id"),
                ("ssd_involvements", "invo_referral_id"),
            )
        },
    ),
    Plant(
        "assessment_id_pattern",
        {"ssd_cin_assessments": {"cina_assessment_id": "A 1"}, "ssd_assessment_factors": {"cinf_assessment_id": "A 1"}},
    ),
    one("cin_plan_id_pattern", "ssd_cin_plans", cinp_cin_plan_id="CI.1"),
    one("s47_id_pattern", "ssd_s47_enquiry", s47e_s47_enquiry_id="S:1"),
    one("cp_plan_id_pattern", "ssd_cp_plans", cppl_cp_plan_id=LONG),
    Plant(
        "placement_id_pattern",
        {"ssd_cla_placement": {"clap_cla_placement_id": "P 1"}, "ssd_cla_episodes": {"clae_cla_placement_id": "P 1"}},
    ),
    Plant(
        "worker_id_pattern",
        {"ssd_professionals": {"prof_social_worker_registration_no": "SW34567890123"}},
        children=0,
        in_cohort=0,
    ),
    one("record_without_id", "ssd_cp_plans", cppl_cp_plan_id=" "),
    again("duplicate_person_id", "ssd_person"),
    again("duplicate_referral_id", "ssd_cin_episodes"),
    again("duplicate_assessment_id", "ssd_cin_assessments"),
    again("duplicate_cin_plan_id", "ssd_cin_plans"),
    again("duplicate_s47_id", "ssd_s47_enquiry"),
    again("duplicate_cp_plan_id", "ssd_cp_plans"),
    again("duplicate_placement_id", "ssd_cla_placement"),
    again("duplicate_professional_id", "ssd_professionals", children=0),
    one("assessment_without_referral", "ssd_cin_assessments", cina_referral_id="gone"),
    one("cin_plan_without_referral", "ssd_cin_plans", cinp_referral_id=None),
    one("s47_without_referral", "ssd_s47_enquiry", s47e_referral_id="gone"),
    one("cp_plan_without_referral", "ssd_cp_plans", cppl_referral_id="gone"),
    one("placement_without_referral", "ssd_cla_episodes", clae_referral_id="gone"),
    one("involvement_without_referral", "ssd_involvements", invo_referral_id="gone"),
    one("upn_format", "ssd_person", pers_upn="A99"),
    one("upn_check_letter", "ssd_person", pers_upn="A999000000001"),
    Plant("upn_shared", {"ssd_person": {"pers_upn": SHARED}}, breaches=2, children=2, in_cohort=2),
    one("former_upn_format", "ssd_linked_identifiers", link_identifier_value="unknown"),
    one("former_upn_check_letter", "ssd_linked_identifiers", link_identifier_value="A999000000001"),
    one("upn_unknown_reason_code", "ssd_person", pers_upn_unknown="UN0"),
    one("upn_without_reason", "ssd_person", pers_upn=None),
    one("birth_missing", "ssd_person", pers_dob=None, in_cohort=0),
    one("birth_date_impossible", "ssd_person", pers_dob="2110-05-05", in_cohort=0),
    Plant(
        "disabilities_over_12",
        more=tuple(
            Record("ssd_disability", {"disa_table_id": f"more-{code}", "disa_disability_code": code})
            for code in DISABILITIES
        ),
    ),
    one("address_postcode_shape", "ssd_address", addr_address_postcode="ZZ1-1AA"),
    one("placement_postcode_shape", "ssd_cla_placement", clap_cla_placement_postcode="ZZ1"),
    one("sex_code", "ssd_person", pers_sex="9"),
    one("ethnicity_code", "ssd_person", pers_ethnicity="ZZZZ"),
    one("disability_code", "ssd_disability", disa_disability_code="XX"),
    one("referral_source_code", "ssd_cin_episodes", cine_referral_source_code="0"),
    one("closure_reason_code", "ssd_cin_episodes", cine_close_reason="RC0"),
    one("referral_nfa_flag", "ssd_cin_episodes", cine_referral_nfa="?"),
    one("factors_not_array", "ssd_assessment_factors", cinf_assessment_factors_json='"1A"'),
    one("assessment_factor_code", "ssd_assessment_factors", cinf_assessment_factors_json='["1A", "99"]'),
    one("icpc_required_flag", "ssd_s47_enquiry", s47e_s47_outcome_json='{"CP_CONFERENCE_FLAG": "maybe"}'),
    one("cla_start_reason_code", "ssd_cla_episodes", clae_cla_episode_start_reason="Z"),
    one("placement_type_code", "ssd_cla_placement", clap_cla_placement_type="U9"),
    one("cla_end_reason_code", "ssd_cla_episodes", clae_cla_episode_ceased_reason="E99"),
    one("placement_change_reason_code", "ssd_cla_placement", clap_cla_placement_change_reason="ZZ"),
    one("care_leaver_activity_code", "ssd_care_leavers", clea_care_leaver_activity="Z9"),
    one("care_leaver_accommodation_code", "ssd_care_leavers", clea_care_leaver_accommodation="9"),
    one("code_cut", "ssd_person", pers_ethnicity="WBRIX"),
    one("sdq_score_range", "ssd_sdq_scores", csdq_sdq_score=41),
    one("date_before_1900", "ssd_involvements", invo_involvement_start_date="1899-12-30"),
    one("date_in_future", "ssd_cp_plans", cppl_cp_plan_end_date="2026-03-16"),
    one("end_before_start", "ssd_s47_enquiry", s47e_s47_end_date="2025-02-02"),
    one("date_before_birth", "ssd_permanence", perm_adm_decision_date="2010-05-04"),
    one("referral_before_birth", "ssd_cin_episodes", cine_referral_date="2009-07-28"),
    one("payload_too_large", "ssd_assessment_factors"),
)


def planted(plants: Iterable[Plant] = PLANTS) -> Iterator[Record]:
    """Yield the records of a child a rule, and of one without a fault; the person id is the rule."""
    yield from child("without_fault", 1, {})
    for number, plant in enumerate(plants, 2):
        name = plant.person_id or plant.rule
        rows = list(child(name, number, plant.changes))
        yield from rows
        whole = {record.table: record.values for record in rows}
        for record in plant.more:
            yield Record(record.table, {**whole[record.table], **record.values})
        if plant.rule == "upn_shared":
            yield from child(f"{name}_too", 1000 + number, plant.changes)
        if plant.rule == "payload_too_large":
            for position in range(60):
                plan = {**whole["ssd_cin_plans"], "cinp_cin_plan_id": f"many-{position}"}
                yield Record("ssd_cin_plans", plan)
