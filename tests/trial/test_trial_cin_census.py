from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from submitter.trial.cin_census import read_cin_census
from submitter.trial.errors import TrialError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from submitter.trial.children import ReturnedChild
    from submitter.trial.ssd import Value

CHILD = """
<Child>
  <ChildIdentifiers>
    <LAchildID>C1</LAchildID>
    {identifiers}
  </ChildIdentifiers>
  <ChildCharacteristics>{characteristics}</ChildCharacteristics>
  {details}
</Child>
"""
DETAILS = "<CINdetails><CINreferralDate>2023-05-02</CINreferralDate>{}</CINdetails>"


def message(children: str, year: int = 2024, start: str = "<Message>") -> str:
    return f"""{start}
<Header><CollectionDetails><Collection>CIN</Collection><Year>{year}</Year>
<ReferenceDate>{year}-03-31</ReferenceDate></CollectionDetails>
<Source><SourceLevel>L</SourceLevel><LEA>999</LEA></Source></Header>
<Children>{children}</Children>
</Message>"""


def child(identifiers: str = "", characteristics: str = "", details: str = "") -> str:
    return CHILD.format(identifiers=identifiers, characteristics=characteristics, details=details)


def read(tmp_path: Path, text: str | bytes) -> list[ReturnedChild]:
    path = tmp_path / "cin.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_cin_census(path))


def only(children: list[ReturnedChild], table: str) -> Mapping[str, Value]:
    (row,) = rows(children, table)
    return row


def rows(children: list[ReturnedChild], table: str) -> list[Mapping[str, Value]]:
    return [record.values for child in children for record in child.records if record.table == table]


