from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from submitter.trial.children import Referral
from submitter.trial.errors import TrialError
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from submitter.trial.children import ReturnedChild
    from submitter.trial.ssd import Value

HEADER = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n"
EPISODES = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def episode(start: str, reason: str, place: str = "U4", end: str = "", **others: str) -> str:
    ceased, change = others.get("ceased", "X1"), others.get("change", "")
    return f"7,{start},{reason},C2,N1,{place},PR1,{end},{ceased},{change},ZZ1 1AA,ZZ9 9ZZ,SC1234\n"


def read(folder: Path, referrals: Sequence[Referral] = ()) -> ReturnedChild:
    (child,) = read_ssda903(folder).children.values()
    return child.read(referrals)


def rows(child: ReturnedChild, table: str) -> list[Mapping[str, Value]]:
    return [record.values for record in child.records if record.table == table]


def placements(child: ReturnedChild) -> list[tuple[Value, Value, Value, Value]]:
    return [
        (
            row["clap_cla_placement_start_date"],
            row["clap_cla_placement_end_date"],
            row["clap_cla_placement_type"],
            row["clap_cla_placement_change_reason"],
        )
        for row in rows(child, "ssd_cla_placement")
    ]


def periods(child: ReturnedChild) -> list[tuple[Value, Value]]:
    return [(row["cine_referral_date"], row["cine_close_date"]) for row in rows(child, "ssd_cin_episodes")]


def test_header_gives_the_person(tmp_path: Path) -> None:
    write(tmp_path, header=HEADER + "7,2,27/03/2008,WROM,A123456789012,1.0,27/08/2016\n")
    assert read(tmp_path).person == {
        "pers_person_id": "7",
        "pers_dob": date(2008, 3, 27),
        "pers_sex": "F",
        "pers_ethnicity": "WROM",
        "pers_is_mother": "Y",
        "pers_upn": "A123456789012",
        "pers_upn_unknown": None,
    }


def test_a_reason_in_place_of_the_upn(tmp_path: Path) -> None:
    person = read(write(tmp_path, header=HEADER + "7,1,27/03/2008,WROM,UN4,,\n")).person
    assert (person["pers_upn"], person["pers_upn_unknown"]) == (None, "UN4")


def test_a_child_that_is_not_in_the_header_is_a_person_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, episodes=EPISODES + episode("01/04/2023", "S"), uasc="CHILD,SEX,DOB,DUC\n7,1,02/05/2008,\n")
    person = read(tmp_path).person
    assert (person["pers_person_id"], person["pers_sex"], person["pers_dob"]) == ("7", "M", date(2008, 5, 2))


def test_an_episode_is_a_row(tmp_path: Path) -> None:
    child = read(write(tmp_path, episodes=EPISODES + episode("01/04/2023", "S", "U4", "02/05/2023", ceased="E4A")))
    (row,) = rows(child, "ssd_cla_episodes")
    (placement,) = rows(child, "ssd_cla_placement")
    (referral,) = rows(child, "ssd_cin_episodes")
    assert row == {
        "clae_cla_episode_id": row["clae_cla_episode_id"],
        "clae_person_id": "7",
        "clae_cla_placement_id": placement["clap_cla_placement_id"],
        "clae_cla_episode_start_date": date(2023, 4, 1),
        "clae_cla_episode_start_reason": "S",
        "clae_cla_primary_need_code": "N1",
        "clae_cla_episode_ceased_date": date(2023, 5, 2),
        "clae_cla_episode_ceased_reason": "E4A",
        "clae_cla_id": placement["clap_cla_id"],
        "clae_referral_id": referral["cine_referral_id"],
        "clae_entered_care_date": date(2023, 4, 1),
    }
    assert placement["clap_cla_placement_postcode"] == "ZZ9 9ZZ"
    assert placement["clap_cla_placement_provider"] == "PR1"
    assert placement["clap_cla_placement_urn"] == "SC1234"


def test_a_change_of_legal_status_alone_stays_in_the_placement(tmp_path: Path) -> None:
    text = (
        EPISODES
        + episode("01/04/2023", "S", "A3", "02/05/2023", change="OTHER")
        + episode("02/05/2023", "L", "A5", "03/06/2023", change="PLACE")
    )
    child = read(write(tmp_path, episodes=text))
    assert placements(child) == [(date(2023, 4, 1), date(2023, 6, 3), "A5", "PLACE")]
    assert len({row["clae_cla_placement_id"] for row in rows(child, "ssd_cla_episodes")}) == 1


