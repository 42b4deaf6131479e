"""What a DBA runs: an adoption from an earlier table to a right receiver, the two roles, and what each is kept from."""

from __future__ import annotations

import json
import re
import uuid
from datetime import date
from typing import TYPE_CHECKING

import pytest
from earlier_pipeline import FOUND, INSERT, ddl, rows_of_every_kind
from live_server import CSC, SSD, LiveDatabase, Login, made_database

from submitter.dba.grants import grants
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.script.sql_text import batches
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_DATE = date(2026, 3, 15)
STATE = "csc.ssd_api_data_staging"


@pytest.fixture(scope="module")
def adopted(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDatabase]:
    """A database whose state table was the earlier pipeline's, with a row of every kind, adopted and built upon."""
    with made_database(server, tmp_path_factory.mktemp("adopted")) as database:
        database.make_ssd_tables()
        database.load(invented_children(40, 3, RUN_DATE))
        database.execute(f"create schema {CSC}")
        for statement in ddl("sqlserver", STATE):
            database.execute(statement)
        here = [
            row[0]
            for row in database.execute(
                "select distinct cine_person_id from ssd.ssd_cin_episodes where cine_referral_date > '2025-01-01' "
                "and len(cine_person_id) <= 20 and cine_person_id not like '% %' order by cine_person_id"
            )
        ]
        with database.connected() as cursor:
            for row in rows_of_every_kind(here):
                cursor.execute(INSERT.format(table=STATE), row.values())
        yield database


