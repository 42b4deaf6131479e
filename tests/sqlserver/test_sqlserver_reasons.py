"""What stands in the way of a connection is said in one line with the next step, and ends with exit code 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from submitter.odbc import text_of
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial.demo import submit_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_here import Finished
    from live_server import LiveDatabase

SECRET = "Wrong-Password-1!"


def submitted(database: LiveDatabase, changes: Mapping[str, str]) -> Finished:
    with serve(ReceiverConfig()) as receiver:
        environment = submit_environment(receiver, ReceiverConfig())
        text = text_of({**database.parts, "DATABASE": database.name, **changes})
        finished = database.csc_submit(
            "run", "--env-file", "no.env", environment={**environment, "DB_CONNECTION_STRING": text}
        )
        assert len(receiver.store) == 0
    return finished


@pytest.mark.parametrize(
    ("changes", "said", "next_step"),
    [
        (
            {"DRIVER": "ODBC Driver 99 for SQL Server"},
            "'ODBC Driver 99 for SQL Server' is not installed",
            "Set driver to",
        ),
        ({"SERVER": "127.0.0.1,9"}, "127.0.0.1,9 cannot be reached", "Check host, port"),
        ({"PWD": SECRET}, "refuses the login", "Check user and password"),
        ({"DATABASE": "csc_no_such_database"}, "no database csc_no_such_database", "Check the database's name"),
        ({"ENCRYPT": "yes", "TRUSTSERVERCERTIFICATE": "no"}, "certificate of", "certificate store"),
        ({}, "lacks a table or column", "Run dbt build"),
    ],
    ids=["driver", "server", "login", "database", "certificate", "tables"],
)
def test_one_line_says_why(database: LiveDatabase, changes: dict[str, str], said: str, next_step: str) -> None:
    finished = submitted(database, changes)
    assert finished.code == 3, finished.said
    if not changes and database.is_babelfish:
        pytest.xfail("Babelfish has no number of its own for a table that is not there")
    assert said in finished.said
    assert next_step in finished.said
    assert len(finished.said.splitlines()) == 1
    assert SECRET not in finished.said
    assert database.parts["PWD"] not in finished.said
