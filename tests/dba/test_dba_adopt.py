"""An earlier pipeline's state table is adopted: what it proves is kept, and nothing a child needs is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
from earlier_pipeline import EARLIER_NAMES, FOUND, INSERT, EarlierRow, ddl, rows_of_every_kind
from road_stage import STATE, Road, environment_without_settings
from tsql_grammar import OLDER_VERSIONS, VERSIONS, refused

from submitter.dba.adopt import COLUMNS, as_script, plan
from submitter.project_files import project_root
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from submitter.connection import Statement

RUN_DATE = date(2026, 3, 15)


@dataclass(frozen=True)
class Adoption:
    """A road whose state table is still that of the earlier pipeline."""

    road: Road
    here: list[str]

    def __call__(self, *arguments: str) -> tuple[int, str]:
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "submitter", "adopt", "--project-dir", str(project_root())),
                *("--profiles-dir", str(self.road.folder), "--env-file", str(self.road.folder / "no.env"), *arguments),
            ],
            env=environment_without_settings(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert "Traceback" not in finished.stderr, finished.stderr
        return finished.returncode, finished.stdout + finished.stderr

    def put(self, table: str, rows: Sequence[EarlierRow]) -> None:
        for statement in ddl("duckdb", table):
            self.road.execute(statement)
        for row in rows:
            self.road.execute(INSERT.format(table=table), row.values())

    def everything(self) -> dict[str, list[str]]:
        tables = self.road.execute("select table_schema, table_name from information_schema.tables")
        return {
            f"{schema}.{name}": sorted(map(str, self.road.execute(f'select * from "{schema}"."{name}"')))
            for schema, name in tables
            if "ssd_api" in name or schema == "earlier"
        }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Road:
    road = Road(tmp_path_factory.mktemp("built"), RUN_DATE)
    road.fill(invented_children(60, 3, RUN_DATE))
    road.build()
    return road


@pytest.fixture
def adoption(built: Road, tmp_path: Path) -> Adoption:
    """Learn who is in the cohort, then put the earlier table in the place of the state."""
    road = built.copied(tmp_path)
    here = [row[0] for row in road.execute("select person_id from csc.payload order by person_id")]
    usable = [person_id for person_id in here if len(person_id) <= 20 and person_id.isalnum()]
    road.execute(f"drop table {STATE}")
    return Adoption(road, usable)


def test_an_earlier_table_is_adopted_and_the_receiver_ends_up_right(adoption: Adoption) -> None:
    adoption.put(STATE, rows_of_every_kind(adoption.here))
    before = adoption.everything()

    code, said = adoption("--dry-run")
    assert code == 0
    assert all(found in said for found in FOUND), said
    assert "alter table" in said
    assert adoption.everything() == before

    code, said = adoption()
    assert code == 0
    assert all(found in said for found in FOUND), said
    after = adoption.everything()
    (backup,) = [name for name in after if "before" in name]
    assert after[backup] == before[STATE]

    assert adoption() == (0, '"csc"."ssd_api_data_staging" is adopted already: nothing to do (11 rows).\n')
    assert adoption.everything() == after

    config = ReceiverConfig()
    with serve(config) as receiver:
        # what the earlier pipeline sent, and what it may have sent
        for person_id, text in adoption.road.execute(
            f"select person_id, json_payload from {STATE} where submission_status = 'sent' and row_state <> 'deleted'"
        ):
            receiver.store.receive(json.loads(text))
            assert json.loads(text)["content"] in {"earlier", "second"}
            assert person_id == person_id.strip()
        for person_id in ("left-maybe", "left-error", adoption.here[3]):
            receiver.store.receive({"la_child_id": person_id, "purge": False})
        # nothing of the earlier content goes out before dbt has decided
        assert adoption.road.submit(receiver) == 0
        assert adoption.road.execute("select * from csc.submission_event") == []

        adoption.road.build_again()
        states = dict(adoption.road.execute(f"select person_id, row_state || ' ' || submission_status from {STATE}"))
        left = {person_id: state for person_id, state in states.items() if person_id.startswith("left")}
        assert left == {
            "left-sent": "deleted pending",
            "left-purged": "deleted sent",
            "left-maybe": "deleted pending",
            "left-error": "deleted pending",
        }
        assert {states[person_id] for person_id in adoption.here[:2]} == {"updated pending"}
        assert {states[person_id] for person_id in adoption.here[2:5]} == {"new pending"}
        assert adoption.road.submit(receiver) in {0, 1}
        payloads = adoption.road.payloads()
        unusable = {
            row[0]
            for row in adoption.road.execute(f"select person_id from {STATE} where api_response like '%pattern%'")
        }
        assert set(receiver.store.ids()) == payloads.keys() - unusable
        for person_id in payloads.keys() - unusable:
            held = receiver.store.get(person_id)
            assert held is not None
            held.pop("content", None)  # no attribute of the payload: only the table of this test has it
            assert held == payloads[person_id]


def test_a_table_elsewhere_is_copied_and_left_as_it_was(adoption: Adoption) -> None:
    adoption.road.execute("create schema earlier")
    adoption.put("earlier.state", rows_of_every_kind(adoption.here))
    before = adoption.everything()
    assert adoption("--from", "earlier.state")[0] == 0
    after = adoption.everything()
    assert after["earlier.state"] == before["earlier.state"]
    assert set(after) == {"earlier.state", STATE}
    adoption.road.build_again()
    assert adoption("--from", "earlier.state")[0] == 2


def test_content_that_was_sent_as_dbt_builds_it_is_not_sent_again(adoption: Adoption) -> None:
    adoption.put(STATE, [EarlierRow(adoption.here[0], "Sent", "Unchanged", sent_at="2025-10-01 03:00:00")])
    adoption.road.execute(
        f"update {STATE} set json_payload = payload.json_payload from csc.payload as payload "
        "where payload.person_id = ssd_api_data_staging.person_id"
    )
    assert adoption()[0] == 0
    adoption.road.build_again()
    assert adoption.road.execute(
        f"select row_state, submission_status from {STATE} where person_id = ?", adoption.here[:1]
    ) == [("unchanged", "sent")]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select 1", "There is no table"),
        (f"create table {STATE} (id integer, person_id varchar)", "it lacks json_payload, row_state"),
    ],
)
def test_what_cannot_be_adopted_is_said(adoption: Adoption, statement: str, said: str) -> None:
    adoption.road.execute(statement)
    code, answer = adoption()
    assert code == 2
    assert said in answer


def test_the_table_has_the_columns_that_dbt_gives_it(adoption: Adoption) -> None:
    adoption.road.build_again()
    made = adoption.road.execute(
        "select column_name, lower(data_type) from information_schema.columns "
        "where table_schema = 'csc' and table_name = 'ssd_api_data_staging'"
    )
    assert {(name, kind) for name, _, kind in COLUMNS} == set(made)


class EarlierServer:
    """Stands where a SQL Server with an earlier table would: tells its columns, and keeps what it is asked."""

    engine = "sqlserver"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def transaction(self, *statements: Statement) -> list[tuple[object, ...]]:
        self.asked += [statement.sql for statement in statements]
        if "information_schema" in statements[0].sql:
            types = {"id": "int", "submission_timestamp": "datetime", "last_updated": "datetime"}
            return [(name, types.get(name, "varchar"), 10) for name in ("id", *EARLIER_NAMES)]
        return [(0,) * 7]

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("version", [*OLDER_VERSIONS, *VERSIONS])
def test_what_a_server_is_told_is_tsql(tmp_path: Path, version: str) -> None:
    server = EarlierServer()
    moment = datetime(2026, 1, 1)  # noqa: DTZ001 - as the database keeps it
    decided = plan(server, "c's", "ssd_api_data_staging", None, moment)
    texts = [*server.asked, *(statement.sql for statement in decided.statements)]
    assert len(decided.statements) > 15
    named = {str(number): text.replace("?", "@p") for number, text in enumerate(texts)}
    assert refused(tmp_path, version, {**named, "script": as_script(decided.statements)}) == {}
