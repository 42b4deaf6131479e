"""The DBA's script on a live server makes what dbt makes, and its procedure does what `dbt run` does."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from live_server import SSD

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.script.sql_text import batches
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
SCHEMA = "csc_script"


@pytest.fixture(scope="module")
def refreshed(database: LiveDatabase) -> LiveDatabase:
    """One SSD, built by dbt in one schema and by the script for 2017 in another."""
    database.make_ssd_tables()
    database.load(invented_children(120, 7, RUN_DATE))
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    file = database.folder / "script.sql"
    written = database.command(
        *("sql-script", "--server", "2017", "--schema", SCHEMA, "--ssd-schema", SSD, "--output", str(file)),
        *("--vars", f'{{"csc_run_date": "{RUN_DATE.isoformat()}"}}'),
    )
    assert written.code == 0, written.said
    run_script(database, file.read_text(encoding="utf-8"))
    database.execute(f"exec {SCHEMA}.csc_refresh")
    return database


def run_script(database: LiveDatabase, text: str) -> None:
    with database.connected() as cursor:
        for batch in batches(text):
            cursor.execute(batch)
            while cursor.nextset():
                pass


def state(database: LiveDatabase, schema: str) -> list[tuple[object, ...]]:
    return database.execute(
        "select person_id, legacy_id, json_payload, current_hash, row_state, submission_status, error_count "
        f"from {schema}.ssd_api_data_staging order by person_id"
    )


def test_it_builds_what_dbt_builds(refreshed: LiveDatabase) -> None:
    query = "select person_id, legacy_id, json_payload, payload_hash from {}.payload order by person_id"
    made = refreshed.execute(query.format("csc"))
    assert len(made) > 50
    assert refreshed.execute(query.format(SCHEMA)) == made
    assert state(refreshed, SCHEMA) == state(refreshed, "csc")


def test_a_second_refresh_and_a_second_run_of_the_file_change_nothing(refreshed: LiveDatabase) -> None:
    everything = f"select * from {SCHEMA}.ssd_api_data_staging order by person_id"
    before = refreshed.execute(everything)
    refreshed.execute(f"exec {SCHEMA}.csc_refresh")
    assert refreshed.execute(everything) == before
    run_script(refreshed, (refreshed.folder / "script.sql").read_text(encoding="utf-8"))
    assert refreshed.execute(everything) == before
    refreshed.execute(f"exec {SCHEMA}.csc_refresh")
    assert refreshed.execute(everything) == before


def test_the_submitter_works_on_it_night_after_night(refreshed: LiveDatabase) -> None:
    database = refreshed
    with serve(ReceiverConfig()) as receiver:
        first = database.submit(receiver, schema=SCHEMA)
        assert first.code in {0, 1}, first.said
        accepted = set(receiver.store.ids())
        gone = min(accepted)
        database.execute("delete from ssd.ssd_person where pers_person_id = ?", [gone])
        database.execute(f"exec {SCHEMA}.csc_refresh")
        assert database.execute(
            f"select row_state, submission_status from {SCHEMA}.ssd_api_data_staging where person_id = ?", [gone]
        ) == [("deleted", "pending")]
        assert database.submit(receiver, schema=SCHEMA).code in {0, 1}
        assert set(receiver.store.ids()) == accepted - {gone}
