"""The grants are T-SQL for every version, name no more than is needed, and quote whatever a login is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tsql_grammar import refused

from submitter.dba.commands import grants
from submitter.reference import ssd_tables

if TYPE_CHECKING:
    from pathlib import Path

LOGINS = ("--dbt-login", "DOMAIN\\dbt job", "--submit-login", "o'brien]x")


def printed(*more: str) -> str:
    result = CliRunner().invoke(grants, [*LOGINS, *more])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("version", ["2012", "2014", "2016", "2017", "2019", "2022", "2025"])
def test_it_parses(tmp_path: Path, version: str) -> None:
    texts = {"plain": printed(), "named": printed("--database", "my ssd", "--schema", "c]s'c", "--ssd-schema", "dbo")}
    assert refused(tmp_path, version, texts) == {}


def test_names_are_quoted() -> None:
    said = printed()
    assert "create user [o'brien]]x] for login [o'brien]]x]" in said
    assert "database_principal_id(N'o''brien]x')" in said
    assert "alter role [csc_builder] add member [DOMAIN\\dbt job];" in said


def test_the_builder_reads_each_ssd_table_and_the_sender_none() -> None:
    said = printed("--ssd-schema", "dbo")
    assert re.findall(r"grant select on \[dbo\]\.\[(\w+)\] to \[csc_builder\]", said) == list(ssd_tables())
    to_sender = re.findall(r"grant (.+?) on (\S+) (?:\(.*\) )?to \[csc_sender\]", said)
    assert to_sender == [
        ("select", "[csc].[ssd_api_data_staging]"),
        ("update", "[csc].[ssd_api_data_staging]"),
        ("select, insert", "[csc].[submission_run]"),
        ("update", "[csc].[submission_run]"),
        ("select, insert", "[csc].[submission_event]"),
    ]