@pytest.mark.parametrize(
    ("year", "sex_element", "reason"),
    [
        (2021, "<GenderCurrent>2</GenderCurrent>", "UN3"),
        (2022, "<GenderCurrent>2</GenderCurrent>", "UN7"),
        (2023, "<GenderCurrent>2</GenderCurrent>", "UN8"),
        (2024, "<Sex>F</Sex>", "UN8"),
        (2025, "<Sex>F</Sex>", "UN9"),
        (2026, "<Sex>F</Sex>", "UN10"),
    ],
)
def test_a_whole_child_in_the_layout_of_each_year(tmp_path: Path, year: int, sex_element: str, reason: str) -> None:
    identifiers = f"""<FormerUPN>A999000000000</FormerUPN><UPNunknown>{reason}</UPNunknown>
        <PersonBirthDate>2015-03-27</PersonBirthDate>{sex_element}<PersonDeathDate>2023-12-01</PersonDeathDate>"""
    characteristics = """<Ethnicity>WBRI</Ethnicity>
        <Disabilities><Disability>HAND</Disability><Disability>HEAR</Disability></Disabilities>"""
    details = """
      <CINdetails>
        <CINreferralDate>2022-10-06</CINreferralDate><ReferralSource>1A</ReferralSource>
        <PrimaryNeedCode>N4</PrimaryNeedCode><CINclosureDate>2023-12-01</CINclosureDate>
        <ReasonForClosure>RC2</ReasonForClosure>
        <Assessments>
          <AssessmentActualStartDate>2022-10-07</AssessmentActualStartDate>
          <AssessmentInternalReviewDate>2022-10-20</AssessmentInternalReviewDate>
          <AssessmentAuthorisationDate>2022-11-01</AssessmentAuthorisationDate>
          <FactorsIdentifiedAtAssessment>
            <AssessmentFactors>1C</AssessmentFactors><AssessmentFactors>6B</AssessmentFactors>
          </FactorsIdentifiedAtAssessment>
        </Assessments>
        <CINPlanDates><CINPlanStartDate>2023-01-24</CINPlanStartDate>
          <CINPlanEndDate>2023-06-26</CINPlanEndDate></CINPlanDates>
        <Section47>
          <S47ActualStartDate>2022-11-02</S47ActualStartDate><InitialCPCtarget>2022-11-23</InitialCPCtarget>
          <DateOfInitialCPC>2022-11-20</DateOfInitialCPC><ICPCnotRequired>false</ICPCnotRequired>
        </Section47>
        <ReferralNFA>0</ReferralNFA>
        <ChildProtectionPlans>
          <CPPstartDate>2022-11-20</CPPstartDate><CPPendDate>2023-03-14</CPPendDate>
          <InitialCategoryOfAbuse>PHY</InitialCategoryOfAbuse><LatestCategoryOfAbuse>NEG</LatestCategoryOfAbuse>
          <NumberOfPreviousCPP>1</NumberOfPreviousCPP>
          <Reviews><CPPreviewDate>2023-02-15</CPPreviewDate></Reviews>
        </ChildProtectionPlans>
      </CINdetails>"""
    children = read(tmp_path, message(child(identifiers, characteristics, details), year))

    assert len(children) == 1
    assert children[0].person == {
        "pers_person_id": "C1",
        "pers_upn": None,
        "pers_upn_unknown": reason,
        "pers_sex": "F",
        "pers_ethnicity": "WBRI",
        "pers_dob": date(2015, 3, 27),
        "pers_expected_dob": None,
        "pers_death_date": date(2023, 12, 1),
    }
    referral = only(children, "ssd_cin_episodes")
    referral_id = referral["cine_referral_id"]
    assert referral == {
        "cine_referral_id": referral_id,
        "cine_person_id": "C1",
        "cine_referral_date": date(2022, 10, 6),
        "cine_cin_primary_need_code": "N4",
        "cine_referral_source_code": "1A",
        "cine_referral_nfa": "N",
        "cine_close_reason": "RC2",
        "cine_close_date": date(2023, 12, 1),
    }
    assert [row["disa_disability_code"] for row in rows(children, "ssd_disability")] == ["HAND", "HEAR"]
    former = only(children, "ssd_linked_identifiers")
    assert former["link_identifier_type"] == "Former Unique Pupil Number"
    assert former["link_identifier_value"] == "A999000000000"
    assessment = only(children, "ssd_cin_assessments")
    assert assessment["cina_referral_id"] == referral_id
    assert assessment["cina_assessment_start_date"] == date(2022, 10, 7)
    assert assessment["cina_assessment_auth_date"] == date(2022, 11, 1)
    factors = only(children, "ssd_assessment_factors")
    assert factors["cinf_assessment_id"] == assessment["cina_assessment_id"]
    assert factors["cinf_assessment_factors_json"] == '["1C", "6B"]'
    plan = only(children, "ssd_cin_plans")
    assert (plan["cinp_cin_plan_start_date"], plan["cinp_cin_plan_end_date"]) == (date(2023, 1, 24), date(2023, 6, 26))
    enquiry = only(children, "ssd_s47_enquiry")
    assert enquiry["s47e_s47_start_date"] == date(2022, 11, 2)
    assert json.loads(str(enquiry["s47e_s47_outcome_json"])) == {"CP_CONFERENCE_FLAG": "Y"}
    conference = only(children, "ssd_initial_cp_conference")
    assert conference["icpc_s47_enquiry_id"] == enquiry["s47e_s47_enquiry_id"]
    assert conference["icpc_icpc_date"] == date(2022, 11, 20)
    assert conference["icpc_icpc_target_date"] == date(2022, 11, 23)
    protection = only(children, "ssd_cp_plans")
    assert protection["cppl_referral_id"] == referral_id
    assert protection["cppl_cp_plan_end_date"] == date(2023, 3, 14)
    assert protection["cppl_cp_plan_latest_category"] == "NEG"


