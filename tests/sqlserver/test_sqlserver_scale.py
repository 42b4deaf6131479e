"""Many children on a live server: a build and a whole submission finish, in a number of statements that stays small.

CSC_TEST_SQLSERVER_CHILDREN says how many children; the time of each model and the sender's memory are printed
(pytest -s).
"""

from __future__ import annotations

import os
import time
from datetime import date
from typing import TYPE_CHECKING

from live_server import seconds_of_models
from scale import measured
from throughput import receiving

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.demo import submit_environment
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    import pytest
    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
CHILDREN = int(os.environ.get("CSC_TEST_SQLSERVER_CHILDREN", "20000"))
FEW = 50
AT_LEAST = 1000
GROWTH = 1.15
STATE = "csc.ssd_api_data_staging"


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
            ((sent,),) = database.execute(f"select count(*) from {STATE} where submission_status = 'sent'")
            assert sent == len(receiver.store) > 0.9 * payloads
        print(f"{time.monotonic() - started:8.2f} s  csc-submit, {sent} children accepted")


def fill(database: LiveDatabase, children: int) -> None:
    """Have so many children wait, each with a payload of about a kilobyte."""
    digits = " union all ".join(f"select {digit} as digit" for digit in range(10))
    places = ", ".join(f"digits as place{place}" for place in range(6))
    number = " + ".join(f"{10**place} * place{place}.digit" for place in range(6))
    database.execute(f"delete from {STATE}")
    database.execute(
        f"with digits as ({digits}), numbers as (select {number} as number from {places}), "
        "children as (select number, concat('B', number) as person_id from numbers where number < ?) "
        f"insert into {STATE} (person_id, json_payload, current_hash, row_state, submission_status, error_count) "
        """select person_id, concat('{"la_child_id":"', person_id, '","padding":"', replicate('x', 950), '"}'), """
        "hashbytes('SHA2_256', person_id), 'new', 'pending', 0 from children",
        [children],
    )


def test_memory_does_not_grow_with_the_number_of_children(
    database: LiveDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    peaks = []
    for children in (AT_LEAST, CHILDREN):
        fill(database, children)
        with receiving(0) as receiver:
            sent = measured(database.submit_command(), submit_environment(receiver, ReceiverConfig()), (0,))
        assert database.execute(f"select count(*) from {STATE} where submission_status = 'sent'") == [(children,)]
        with capsys.disabled():
            print(f"\n{children} children: csc-submit took {sent.seconds:.1f} s and at most {sent.megabytes:.0f} MB")
        peaks.append(sent.megabytes)
    assert peaks[1] < GROWTH * peaks[0]
