"""The delta on a live server is that of DuckDB, and what it sends leaves the receiver with the current payloads.

CSC_TEST_SQLSERVER_HISTORIES says how many histories of the law are played, 60 unless said.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from history import History, drawn
from law_engine import RUN_DATE, DuckDbEngine
from law_stage import Law
from road_stage import Road

from submitter.dbt_profile import SqlServerTarget
from submitter.odbc import parts_of
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.sqlserver_connection import SqlServerConnection
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from live_server import LiveDatabase

    from submitter.trial.ssd import Record

HISTORIES = int(os.environ.get("CSC_TEST_SQLSERVER_HISTORIES", "60"))
# each costs a dbt run or two
DAYS = 5
STATE = "csc.ssd_api_data_staging"
# A night's work in the case system: corrected, closed, emptied, deleted, moved.
EDITS = (
    "update ssd.ssd_person set pers_upn = null, pers_forename = 'Changed' where pers_sex = 'F'",
    "delete from ssd.ssd_cin_plans where cinp_cin_plan_end_date is null",
    "update ssd.ssd_cin_episodes set cine_close_reason = null, cine_referral_source_code = null",
    "delete from ssd.ssd_sdq_scores",
    "delete from ssd.ssd_involvements where invo_involvement_end_date is null",
    "update ssd.ssd_s47_enquiry set s47e_s47_end_date = '2026-03-01'",
    "delete from ssd.ssd_person where pers_person_id like '%7'",
)
ALL_ACCEPTED = (
    f"update {STATE} set previous_json_payload = json_payload, previous_hash = current_hash, row_state = 'unchanged', "
    "submission_status = 'sent', submission_timestamp = last_updated"
)
DELTA = "select person_id, partial_json_payload, full_json_payload from csc.payload_delta"


def parsed(rows: list[tuple[str, ...]]) -> dict[str, list[object]]:
    return {row[0]: [json.loads(text) if text else None for text in row[1:]] for row in rows}


def test_both_engines_send_the_same_and_the_receiver_ends_up_right(database: LiveDatabase, tmp_path: Path) -> None:
    road = Road(tmp_path, RUN_DATE)
    road.fill(invented_children(60, 5, RUN_DATE))
    road.dbt("build")
    database.make_ssd_tables()
    database.load(invented_children(60, 5, RUN_DATE))
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    with serve(ReceiverConfig()) as receiver:
        assert database.submit(receiver).code in {0, 1}
        rejected = database.execute(f"select person_id from {STATE} where submission_status = 'error'")
        for (person_id,) in rejected:
            database.execute("delete from ssd.ssd_person where pers_person_id = ?", [person_id])
            road.execute("delete from ssd.ssd_person where pers_person_id = ?", [person_id])
        road.execute(ALL_ACCEPTED)
        for edit in EDITS:
            road.execute(edit)
            database.execute(edit)
        road.dbt("run")
        database.must_dbt("run", run_date=RUN_DATE)
        here, there = parsed(road.execute(DELTA)), parsed(database.execute(DELTA))
        assert len(there) > 20
        assert there == here

        assert database.submit(receiver).code == 0
        payloads = {
            row[0]: json.loads(row[1]) for row in database.execute("select person_id, json_payload from csc.payload")
        }
        assert set(receiver.store.ids()) == payloads.keys()
        assert all(receiver.store.get(child) == payload for child, payload in payloads.items())
        everything = f"select * from {STATE} order by person_id"
        before = database.execute(everything)
        database.must_dbt("run", run_date=RUN_DATE)
        assert database.execute(everything) == before


@dataclass
class LiveEngine:
    """A live server's database, for the law to be played on."""

    database: LiveDatabase

    def start(self) -> None:
        for table in ("ssd_api_data_staging", "submission_run", "submission_event"):
            self.database.execute(f"drop table if exists csc.{table}")

    def fill(self, records: Iterable[Record]) -> None:
        self.database.empty_ssd_tables()
        self.database.load(records)

    def dbt(self, *arguments: str) -> None:
        self.database.must_dbt(*arguments, run_date=RUN_DATE)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.execute(sql)

    def connected(self) -> closing[SqlServerConnection]:
        return closing(SqlServerConnection(SqlServerTarget(parts_of(self.database.connection_string()), "csc"), None))


def test_the_law_holds_and_each_build_sends_the_same(database: LiveDatabase, tmp_path: Path) -> None:
    database.make_ssd_tables()
    histories = [History(history.days[:DAYS]) for history in drawn(HISTORIES, 1)]
    here = Law(DuckDbEngine(tmp_path / "law"), keeps_deltas=True)
    there = Law(LiveEngine(database), keeps_deltas=True)
    assert here.broken(histories, 1) == {}
    assert here.changed_by_a_second_build() == set()
    assert there.broken(histories, 1) == {}
    assert there.changed_by_a_second_build() == set()
    assert len(there.deltas) == len(here.deltas) > DAYS
    assert sum(len(each) for each in there.deltas) > HISTORIES
    for number, (ours, theirs) in enumerate(zip(here.deltas, there.deltas, strict=True)):
        assert {**theirs, "build": number} == {**ours, "build": number}
