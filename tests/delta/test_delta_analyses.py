"""Each analysis, compiled as a user compiles it, answers its question on a database that was built and partly sent."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from road_stage import STATE, Road

from submitter.project_files import project_root
from submitter.receiver.serve import serve
from submitter.trial.ssd import Record, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from submitter.trial.ssd import Value

ANALYSES = project_root() / "dbt_project" / "analyses"
Row = dict[str, Any]


def child(person_id: str) -> Iterator[Record]:
    person: dict[str, Value] = {"pers_person_id": person_id, "pers_dob": "2015-01-01", "pers_forename": "Ann"}
    yield Record("ssd_person", person)
    referral = {"cine_referral_id": f"R-{person_id}", "cine_person_id": person_id, "cine_referral_date": "2025-06-01"}
    yield Record("ssd_cin_episodes", referral)
    for number in (1, 2):
        plan = {"cinp_cin_plan_id": f"N{number}-{person_id}", "cinp_person_id": person_id}
        plan |= {"cinp_referral_id": f"R-{person_id}", "cinp_cin_plan_start_date": "2025-06-02"}
        yield Record("ssd_cin_plans", plan)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Road:
    road = Road(tmp_path_factory.mktemp("analyses"), date(2026, 3, 15))
    known = ["changed", "gone", "left", "same", "unanswered"]
    road.fill(record for person_id in [*known, "rejected by all"] for record in child(person_id))
    road.build()
    with serve() as receiver:
        assert road.submit(receiver) == 1
        road.execute("update ssd.ssd_person set pers_forename = null where pers_person_id in ('changed', 'unanswered')")
        road.execute("delete from ssd.ssd_cin_plans where cinp_cin_plan_id = 'N1-changed'")
        road.execute(
            "insert into ssd.ssd_cin_plans by name select * replace ('N3-changed' as cinp_cin_plan_id) "
            "from ssd.ssd_cin_plans where cinp_cin_plan_id = 'N2-changed'"
        )
        road.execute("delete from ssd.ssd_person where pers_person_id = 'gone'")
        road.execute("delete from ssd.ssd_cin_episodes where cine_person_id = 'left'")
        road.execute("delete from ssd.ssd_cin_plans where cinp_person_id = 'left'")
        road.build_again()
        # a run that was interrupted after it had sent
        road.execute(
            f"update {STATE} set inflight_payload = partial_json_payload, inflight_full_payload = json_payload, "
            "inflight_hash = current_hash, inflight_batch_id = 'b', submission_status = 'sending' "
            "where person_id = 'unanswered'"
        )
        with duckdb.connect(str(road.database)) as connection:
            load(connection, "ssd", child("new"))
        road.build_again()
    return road


def compiled(road: Road, **variables: object) -> Path:
    """Compile the analyses as the README says and return the folder where SSMS opens them."""
    road.dbt("compile", "--select", "resource_type:analysis", variables=variables)
    return road.folder / "target" / "compiled" / "csc_submit" / "dbt_project" / "analyses"


def answer(road: Road, sql: str) -> list[Row]:
    with duckdb.connect(str(road.database), read_only=True) as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def folder(authority: Road) -> Path:
    return compiled(authority)


def rows(road: Road, folder: Path, name: str) -> list[Row]:
    return answer(road, (folder / f"{name}.sql").read_text(encoding="utf-8"))


def test_every_analysis_is_described_as_what_it_gives(authority: Road, folder: Path) -> None:
    said = [each for path in ANALYSES.glob("*.yml") for each in yaml.safe_load(path.read_text("utf-8"))["analyses"]]
    described = {each["name"]: each for each in said}
    assert (
        described.keys() == {path.stem for path in ANALYSES.glob("*.sql")} == {path.stem for path in folder.iterdir()}
    )
    assert all(each["description"] for each in said)
    for name in ("goes_out_tonight", "changed_for_child", "deleted_children", "payload_sizes"):
        columns = described[name]["columns"]
        assert all(column["description"] for column in columns)
        sql = (folder / f"{name}.sql").read_text(encoding="utf-8")
        given = authority.execute(f"select column_name from (describe {sql})")
        assert given == [(column["name"],) for column in columns]


def test_what_goes_out_tonight(authority: Road, folder: Path) -> None:
    found = rows(authority, folder, "goes_out_tonight")
    told = [(row["person_id"], row["goes_as"], row["was_rejected"], row["row_state"]) for row in found]
    assert told == [
        ("unanswered", "again", 0, "updated"),
        ("changed", "changes", 0, "updated"),
        ("gone", "purge", 0, "deleted"),
        ("left", "purge", 0, "deleted"),
        ("new", "whole", 0, "new"),
        ("rejected by all", "whole", 1, "new"),
    ]
    items = {row["person_id"]: (row["new_items"], row["changed_items"], row["gone_items"]) for row in found}
    assert items["changed"] == (1, 1, 1)
    assert items["new"] == items["gone"] == (None, None, None)
    # what csc-submit takes is what this tells
    waiting = authority.execute(
        "select person_id, length(coalesce(inflight_payload, partial_json_payload, json_payload)) "
        f"from {STATE} where submission_status in ('pending', 'error', 'sending')"
    )
    assert sorted((row["person_id"], row["characters"]) for row in found) == sorted(waiting)


def test_what_changed_for_a_child(authority: Road, folder: Path) -> None:
    sql = (folder / "changed_for_child.sql").read_text(encoding="utf-8")
    first, line, *rest = sql.splitlines()
    assert "Write the child's id" in first
    assert line.count("''") == 1
    assert answer(authority, sql) == []
    found = answer(authority, "\n".join([line.replace("''", "'changed'"), *rest]))
    told = {(row["fate"], row["block"], row["item_id"]): row for row in found}
    assert list(told) == [
        ("changed", "child_details", ""),
        ("new", "child_in_need_plans", "N3-changed"),
        ("gone", "child_in_need_plans", "N1-changed"),
    ]
    changed, new, gone = found
    assert json.loads(changed["held_json"])["first_name"] == "Ann"
    assert json.loads(changed["sent_json"])["first_name"] is None
    assert (new["held_version"], new["held_json"]) == (None, None)
    assert json.loads(gone["sent_json"]) == {"child_in_need_plan_id": "N1-changed", "purge": True}
    assert {row["held_version"] for row in (changed, gone)} == {"accepted"}


def test_the_child_may_be_a_variable(authority: Road) -> None:
    folder = compiled(authority, csc_analysis_person_id="changed")
    assert len(rows(authority, folder, "changed_for_child")) == 3
    folder = compiled(authority, csc_analysis_person_id="it's nobody's")
    assert rows(authority, folder, "changed_for_child") == []


def test_who_is_deleted(authority: Road, folder: Path) -> None:
    found = rows(authority, folder, "deleted_children")
    assert {row["person_id"]: (row["why"], row["purge"]) for row in found} == {
        "gone": ("not in the SSD", "goes out next"),
        "left": ("not in the cohort", "goes out next"),
    }
    for status, told in (("sent", "taken by the receiver"), ("error", "rejected by the receiver")):
        authority.execute(f"update {STATE} set submission_status = ? where person_id = 'gone'", [status])
        assert {row["purge"] for row in rows(authority, folder, "deleted_children")} == {told, "goes out next"}
    authority.execute(f"update {STATE} set submission_status = 'pending' where person_id = 'gone'")


def test_how_large_payloads_are(authority: Road, folder: Path) -> None:
    found = {row["what"]: row for row in rows(authority, folder, "payload_sizes")}
    assert {what: row["children"] for what, row in found.items()} == {
        "again": 1,
        "built": 5,
        "changes": 1,
        "purge": 2,
        "whole": 2,
    }
    lengths = [row[0] for row in authority.execute("select length(json_payload) from csc.payload")]
    built = found["built"]
    assert (built["least_characters"], built["most_characters"]) == (min(lengths), max(lengths))
    assert built["all_characters"] == sum(lengths)
    assert abs(built["mean_characters"] - sum(lengths) / len(lengths)) <= 1
    assert (built["over_10000_characters"], built["over_100000_characters"]) == (0, 0)