@pytest.mark.parametrize("reason", ["P", "T", "B", "U", ""])
def test_every_other_reason_begins_a_placement_in_the_same_period_of_care(tmp_path: Path, reason: str) -> None:
    text = EPISODES + episode("01/04/2023", "S", end="02/05/2023", change="CARPL") + episode("02/05/2023", reason, "R2")
    child = read(write(tmp_path, episodes=text))
    assert placements(child) == [
        (date(2023, 4, 1), date(2023, 5, 2), "U4", "CARPL"),
        (date(2023, 5, 2), None, "R2", None),
    ]
    assert periods(child) == [(date(2023, 4, 1), None)]
    assert len({row["clae_cla_id"] for row in rows(child, "ssd_cla_episodes")}) == 1


def test_starting_to_be_looked_after_begins_a_period_of_care(tmp_path: Path) -> None:
    text = (
        EPISODES
        + episode("01/04/2023", "S", end="02/05/2023", ceased="E4A")
        + episode("03/05/2023", "s", end="04/06/2023", ceased="E4A")
    )
    child = read(write(tmp_path, episodes=text))
    assert periods(child) == [(date(2023, 4, 1), date(2023, 5, 2)), (date(2023, 5, 3), date(2023, 6, 4))]
    assert len({row["clae_cla_id"] for row in rows(child, "ssd_cla_episodes")}) == 2


@pytest.mark.parametrize(("next_start", "number"), [("02/05/2023", 1), ("03/05/2023", 1), ("04/05/2023", 2)])
def test_more_than_a_day_between_begins_a_period_of_care(tmp_path: Path, next_start: str, number: int) -> None:
    text = EPISODES + episode("01/04/2023", "S", end="02/05/2023") + episode(next_start, "L")
    child = read(write(tmp_path, episodes=text))
    assert len(periods(child)) == len(placements(child)) == number


def test_a_first_episode_that_is_a_change_begins_a_period_whose_real_start_is_not_known(tmp_path: Path) -> None:
    child = read(write(tmp_path, episodes=EPISODES + episode("01/04/2023", "L")))
    assert periods(child) == [(date(2023, 4, 1), None)]
    assert rows(child, "ssd_cla_episodes")[0]["clae_entered_care_date"] is None


def test_a_period_that_goes_on_has_no_end(tmp_path: Path) -> None:
    child = read(write(tmp_path, episodes=EPISODES + episode("01/04/2023", "S", end="02/05/2023", ceased="X1")))
    assert periods(child) == [(date(2023, 4, 1), None)]


def test_episodes_in_any_order(tmp_path: Path) -> None:
    text = EPISODES + episode("02/05/2023", "P", "R2") + episode("01/04/2023", "S", end="02/05/2023")
    child = read(write(tmp_path, episodes=text))
    assert [start for start, *_ in placements(child)] == [date(2023, 4, 1), date(2023, 5, 2)]


@pytest.mark.parametrize(
    ("referrals", "taken"),
    [
        ([Referral("open", date(2023, 3, 1), None)], "open"),
        ([Referral("old", date(2022, 1, 1), None), Referral("new", date(2023, 3, 1), None)], "new"),
        ([Referral("open", date(2023, 4, 1), date(2023, 4, 1)), Referral("later", date(2023, 4, 5), None)], "open"),
        ([Referral("later", date(2023, 4, 5), None)], "later"),
        ([Referral("before", date(2022, 1, 1), date(2023, 3, 31))], None),
        ([Referral("after", date(2023, 5, 3), None)], None),
        ([Referral("no date", None, None)], "no date"),
        ([], None),
    ],
)
def test_a_period_of_care_takes_the_referral_it_belongs_to(
    tmp_path: Path, referrals: list[Referral], taken: str | None
) -> None:
    text = EPISODES + episode("01/04/2023", "S", end="02/05/2023", ceased="E4A")
    child = read(write(tmp_path, episodes=text), referrals)
    (row,) = rows(child, "ssd_cla_episodes")
    if taken is None:
        assert periods(child) == [(date(2023, 4, 1), date(2023, 5, 2))]
        assert row["clae_referral_id"] == rows(child, "ssd_cin_episodes")[0]["cine_referral_id"]
    else:
        assert periods(child) == []
        assert row["clae_referral_id"] == taken


