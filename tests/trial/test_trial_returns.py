from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import duckdb

from submitter.trial.cin_census import read_cin_census
from submitter.trial.returns import combined
from submitter.trial.ssd import create_tables, load
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from pathlib import Path

    from submitter.trial.ssd import Record

CENSUS = """<Message><Children>
<Child>
  <ChildIdentifiers><LAchildID>7</LAchildID><UPN>A123456789012</UPN>
    <PersonBirthDate>2008-03-27</PersonBirthDate><Sex>F</Sex></ChildIdentifiers>
  <CINdetails><CINreferralDate>2023-01-01</CINreferralDate><CINclosureDate>soon</CINclosureDate></CINdetails>
</Child>
<Child><ChildIdentifiers><LAchildID>8</LAchildID></ChildIdentifiers></Child>
{more}
</Children></Message>"""
HEADER = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER\n7,1,{birth},WROM,B123456789012,0\n9,1,01/02/2010,WBRI,,\n"
EPISODES = "CHILD,DECOM,RNE,PLACE,DEC,REC\n7,01/04/2023,S,U4,,X1\n9,01/04/2023,S,U4,,X1\n"


def census(folder: Path, more: str = "") -> Path:
    path = folder / "cin.xml"
    path.write_text(CENSUS.format(more=more), encoding="utf-8")
    return path


def return_903(folder: Path, birth: str = "27/03/2008") -> Path:
    (folder / "header.csv").write_text(HEADER.format(birth=birth), encoding="utf-8")
    (folder / "episodes.csv").write_text(EPISODES, encoding="utf-8")
    return folder


def of(records: list[Record], table: str) -> list[Record]:
    return [record for record in records if record.table == table]


def test_a_child_in_both_returns_is_one_person_under_its_own_referral(tmp_path: Path) -> None:
    returns = combined(read_cin_census(census(tmp_path)), read_ssda903(return_903(tmp_path)))
    records = list(returns.rows)
    people = {record.values["pers_person_id"]: record.values for record in of(records, "ssd_person")}
    assert list(people) == ["7", "8", "9"]
    assert len(of(records, "ssd_person")) == 3
    # the census's word where it has one, else the other return's
    assert people["7"]["pers_sex"] == "F"
    assert people["7"]["pers_upn"] == "A123456789012"
    assert people["7"]["pers_ethnicity"] == "WROM"
    assert people["7"]["pers_is_mother"] == "N"
    referrals = {record.values["cine_person_id"]: record.values for record in of(records, "ssd_cin_episodes")}
    episodes = {record.values["clae_person_id"]: record.values for record in of(records, "ssd_cla_episodes")}
    assert len(of(records, "ssd_cin_episodes")) == 2
    assert referrals["7"]["cine_referral_date"] == date(2023, 1, 1)
    assert referrals["9"]["cine_referral_date"] == date(2023, 4, 1)
    for child_id in ("7", "9"):
        assert episodes[child_id]["clae_referral_id"] == referrals[child_id]["cine_referral_id"]
    assert returns.in_both == 1
    assert returns.births_differing == 0
    assert returns.not_understood == 1


def test_children_who_differ_in_both_returns_are_counted(tmp_path: Path) -> None:
    returns = combined(read_cin_census(census(tmp_path)), read_ssda903(return_903(tmp_path, "28/03/2008")))
    people = of(list(returns.rows), "ssd_person")
    assert returns.births_differing == 1
    assert people[0].values["pers_dob"] == date(2008, 3, 27)


def test_a_child_twice_in_the_census_is_one_person_with_all_referrals(tmp_path: Path) -> None:
    again = """<Child><ChildIdentifiers><LAchildID>7</LAchildID></ChildIdentifiers>
        <CINdetails><CINreferralDate>2023-03-01</CINreferralDate></CINdetails></Child>"""
    returns = combined(read_cin_census(census(tmp_path, again)), read_ssda903(return_903(tmp_path)))
    records = list(returns.rows)
    assert [record.values["pers_person_id"] for record in of(records, "ssd_person")] == ["7", "8", "9"]
    referrals = {record.values["cine_referral_date"]: record.values for record in of(records, "ssd_cin_episodes")}
    episode = of(records, "ssd_cla_episodes")[0].values
    assert episode["clae_referral_id"] == referrals[date(2023, 3, 1)]["cine_referral_id"]


def test_each_return_alone(tmp_path: Path) -> None:
    alone = list(combined(read_cin_census(census(tmp_path)), None).rows)
    assert [record.values["pers_person_id"] for record in of(alone, "ssd_person")] == ["7", "8"]
    other = list(combined(None, read_ssda903(return_903(tmp_path))).rows)
    assert [record.values["pers_person_id"] for record in of(other, "ssd_person")] == ["7", "9"]
    assert len(of(other, "ssd_cin_episodes")) == 2


def test_two_loads_hold_the_same(tmp_path: Path) -> None:
    def loaded() -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            create_tables(connection, "ssd")
            returns = combined(read_cin_census(census(tmp_path)), read_ssda903(return_903(tmp_path)))
            load(connection, "ssd", returns.rows)
            tables = ("ssd_person", "ssd_cin_episodes", "ssd_cla_episodes", "ssd_cla_placement")
            return [row for table in tables for row in connection.execute(f"from ssd.{table}").fetchall()]

    assert loaded() == loaded()
    assert len(loaded()) == 9
