"""Children from a CIN census return, the XML file of the 2020/21 to 2025/26 collections.

The layouts differ little: sex is GenderCurrent (1, 2, 0, 9) in the older and Sex (M, F, U) in the newer ones, and
codes were added. The reader takes what is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from submitter.trial import census_xml
from submitter.trial.children import InventedIds, Referral, ReturnedChild, longest_child_id
from submitter.trial.errors import TrialError
from submitter.trial.ssd import Record
from submitter.trial.values import Tally, Values, parse_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from submitter.trial.census_xml import Element


def read_cin_census(path: Path) -> CinCensus:
    """Return a CIN census file's children, read while they are taken.

    The return has no record ids: they are invented (see InventedIds). It says nothing of names, addresses,
    workers, ends of section 47 enquiries: these stay null. A date of an initial child protection conference that
    stands in CINdetails, outside any Section47, becomes a conference without an enquiry.
    """
    return CinCensus(path)


@dataclass
class CinCensus:
    """A CIN census file; iterating yields its children in order, holding one at a time.

    Iterating raises TrialError when the file is not a CIN census, and when a child has no usable LAchildID or a
    referral's date cannot be read. `tally` counts over every iteration.
    """

    path: Path
    tally: Tally = field(default_factory=Tally)

    def __iter__(self) -> Iterator[ReturnedChild]:
        values = Values(self.tally)
        for element in census_xml.children(self.path):
            yield _CensusChild(self.path.name, values, element).read()


class _CensusChild:
    def __init__(self, file_name: str, values: Values, child: Element) -> None:
        self._file_name = file_name
        self._values = values
        self._child = child
        self._child_id = self._read_child_id()
        self._ids = InventedIds(self._child_id)
        self._records: list[Record] = []
        self._referrals: list[Referral] = []

    def read(self) -> ReturnedChild:
        identifiers = self._child.group("ChildIdentifiers")
        characteristics = self._child.group("ChildCharacteristics")
        person = self._person(identifiers, characteristics)
        self._former_upns(identifiers)
        self._disabilities(characteristics)
        for details in self._child.all("CINdetails"):
            self._referral(details)
        return ReturnedChild(self._child_id, person, self._records, self._referrals)

    def _read_child_id(self) -> str:
        child_id = self._child.group("ChildIdentifiers").text("LAchildID")
        if not child_id:
            raise self._error(self._child, "a Child without LAchildID", "give it one, or take the child out")
        if len(child_id) > longest_child_id():
            raise self._error(self._child, f"an LAchildID of more than {longest_child_id()} characters", "shorten it")
        return child_id

    def _error(self, element: Element, what: str, remedy: str) -> TrialError:
        return TrialError(f"{self._file_name}, line {element.line}: {what}: {remedy}")

    def _person(self, identifiers: Element, characteristics: Element) -> dict[str, str | date | None]:
        values = self._values
        return {
            "pers_person_id": self._child_id,
            **values.upn(identifiers.text("UPN"), identifiers.text("UPNunknown")),
            "pers_sex": values.sex(identifiers.text("Sex") or identifiers.text("GenderCurrent")),
            "pers_ethnicity": values.text("pers_ethnicity", characteristics.text("Ethnicity")),
            "pers_dob": values.day(identifiers.text("PersonBirthDate")),
            "pers_expected_dob": values.day(identifiers.text("ExpectedPersonBirthDate")),
            "pers_death_date": values.day(identifiers.text("PersonDeathDate")),
        }

    def _former_upns(self, identifiers: Element) -> None:
        for element in identifiers.all("FormerUPN"):
            former_upn = self._values.text("link_identifier_value", element.own_text())
            if former_upn:
                row = {
                    "link_table_id": self._ids.new("LNK", former_upn),
                    "link_person_id": self._child_id,
                    "link_identifier_type": "Former Unique Pupil Number",
                    "link_identifier_value": former_upn,
                }
                self._records.append(Record("ssd_linked_identifiers", row))

    def _disabilities(self, characteristics: Element) -> None:
        for group in characteristics.all("Disabilities"):
            for element in group.all("Disability"):
                code = self._values.text("disa_disability_code", element.own_text())
                if code:
                    row = {
                        "disa_table_id": self._ids.new("DIS", code),
                        "disa_person_id": self._child_id,
                        "disa_disability_code": code,
                    }
                    self._records.append(Record("ssd_disability", row))

    def _referral(self, details: Element) -> None:
        values = self._values
        entered = details.text("CINreferralDate")
        referral_date = parse_day(entered) if entered else None
        if entered and referral_date is None:
            raise self._error(details, "a CINreferralDate that is no date", "write it as YYYY-MM-DD")
        close_date = values.day(details.text("CINclosureDate"))
        referral_id = self._ids.new("REF", referral_date)
        self._referrals.append(Referral(referral_id, referral_date, close_date))
        row = {
            "cine_referral_id": referral_id,
            "cine_person_id": self._child_id,
            "cine_referral_date": referral_date,
            "cine_cin_primary_need_code": values.text("cine_cin_primary_need_code", details.text("PrimaryNeedCode")),
            "cine_referral_source_code": values.text("cine_referral_source_code", details.text("ReferralSource")),
            "cine_referral_nfa": values.flag(details.text("ReferralNFA")),
            "cine_close_reason": values.text("cine_close_reason", details.text("ReasonForClosure")),
            "cine_close_date": close_date,
        }
        self._records.append(Record("ssd_cin_episodes", row))
        for assessment in details.all("Assessments"):
            self._assessment(referral_id, assessment)
        for plan in details.all("CINPlanDates"):
            self._cin_plan(referral_id, plan)
        conference_dates = {self._enquiry(referral_id, enquiry) for enquiry in details.all("Section47")}
        conference_date = values.day(details.text("DateOfInitialCPC"))
        if conference_date not in conference_dates:
            self._conference(referral_id, None, conference_date, None)
        for plan in details.all("ChildProtectionPlans"):
            self._cp_plan(referral_id, plan)

    def _assessment(self, referral_id: str, assessment: Element) -> None:
        start = self._values.day(assessment.text("AssessmentActualStartDate"))
        authorised = self._values.day(assessment.text("AssessmentAuthorisationDate"))
        assessment_id = self._ids.new("ASM", start or authorised)
        row = {
            "cina_assessment_id": assessment_id,
            "cina_person_id": self._child_id,
            "cina_referral_id": referral_id,
            "cina_assessment_start_date": start,
            "cina_assessment_auth_date": authorised,
        }
        self._records.append(Record("ssd_cin_assessments", row))
        groups = assessment.all("FactorsIdentifiedAtAssessment")
        if groups:
            # one group with every factor, or a group a factor, or the code in the group itself: all occur
            factors = [factor.own_text() for group in groups for factor in (*group.all("AssessmentFactors"), group)]
            factors_row = {
                "cinf_table_id": self._ids.new("FAC", assessment_id),
                "cinf_assessment_id": assessment_id,
                "cinf_assessment_factors_json": json.dumps([factor for factor in factors if factor]),
            }
            self._records.append(Record("ssd_assessment_factors", factors_row))

    def _cin_plan(self, referral_id: str, plan: Element) -> None:
        start = self._values.day(plan.text("CINPlanStartDate"))
        end = self._values.day(plan.text("CINPlanEndDate"))
        row = {
            "cinp_cin_plan_id": self._ids.new("CIN", start),
            "cinp_referral_id": referral_id,
            "cinp_person_id": self._child_id,
            "cinp_cin_plan_start_date": start,
            "cinp_cin_plan_end_date": end,
        }
        self._records.append(Record("ssd_cin_plans", row))

    def _enquiry(self, referral_id: str, enquiry: Element) -> date | None:
        """Add a section 47 enquiry and its conference; return the conference's date."""
        start = self._values.day(enquiry.text("S47ActualStartDate"))
        enquiry_id = self._ids.new("S47", start)
        not_required = self._values.flag(enquiry.text("ICPCnotRequired"))
        required = {"Y": "N", "N": "Y"}.get(not_required or "")
        row = {
            "s47e_s47_enquiry_id": enquiry_id,
            "s47e_referral_id": referral_id,
            "s47e_person_id": self._child_id,
            "s47e_s47_start_date": start,
            "s47e_s47_outcome_json": json.dumps({"CP_CONFERENCE_FLAG": required}) if required else None,
        }
        self._records.append(Record("ssd_s47_enquiry", row))
        conference_date = self._values.day(enquiry.text("DateOfInitialCPC"))
        target_date = self._values.day(enquiry.text("InitialCPCtarget"))
        self._conference(referral_id, enquiry_id, conference_date, target_date)
        return conference_date

    def _conference(self, referral_id: str, enquiry_id: str | None, day: date | None, target_date: date | None) -> None:
        if day is not None:
            row = {
                "icpc_icpc_id": self._ids.new("ICP", day),
                "icpc_s47_enquiry_id": enquiry_id,
                "icpc_person_id": self._child_id,
                "icpc_referral_id": referral_id,
                "icpc_icpc_target_date": target_date,
                "icpc_icpc_date": day,
            }
            self._records.append(Record("ssd_initial_cp_conference", row))

    def _cp_plan(self, referral_id: str, plan: Element) -> None:
        values = self._values
        start = values.day(plan.text("CPPstartDate"))
        row = {
            "cppl_cp_plan_id": self._ids.new("CPP", start),
            "cppl_referral_id": referral_id,
            "cppl_person_id": self._child_id,
            "cppl_cp_plan_start_date": start,
            "cppl_cp_plan_end_date": values.day(plan.text("CPPendDate")),
            "cppl_cp_plan_initial_category": values.text(
                "cppl_cp_plan_initial_category", plan.text("InitialCategoryOfAbuse")
            ),
            "cppl_cp_plan_latest_category": values.text(
                "cppl_cp_plan_latest_category", plan.text("LatestCategoryOfAbuse")
            ),
        }
        self._records.append(Record("ssd_cp_plans", row))