def test_the_other_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        header=HEADER + "7,2,27/03/2008,WROM,,,\n",
        uasc="CHILD,SEX,DOB,DUC\n7,2,27/03/2008,27/03/2026\n",
        oc2="CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED\n7,27/03/2008,25.0,,0\n7,27/03/2008,,SDQ1,0\n7,27/03/2008,,,1\n",
        oc3="CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\n7,27/03/2008,YES,F1,Z1\n",
        prev_perm="CHILD,DOB\nnonsense",
    )
    child = read(tmp_path)
    (status,) = rows(child, "ssd_immigration_status")
    assert status["immi_immigration_status"] == "UASC"
    assert status["immi_immigration_status_end_date"] == date(2026, 3, 27)
    scores = [(row["csdq_sdq_score"], row["csdq_sdq_reason"]) for row in rows(child, "ssd_sdq_scores")]
    assert scores == [(25, None), (None, "SDQ1")]
    (leaver,) = rows(child, "ssd_care_leavers")
    assert leaver["clea_care_leaver_in_touch"] == "YES"
    assert leaver["clea_care_leaver_activity"] == "F1"
    assert leaver["clea_care_leaver_accommodation"] == "Z1"


AD1 = "CHILD,DOB,DATE_INT,DATE_MATCH,FOSTER_CARE,NB_ADOPTR,SEX_ADOPTR,LS_ADOPTR\n"
PLACED = "CHILD,DOB,DATE_PLACED,DATE_PLACED_CEASED,REASON_PLACED_CEASED\n"


def adoption(child: ReturnedChild) -> list[tuple[Value, Value, Value]]:
    return [
        (row["perm_adm_decision_date"], row.get("perm_matched_date"), row["perm_placed_for_adoption_date"])
        for row in rows(child, "ssd_permanence")
    ]


def test_an_adoption(tmp_path: Path) -> None:
    write(
        tmp_path,
        episodes=EPISODES
        + episode("01/01/2023", "S", "A5", "02/02/2023")
        + episode("02/02/2023", "P", "U4", "05/06/2023")
        + episode("05/06/2023", "P", "a5", "07/08/2023", ceased="E12"),
        ad1=AD1 + "7,,03/03/2023,04/04/2023,0,2,MF,L0\n",
        placed_for_adoption=PLACED + "7,,03/03/2023,,\n",
    )
    child = read(tmp_path)
    # placed on the first day of a placement for adoption after the decision
    assert adoption(child) == [(date(2023, 3, 3), date(2023, 4, 4), date(2023, 6, 5))]
    (row,) = rows(child, "ssd_permanence")
    assert row["perm_number_of_adopters"] == 2
    assert row["perm_adopted_by_carer_flag"] == "N"
    assert row["perm_cla_id"] == rows(child, "ssd_cla_episodes")[0]["clae_cla_id"]


def test_a_decision_that_was_reversed(tmp_path: Path) -> None:
    write(tmp_path, header=HEADER + "7,1,,,,,\n", placed_for_adoption=PLACED + "7,,03/03/2023,04/05/2023,RD2\n")
    child = read(tmp_path)
    assert adoption(child) == [(date(2023, 3, 3), None, None)]
    assert rows(child, "ssd_permanence")[0]["perm_decision_reversed_date"] == date(2023, 5, 4)


def test_an_adoption_goes_with_its_own_decision(tmp_path: Path) -> None:
    write(
        tmp_path,
        header=HEADER + "7,1,,,,,\n",
        ad1=AD1 + "7,,03/03/2022,04/04/2023,,,,\n",
        placed_for_adoption=PLACED + "7,,03/03/2022,,\n7,,09/09/2023,,\n",
    )
    assert adoption(read(tmp_path)) == [
        (date(2022, 3, 3), date(2023, 4, 4), None),
        (date(2023, 9, 9), None, None),
    ]


def test_an_adoption_without_the_other_file(tmp_path: Path) -> None:
    write(tmp_path, header=HEADER + "7,1,,,,,\n", ad1=AD1 + "7,,03/03/2022,04/04/2023,,,,\n")
    assert adoption(read(tmp_path)) == [(date(2022, 3, 3), date(2023, 4, 4), None)]


def test_untidy_files_are_read_all_the_same(tmp_path: Path) -> None:
    header = '\ufeff"child", Sex ,dob,EXTRA,Ethnic\r\n 7.0 ,1,2008-03-27,x,WROM\r\n\r\n,,,,\r\n'
    (tmp_path / "SSDA903_2024 Header.CSV").write_text(header, encoding="utf-8", newline="")
    (tmp_path / "notes.txt").write_text("header", encoding="utf-8")
    (tmp_path / "episodes").mkdir()
    child = read(tmp_path)
    assert child.child_id == "7"
    assert child.person["pers_ethnicity"] == "WROM"
    assert child.person["pers_dob"] == date(2008, 3, 27)