def test_an_unborn_child(tmp_path: Path) -> None:
    identifiers = "<ExpectedPersonBirthDate>2024-06-01</ExpectedPersonBirthDate><Sex>U</Sex>"
    (unborn,) = read(tmp_path, message(child(identifiers)))
    assert unborn.person["pers_dob"] is None
    assert unborn.person["pers_expected_dob"] == date(2024, 6, 1)
    assert unborn.person["pers_sex"] == "U"


def test_sex_is_taken_before_gender_and_gender_where_sex_is_blank(tmp_path: Path) -> None:
    both = child("<GenderCurrent>2</GenderCurrent><Sex>1</Sex>")
    blank = child("<Sex/><GenderCurrent>2</GenderCurrent>")
    assert [each.person["pers_sex"] for each in read(tmp_path, message(both + blank))] == ["M", "F"]


@pytest.mark.parametrize(
    ("element", "outcome"),
    [
        ("<ICPCnotRequired>true</ICPCnotRequired>", '{"CP_CONFERENCE_FLAG": "N"}'),
        ("<ICPCnotRequired>1</ICPCnotRequired>", '{"CP_CONFERENCE_FLAG": "N"}'),
        ("<ICPCnotRequired>0</ICPCnotRequired>", '{"CP_CONFERENCE_FLAG": "Y"}'),
        ("", None),
    ],
)
def test_whether_a_conference_was_required(tmp_path: Path, element: str, outcome: str | None) -> None:
    children = read(tmp_path, message(child(details=DETAILS.format(f"<Section47>{element}</Section47>"))))
    assert only(children, "ssd_s47_enquiry")["s47e_s47_outcome_json"] == outcome
    assert rows(children, "ssd_initial_cp_conference") == []


def test_a_conference_outside_section_47_has_no_enquiry(tmp_path: Path) -> None:
    children = read(tmp_path, message(child(details=DETAILS.format("<DateOfInitialCPC>2023-06-01</DateOfInitialCPC>"))))
    conference = only(children, "ssd_initial_cp_conference")
    assert conference["icpc_s47_enquiry_id"] is None
    assert conference["icpc_referral_id"] == only(children, "ssd_cin_episodes")["cine_referral_id"]
    assert rows(children, "ssd_s47_enquiry") == []


def test_the_same_conference_in_both_places_is_one(tmp_path: Path) -> None:
    day = "<DateOfInitialCPC>2023-06-01</DateOfInitialCPC>"
    children = read(tmp_path, message(child(details=DETAILS.format(f"{day}<Section47>{day}</Section47>"))))
    assert only(children, "ssd_initial_cp_conference")["icpc_s47_enquiry_id"] is not None


@pytest.mark.parametrize(
    ("elements", "factors"),
    [
        ("<F/>", "[]"),
        ("<F><A>1A</A></F><F><A>2A</A></F>", '["1A", "2A"]'),
        ("<F>3A</F><F>4A</F>", '["3A", "4A"]'),
        ("", None),
    ],
)
def test_factors_in_every_form(tmp_path: Path, elements: str, factors: str | None) -> None:
    for short, name in (("F", "FactorsIdentifiedAtAssessment"), ("A", "AssessmentFactors")):
        elements = re.sub(rf"(</?){short}(/?>)", rf"\1{name}\2", elements)
    children = read(tmp_path, message(child(details=DETAILS.format(f"<Assessments>{elements}</Assessments>"))))
    found = [row["cinf_assessment_factors_json"] for row in rows(children, "ssd_assessment_factors")]
    assert found == ([] if factors is None else [factors])


def test_ids_are_invented_once_and_for_all(tmp_path: Path) -> None:
    plan = "<CINPlanDates><CINPlanStartDate>2023-06-01</CINPlanStartDate></CINPlanDates>"
    text = message(child(details=DETAILS.format(plan + plan) * 2))
    ids = [next(iter(record.values.values())) for each in read(tmp_path, text) for record in each.records]
    assert ids == [next(iter(record.values.values())) for each in read(tmp_path, text) for record in each.records]
    assert len(ids) == len(set(ids)) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,36}", str(each)) for each in ids)