def columns(database: LiveDatabase) -> dict[str, tuple[object, ...]]:
    rows = database.execute(
        "select column_name, data_type, character_maximum_length from information_schema.columns "
        "where table_schema = 'csc' and table_name = 'ssd_api_data_staging'"
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_an_earlier_table_is_adopted_and_the_receiver_ends_up_right(adopted: LiveDatabase) -> None:
    everything = f"select * from {STATE} order by id"
    before = adopted.execute(everything)
    planned = adopted.csc_submit("adopt", "--dry-run", "--env-file", "no.env")
    assert planned.code == 0, planned.said
    assert all(found in planned.said for found in FOUND), planned.said
    assert adopted.execute(everything) == before

    done = adopted.csc_submit("adopt", "--env-file", "no.env")
    assert done.code == 0, done.said
    (backup,) = re.findall(r'kept in "csc"\."(\w+)"', done.said)
    assert adopted.execute(f"select * from csc.{backup} order by id") == before
    after = adopted.execute(everything)
    again = adopted.csc_submit("adopt", "--env-file", "no.env")
    assert again.code == 0
    assert "adopted already: nothing to do (11 rows)" in again.said
    assert adopted.execute(everything) == after

    config = ReceiverConfig()
    with serve(config) as receiver:
        for _, text in adopted.execute(
            f"select person_id, json_payload from {STATE} where submission_status = 'sent' and row_state <> 'deleted'"
        ):
            receiver.store.receive(json.loads(text))
        adopted.must_dbt("seed", run_date=RUN_DATE)
        adopted.must_dbt("run", run_date=RUN_DATE)
        left = dict(adopted.execute(f"select person_id, submission_status from {STATE} where person_id like 'left%'"))
        assert left == {"left-sent": "pending", "left-purged": "sent", "left-maybe": "pending", "left-error": "pending"}
        assert adopted.submit(receiver).code in {0, 1}
        rejected = {
            row[0] for row in adopted.execute(f"select person_id from {STATE} where submission_status = 'error'")
        }
        payloads = {
            row[0]: json.loads(row[1]) for row in adopted.execute("select person_id, json_payload from csc.payload")
        }
        assert set(receiver.store.ids()) == payloads.keys() - rejected
        for person_id in receiver.store.ids():
            held = receiver.store.get(person_id) or {}
            held.pop("content", None)
            assert held == payloads[person_id]
        # a second night on the adopted table
        adopted.must_dbt("run", run_date=RUN_DATE)
        assert adopted.execute(f"select count(*) from {STATE} where submission_status = 'pending'") == [(0,)]


def test_an_adopted_table_has_the_columns_of_a_new_one(adopted: LiveDatabase, database: LiveDatabase) -> None:
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    new, old = columns(database), columns(adopted)
    # the earlier tool's times stay as they were
    times = ("submission_timestamp", "last_updated")
    assert {name: kind for name, kind in old.items() if name not in {"id", *times}} == {
        name: kind for name, kind in new.items() if name not in times
    }


@pytest.fixture(scope="module")
def logins(server: str, adopted: LiveDatabase) -> Iterator[tuple[Login, Login]]:
    """A login that builds and one that sends, with what `csc-submit grants` prints and nothing else."""
    del server
    mark = uuid.uuid4().hex[:8]
    both = tuple(Login(f"csc_{role}_{mark}", f"Aa1-{uuid.uuid4().hex}") for role in ("dbt", "submit"))
    for login in both:
        adopted.execute(f"create login [{login.user}] with password = '{login.password}'")
    try:
        script = grants(
            dbt_login=both[0].user,
            submit_login=both[1].user,
            database=None,
            schema=CSC,
            ssd_schema=SSD,
            state_table="ssd_api_data_staging",
        )
        if adopted.is_babelfish:  # it knows neither an owner of a schema nor a right on a database
            script = re.sub(r"(?ms)^grant create .*?;$|^if schema_id.*?^GO$", "", script)
        for batch in [*batches(script), *batches(script)]:  # twice: it may be run again
            adopted.execute(batch)
        yield both[0], both[1]
    finally:
        for login in both:
            adopted.execute(f"if database_principal_id(N'{login.user}') is not null drop user [{login.user}]")
            adopted.execute(f"drop login [{login.user}]")


def test_the_sender_sends_and_reads_nothing_else(adopted: LiveDatabase, logins: tuple[Login, Login]) -> None:
    _, sender = logins
    adopted.execute(
        "update ssd.ssd_person set pers_surname = N'Changed' where pers_person_id in "
        f"(select person_id from {STATE} where submission_status = 'sent' and row_state = 'unchanged')"
    )
    adopted.must_dbt("run", run_date=RUN_DATE)
    ((waiting,),) = adopted.execute(f"select count(*) from {STATE} where submission_status = 'pending'")
    assert waiting > 3
    with serve(ReceiverConfig()) as receiver:
        finished = adopted.submit(receiver, login=sender)
        assert finished.code in {0, 1}, finished.said
        assert len(receiver.store) == waiting
    for forbidden in (
        "select pers_surname from ssd.ssd_person",
        "select json_payload from csc.payload",
        "select first_name from csc.child_details",
        "select surname from csc.stg_ssd__person",
        f"delete from {STATE}",
        f"insert into {STATE} (person_id) values ('x')",
        f"update {STATE} set json_payload = '{{}}'",
        "delete from csc.submission_event",
        "update csc.submission_event set reason = ''",
        "create table csc.mine (a int)",
    ):
        with pytest.raises(Exception, match=r"(?i)permission|denied"):
            adopted.execute(forbidden, login=sender)


def test_the_builder_builds_and_reads_no_other_table(adopted: LiveDatabase, logins: tuple[Login, Login]) -> None:
    if adopted.is_babelfish:
        pytest.skip("Babelfish has no right to create tables that could be granted")
    builder, _ = logins
    adopted.execute("create table dbo.other (a int)")
    adopted.must_dbt("run", run_date=RUN_DATE, login=builder)
    with pytest.raises(Exception, match=r"(?i)permission|denied"):
        adopted.execute("select a from dbo.other", login=builder)


def test_a_login_without_rights_is_told_what_it_lacks(adopted: LiveDatabase, logins: tuple[Login, Login]) -> None:
    _, sender = logins
    adopted.execute(f"revoke select on {STATE} from csc_sender")
    try:
        with serve(ReceiverConfig()) as receiver:
            finished = adopted.submit(receiver, login=sender)
    finally:
        adopted.execute(f"grant select on {STATE} to csc_sender")
    assert finished.code == 3
    if not adopted.is_babelfish:  # which has no number of its own for this
        assert "no permission on ssd_api_data_staging" in finished.said
    assert len(finished.said.splitlines()) == 1