def test_cp1252_files(tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_bytes((HEADER + "7,1,27/03/2008,caf\xe9,,,\n").encode("cp1252"))
    assert read(tmp_path).person["pers_ethnicity"] == "caf\xe9"


def test_values_that_cannot_be_used_are_null_and_counted(tmp_path: Path) -> None:
    write(
        tmp_path,
        header=HEADER + "7,1,soon,WROM,A12345678901234567,2,\n",
        episodes=EPISODES + episode("01/04/2023", "S", end="99/99/2023").replace("ZZ9 9ZZ", "ZZ9 9ZZ (carer)"),
        oc2="CHILD,DOB,SDQ_SCORE,SDQ_REASON\n7,,high,SDQ1\n",
    )
    returned = read_ssda903(tmp_path)
    child = returned.children["7"].read()
    assert child.person["pers_dob"] is None
    assert child.person["pers_upn"] is None
    assert rows(child, "ssd_cla_episodes")[0]["clae_cla_episode_ceased_date"] is None
    assert rows(child, "ssd_cla_placement")[0]["clap_cla_placement_postcode"] is None
    assert rows(child, "ssd_sdq_scores")[0]["csdq_sdq_score"] is None
    assert returned.tally.not_understood == 6


def test_ids_are_invented_once_and_for_all(tmp_path: Path) -> None:
    text = EPISODES + episode("01/04/2023", "S", end="02/05/2023") * 2
    write(tmp_path, episodes=text, oc2="CHILD,SDQ_SCORE,SDQ_REASON\n7,1,\n7,1,\n")
    ids = [next(iter(record.values.values())) for record in read(tmp_path).records]
    assert ids == [next(iter(record.values.values())) for record in read(tmp_path).records]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,36}", str(each)) for each in ids)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("header.csv", b"CHILD,SEX\n7,1\n", r"header\.csv has no column DOB: its first line must name the columns"),
        ("header.csv", b"", r"header\.csv has no column CHILD, SEX, DOB"),
        ("episodes.csv", b"CHILD;DECOM;RNE\n", r"episodes\.csv has no column CHILD, DECOM, RNE, PLACE, DEC, REC"),
        ("header.csv", b"CHILD,SEX,DOB\n\n,1,27/03/2008\n", r"header\.csv, line 3: no CHILD"),
        ("header.csv", b"CHILD,SEX,DOB\n" + b"7" * 49 + b",1,\n", r"line 2: a CHILD of more than 48 characters"),
        ("header.csv", b"CHILD,SEX,DOB\n" + b"x" * 200_000, r"header\.csv, line 2: not a line of a CSV file"),
        ("episodes.csv", (EPISODES + episode("secret", "S")).encode(), r"episodes\.csv, line 2: DECOM is no date"),
        ("episodes.csv", (EPISODES + episode("", "S")).encode(), r"episodes\.csv, line 2: DECOM is no date"),
        ("header.csv", b"PK\x03\x04\x14\x00", r"header\.csv is an Excel workbook"),
        ("header.csv", b"CHILD,SEX,DOB\n7,\x81\xff,\n", r"header\.csv is neither UTF-8 nor Windows-1252"),
        ("header.csv", HEADER.encode("utf-16-le"), r"header\.csv is not a text file"),
        ("header.xlsx", b"PK\x03\x04", r"neither header\.csv nor episodes\.csv: save each sheet as a CSV file"),
        ("oc2.csv", b"CHILD,SDQ_SCORE,SDQ_REASON\n", r"neither header\.csv nor episodes\.csv: name the folder"),
    ],
)
def test_what_is_no_ssda903_return_is_refused_in_words(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrialError, match=said) as refused:
        read_ssda903(tmp_path)
    assert "secret" not in str(refused.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="is not a folder"):
        read_ssda903(tmp_path / "nowhere")


def test_two_files_that_could_be_the_same(tmp_path: Path) -> None:
    write(tmp_path, header=HEADER, old_header=HEADER)
    with pytest.raises(TrialError, match=r"header\.csv and old_header\.csv in .* could both be header\.csv"):
        read_ssda903(tmp_path)
