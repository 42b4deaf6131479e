from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from submitter.reference import attributes, code_sets, patterns, ssd_tables
from submitter.trial.invent import invented_children
from submitter.trial.invent_records import window_start
from submitter.trial.ssd import text_lengths

if TYPE_CHECKING:
    from submitter.trial.ssd import Record, Value

RUN_DATE = date(2026, 3, 15)
CHILDREN = 1_000


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(invented_children(CHILDREN, seed=1, run_date=RUN_DATE))


def column(records: list[Record], name: str) -> list[Value]:
    return [record.values[name] for record in records if name in record.values]


def texts(records: list[Record], name: str) -> list[str]:
    return [value for value in column(records, name) if isinstance(value, str)]


def day(value: Value) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else None


def test_the_same_seed_gives_the_same_records(records: list[Record]) -> None:
    assert list(invented_children(CHILDREN, seed=1, run_date=RUN_DATE)) == records


def test_another_seed_gives_others(records: list[Record]) -> None:
    others = list(invented_children(CHILDREN, seed=2, run_date=RUN_DATE))
    assert texts(others, "pers_surname") != texts(records, "pers_surname")


def test_more_children_begin_with_the_same_ones(records: list[Record]) -> None:
    fewer = list(invented_children(100, seed=1, run_date=RUN_DATE))
    assert records[: len(fewer)] == fewer


def test_as_many_children_as_asked_for(records: list[Record]) -> None:
    assert len({person_id.strip() for person_id in texts(records, "pers_person_id")}) == CHILDREN
    assert list(invented_children(0, seed=1, run_date=RUN_DATE)) == []


def test_every_table_has_rows_and_every_row_known_columns(records: list[Record]) -> None:
    assert {record.table for record in records} == set(ssd_tables())
    for record in records:
        assert record.values.keys() <= {column.name for column in ssd_tables()[record.table]}


def test_text_respects_the_lengths_of_its_columns(records: list[Record]) -> None:
    lengths = text_lengths()
    for record in records:
        for name, value in record.values.items():
            if isinstance(value, str) and lengths[name] is not None:
                assert len(value) <= (lengths[name] or 0), name


def test_every_code_of_every_code_set_occurs(records: list[Record]) -> None:
    coded = {attribute.values: attribute.ssd_source for attribute in attributes() if attribute.values in code_sets()}
    assert coded.keys() == code_sets().keys()
    for name, source in coded.items():
        values = texts(records, source.partition(".")[2])
        if name == "assessment_factor":
            values = [code for text in values for code in re.findall(r'"(\w+)"', text)]
        if name == "care_leaver_accommodation":
            values = [value[:1] for value in values]
        assert set(code_sets()[name]) <= set(values), name


def test_about_sixty_per_cent_have_a_referral_in_the_window(records: list[Record]) -> None:
    start, end = window_start(RUN_DATE), RUN_DATE + timedelta(days=1)
    active = set()
    for record in records:
        if record.table == "ssd_cin_episodes":
            referred, closed = day(record.values["cine_referral_date"]), day(record.values["cine_close_date"])
            if referred is not None and referred <= end and (closed is None or closed >= start):
                active.add(record.values["cine_person_id"])
    assert 0.55 < len(active) / CHILDREN < 0.7


@pytest.mark.parametrize(
    ("run_date", "start"),
    [
        (date(2026, 3, 31), date(2023, 4, 1)),
        (date(2026, 4, 1), date(2024, 4, 1)),
        (date(2024, 2, 29), date(2021, 4, 1)),
    ],
)
def test_the_window_starts_on_the_first_of_april_two_years_back(run_date: date, start: date) -> None:
    assert window_start(run_date) == start