def test_untidy_files_are_read_all_the_same(tmp_path: Path) -> None:
    start = '<?xml version="1.0" encoding="utf-8"?>\n<c:Message xmlns:c="urn:cin" xsi:schemaLocation="x">'
    untidy = "<!-- note --><c:Child>stray<c:CHILDIDENTIFIERS>  <c:LaChildId> C9\n</c:LaChildId>more"
    end = "<c:Odd>1</c:Odd></c:CHILDIDENTIFIERS></c:Child>"
    text = message(untidy + end, start=start).replace("</Message>", "</c:Message>")
    (only_child,) = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert only_child.child_id == "C9"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="UTF-8"?>\n'])
def test_files_in_other_encodings(tmp_path: Path, encoding: str, declared: str) -> None:
    need = "N\N{LATIN CAPITAL LETTER E WITH ACUTE}"
    details = DETAILS.format(f"<PrimaryNeedCode>{need}</PrimaryNeedCode>")
    children = read(tmp_path, (declared + message(child(details=details))).encode(encoding))
    assert only(children, "ssd_cin_episodes")["cine_cin_primary_need_code"] == need


def test_values_that_cannot_be_used_are_null_and_counted(tmp_path: Path) -> None:
    details = DETAILS.format("<CINclosureDate>soon</CINclosureDate><ReferralNFA>maybe</ReferralNFA>")
    path = tmp_path / "cin.xml"
    path.write_text(message(child("<UPN>A12345678901234567</UPN>", details=details)), encoding="utf-8")
    census = read_cin_census(path)
    (only_child,) = census
    assert only_child.person["pers_upn"] is None
    assert only_child.records[0].values["cine_close_date"] is None
    assert only_child.records[0].values["cine_referral_nfa"] is None
    assert census.tally.not_understood == 3


def test_children_come_while_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cin.xml"
    path.write_text(message(child() * 2_000).replace("</Children>", "<broken"), encoding="utf-8")
    children = iter(read_cin_census(path))
    assert next(children).child_id == "C1"
    with pytest.raises(TrialError, match="broken"):
        list(children)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<SSDA903><CHILD/></SSDA903>", "line 1: the outermost element is not Message"),
        (message("").encode(), "has no Child"),
        (message(child()).replace("<Collection>CIN<", "<Collection>SCHOOL<").encode(), "Collection is not CIN"),
        (message(child()).replace("</Child>", "").encode(), r"line \d+: the XML is broken \(mismatched tag\)"),
        (b"", r"the XML is broken \(no element found\)"),
        (b"CHILD,SEX,DOB\n1,1,01/01/2015\n", "line 1: the XML is broken"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel workbook or a zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook"),
        (message(child()).encode("utf-16-le"), "not a text file"),
        (message(child("<UPN>\u20ac</UPN>")).encode().replace(b"\xe2\x82\xac", b"\x81\xff"), "neither UTF-8 nor"),
        (b'<!DOCTYPE Message [<!ENTITY a "x">]>' + message(child("<UPN>&a;</UPN>")).encode(), "line 1: it has a docu"),
        (message(child()).replace("<LAchildID>C1</LAchildID>", "").encode(), "line 6: a Child without LAchildID"),
        (message(child()).replace("C1", "C" * 49).encode(), "line 6: an LAchildID of more than 48 characters"),
        (
            message(child(details="\n<CINdetails><CINreferralDate>secret</CINreferralDate></CINdetails>")).encode(),
            r"line \d+: a CINreferralDate that is no date: write it as YYYY-MM-DD",
        ),
    ],
)
def test_what_is_no_cin_census_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(TrialError, match=f"cin.xml.*{said}") as refused:
        read(tmp_path, content)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match=r"nothing\.xml does not exist"):
        list(read_cin_census(tmp_path / "nothing.xml"))


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="is a folder"):
        list(read_cin_census(tmp_path))
