"""Days of change: the receiver holds what was built at the end of each, and a demo whose receiver does not says so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner
from road_stage import environment_without_settings

from submitter.receiver.store import ChildStore
from submitter.reference import ssd_tables
from submitter.trial.day_end import Evening, day_end
from submitter.trial.days import SsdDays
from submitter.trial.demo import demo
from submitter.trial.invent import invented_children
from submitter.trial.ssd import create_tables, load

if TYPE_CHECKING:
    from pathlib import Path

    from submitter.receiver.store import Child

TODAY = date(2026, 3, 15)
LINE = re.compile(
    r"^day (?P<number>\d+), (?P<day>[\d-]+): changed (?P<changed>\d+), sent (?P<sent>\d+) \((?P<full>\d+) full, "
    r"(?P<partial>\d+) partial\), purged (?P<purged>\d+), rejected (?P<rejected>\d+), (?P<bytes>[\d,]+) bytes "
    r"instead of (?P<payload_bytes>[\d,]+), (?P<verdict>equal|NOT equal: \d+ children)$",
    flags=re.MULTILINE,
)
ARGUMENTS = ("--children", "80", "--seed", "7", "--run-date", TODAY.isoformat())


def lines(text: str) -> list[dict[str, str]]:
    return [match.groupdict() for match in LINE.finditer(text)]


def number(line: dict[str, str], name: str) -> int:
    return int(line[name].replace(",", ""))


def two_days(folder: Path, mode: str) -> str:
    """What the demo prints."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "submitter", "demo", "--folder", str(folder), *ARGUMENTS),
            *("--days", "2", "--mode", mode),
        ],
        env=environment_without_settings(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("demo")
    return {mode: two_days(folder, mode) for mode in ("merge", "replace")}


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_demo_prints_its_table_and_the_receiver_holds_what_was_built(said: dict[str, str], mode: str) -> None:
    first, later = found = lines(said[mode])
    assert [line["day"] for line in found] == [TODAY.isoformat(), (TODAY + timedelta(1)).isoformat()]
    assert (first["verdict"], later["verdict"]) == ("equal", "equal")
    assert (first["changed"], first["partial"], first["purged"], first["rejected"]) == ("80", "0", "0", "1")
    assert first["bytes"] == first["payload_bytes"]
    assert 0 < number(later, "sent") < number(first, "sent")
    assert number(later, "partial") > 0
    assert number(later, "purged") > 0
    assert number(later, "bytes") < number(later, "payload_bytes")
    words = " ".join(said[mode].split())
    for part in (
        "people in the SSD",
        "because of active_referral",
        "payloads built",
        "accepted",
        "rejected",
        "seconds: fill the SSD",
        "seconds: dbt build",
        "seconds: csc-submit",
        "Look into it",
        "children.duckdb",
        "select submission_status",
        "profiles.example.yml",
    ):
        assert part in words, words


def test_the_same_seed_is_the_same_demo(said: dict[str, str]) -> None:
    merged, replaced = ([line for line in text.splitlines() if "seconds" not in line] for text in said.values())
    assert merged == replaced


def test_a_receiver_that_holds_something_else_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - set(environment_without_settings()):
        monkeypatch.delenv(name)
    receive = ChildStore.receive

    def receive_all_but_their_birth(self: ChildStore, child: Child) -> None:
        details = {name: value for name, value in child["child_details"].items() if name != "date_of_birth"}
        receive(self, {**child, "child_details": details})

    monkeypatch.setattr(ChildStore, "receive", receive_all_but_their_birth)
    finished = CliRunner().invoke(demo, [*ARGUMENTS, "--folder", str(tmp_path), "--days", "1"])
    assert finished.exit_code == 1
    (line,) = lines(finished.output)
    assert line["verdict"].startswith("NOT equal")
    assert "Error: On 1 of 1 days the receiver did not hold what was built." in finished.output
    assert "Traceback" not in finished.output


def test_the_order_of_records_is_no_difference_and_their_content_is() -> None:
    episodes = [{"social_care_episode_id": each, "referral_source": f"1{each}"} for each in "ABC"]
    child: Child = {"la_child_id": "1", "purge": False, "social_care_episodes": episodes}
    store = ChildStore()
    store.receive({**child, "social_care_episodes": [episodes[0], episodes[2]]})
    store.receive({**child, "social_care_episodes": [episodes[1]]})
    with duckdb.connect() as connection:
        connection.execute("create schema csc")
        connection.execute(
            "create table csc.payload as select '1' as person_id, ? as json_payload", [json.dumps(child)]
        )
        connection.execute("create table csc.ssd_api_data_staging (person_id varchar, submission_status varchar)")
        connection.execute("create table csc.submission_run (run_id varchar)")
        connection.execute("create table csc.submission_event (run_id varchar, person_id varchar, event varchar)")
        before = Evening({}, frozenset())
        assert day_end(connection, "csc", store, before, 2, TODAY, 1).unequal == 0
        store.receive({**child, "social_care_episodes": [{**episodes[1], "referral_source": "1A"}]})
        assert day_end(connection, "csc", store, before, 2, TODAY, 1).unequal == 1


class Authority:
    """SSD tables in memory."""

    def __init__(self, seed: int = 7) -> None:
        self.connection = duckdb.connect()
        create_tables(self.connection, "ssd")
        load(self.connection, "ssd", invented_children(80, 7, TODAY))
        self.days = SsdDays("ssd", "gone", seed)
        self.days.begin(self.connection)

    def play(self, days: int) -> list[int]:
        return [self.days.work(self.connection, number, TODAY + timedelta(number)) for number in range(2, days + 2)]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: self.connection.execute(f"select * from ssd.{table} order by all").fetchall()
            for table in ssd_tables()
        }

    def people(self, schema: str = "ssd") -> set[str]:
        rows = self.connection.execute(f"select trim(pers_person_id) from {schema}.ssd_person").fetchall()
        return {row[0] for row in rows}


def test_the_same_seed_gives_the_same_days() -> None:
    one, two, other = Authority(), Authority(), Authority(seed=8)
    assert one.play(4) == two.play(4)
    assert one.tables() == two.tables()
    other.play(4)
    assert other.tables() != one.tables()


def test_children_change_leave_merge_return_and_arrive() -> None:
    authority = Authority()
    before, at_first = authority.tables(), authority.people()
    changed = authority.play(1)
    assert 10 <= changed[0] <= 20
    after = authority.people()
    arrived = {person_id for person_id in after - at_first if person_id[:3] == "C50"}
    assert len(arrived) == 1
    assert after - at_first == arrived
    gone = authority.people("gone")
    assert len(gone) == 1
    # one left, one was merged into another
    assert len(at_first - after) == 2
    (merged,) = at_first - after - gone
    for table, rows in authority.tables().items():
        assert not any(merged in str(row[:3]) for row in rows if table == "ssd_cin_episodes")
    authority.play(3)
    assert gone & authority.people()
    assert all(before[table] != rows for table, rows in authority.tables().items() if "cin_episodes" in table)


def test_a_day_is_fine_without_children() -> None:
    with duckdb.connect() as connection:
        create_tables(connection, "ssd")
        days = SsdDays("ssd", "gone", 1)
        days.begin(connection)
        for number in range(2, 5):
            assert days.work(connection, number, TODAY) <= 3