def test_all_kinds_of_lives_occur(records: list[Record]) -> None:
    people = [record.values for record in records if record.table == "ssd_person"]
    with_referral = {str(person_id).strip() for person_id in column(records, "cine_person_id")}
    old = window_start(RUN_DATE) - timedelta(days=26 * 366)
    births = [day(person["pers_dob"]) for person in people]
    assert any(person["pers_expected_dob"] and not person["pers_dob"] for person in people)
    assert any(person["pers_death_date"] for person in people)
    assert any(birth and birth < old for birth in births)
    assert any(str(person["pers_person_id"]).strip() not in with_referral for person in people)
    assert any("UASC" in status for status in texts(records, "immi_immigration_status"))
    assert "Former Unique Pupil Number" in texts(records, "link_identifier_type")
    assert any(column(records, "perm_placed_for_adoption_date"))
    assert any(column(records, "csdq_sdq_score"))


def test_care_workers_are_registered_and_at_work_on_a_census_day(records: list[Record]) -> None:
    registered = {
        record.values["prof_professional_id"]
        for record in records
        if record.table == "ssd_professionals" and record.values["prof_social_worker_registration_no"]
    }
    census_day = date(2025, 3, 31)
    at_work = [
        record.values
        for record in records
        if record.table == "ssd_involvements"
        and record.values["invo_professional_role_id"] == "CW"
        and record.values["invo_professional_id"] in registered
        and (day(record.values["invo_involvement_start_date"]) or date.max) <= census_day
        and (day(record.values["invo_involvement_end_date"]) or date.max) >= census_day
    ]
    assert len(at_work) > 50


def test_a_few_person_ids_are_such_that_the_receiver_refuses_them(records: list[Record]) -> None:
    ids = {person_id.strip() for person_id in texts(records, "pers_person_id")}
    refused = {person_id for person_id in ids if not re.fullmatch(patterns()["id"], person_id)}
    assert 0 < len(refused) < CHILDREN * 0.005
    assert any(" " in person_id for person_id in refused)
    assert any(len(person_id) > 36 for person_id in refused)


def test_exact_duplicates_occur(records: list[Record]) -> None:
    duplicates = [record for record, following in pairwise(records) if record is following]
    assert 10 < len(duplicates) < len(records) / 100


def test_dirt_of_every_kind_occurs(records: list[Record]) -> None:
    sources = texts(records, "cine_referral_source_code")
    ethnicities = texts(records, "pers_ethnicity")
    names = texts(records, "pers_forename") + texts(records, "pers_surname")
    factors = texts(records, "cinf_assessment_factors_json")
    every_text = [value for record in records for value in record.values.values() if isinstance(value, str)]
    assert any(source.lower() != source for source in sources)
    assert any(ethnicity.islower() for ethnicity in ethnicities)
    assert any(re.fullmatch(r"\w+ - .+", source) for source in sources)
    assert any(source != source.strip() for source in sources)
    assert any(re.search(r"\w\s+\w", ethnicity) for ethnicity in ethnicities)
    assert "" in every_text
    assert " " in every_text
    for mark in ('"', "'", "\\", "\t", "\n", "\x01", "\N{GRINNING FACE}"):
        assert any(mark in name for name in names), mark
    assert any(person_id != person_id.strip() for person_id in texts(records, "pers_person_id"))
    assert any(len(text) == 5_000 and json.loads(text) is not None for text in factors)
    assert any(not text.startswith("[") for text in factors)
    assert any("Y}" in text or text == "{" for text in texts(records, "s47e_s47_outcome_json"))
    assert "UN3" in texts(records, "pers_upn")
    assert any(isinstance(value, datetime) for record in records for value in record.values.values())
    # empty for no reason but dirt
    filled = (
        "pers_surname",
        "pers_sex",
        "pers_gender",
        "pers_ethnicity",
        "disa_disability_code",
        "clap_cla_placement_type",
    )
    assert any(None in column(records, name) for name in filled)


def test_some_ends_are_before_their_starts(records: list[Record]) -> None:
    placements = [record.values for record in records if record.table == "ssd_cla_placement"]
    periods = [
        (day(values["clap_cla_placement_start_date"]), day(values["clap_cla_placement_end_date"]))
        for values in placements
    ]
    assert any(start and end and end < start for start, end in periods)


def test_most_records_are_clean(records: list[Record]) -> None:
    codes = set(code_sets()["ethnicity"])
    clean = [ethnicity for ethnicity in texts(records, "pers_ethnicity") if ethnicity in codes]
    assert len(clean) > CHILDREN * 0.9
