"""The delta on a live server is that of DuckDB, and what it sends leaves the receiver with the current payloads."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from road_stage import Road

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from pathlib import Path

    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
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
