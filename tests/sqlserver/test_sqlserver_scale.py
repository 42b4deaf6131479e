"""Many children on a live server: a build and a whole submission finish, in a number of statements that stays small.

CSC_TEST_SQLSERVER_CHILDREN says how many children; the time of each model is printed (pytest -s).
"""

from __future__ import annotations

import os
import time
from datetime import date
from typing import TYPE_CHECKING

from live_server import seconds_of_models

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    import pytest
    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
CHILDREN = int(os.environ.get("CSC_TEST_SQLSERVER_CHILDREN", "20000"))
FEW = 50


def statements_of_dbt(database: LiveDatabase) -> int:
    """Run dbt and return how many statements it sent, from its own log."""
    log = database.folder / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    said = database.must_dbt("run", run_date=RUN_DATE)
    for name, seconds in sorted(seconds_of_models(said).items(), key=lambda model: -model[1]):
        print(f"{seconds:8.2f} s  {name}")
    return log.read_text(encoding="utf-8").count("On model.csc_submit.")


def test_a_full_build_and_submission_finish(database: LiveDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    statements_of_dbt(database)  # makes the tables
    with capsys.disabled():
        database.load(invented_children(FEW, 1, RUN_DATE))
        few = statements_of_dbt(database)

        database.empty_ssd_tables()
        database.load(invented_children(CHILDREN, 1, RUN_DATE))
        print(f"\n{CHILDREN} children on {database.execute('select @@version')[0][0].splitlines()[0]}")
        started = time.monotonic()
        many = statements_of_dbt(database)
        print(f"{time.monotonic() - started:8.2f} s  dbt run, {many} statements ({few} for {FEW} children)")
        assert many == few

        started = time.monotonic()
        with serve(ReceiverConfig()) as receiver:
            finished = database.submit(receiver)
            assert finished.code in {0, 1}, finished.said
            ((payloads,),) = database.execute("select count(*) from csc.payload")
            ((sent,),) = database.execute(
                "select count(*) from csc.ssd_api_data_staging where submission_status = 'sent'"
            )
            assert sent == len(receiver.store) > 0.9 * payloads
        print(f"{time.monotonic() - started:8.2f} s  csc-submit, {sent} children accepted")
