"""What can be known of a SQL Server connection without a server: its string, its driver, the reasons for a refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submitter.connection import target_of
from submitter.dbt_profile import DuckDbTarget, SqlServerTarget, read_target
from submitter.errors import ConfigurationError, DatabaseError, ExitCode
from submitter.odbc import parts_of, text_of, with_driver
from submitter.sqlserver_reasons import Refusal

if TYPE_CHECKING:
    from pathlib import Path

BOTH = ["SQL Server", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"]
DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(st.dictionaries(st.sampled_from(["SERVER", "DATABASE", "UID", "PWD", "APP"]), VALUES))
def test_a_connection_string_is_put_together_as_it_was_taken_apart(parts: dict[str, str]) -> None:
    assert parts_of(text_of(parts)) == parts


def test_a_connection_string_is_read_as_odbc_reads_it() -> None:
    assert parts_of(" Driver = {ODBC Driver 17 for SQL Server} ; Addr=a\\b;uid=x; PWD={a;b}}c};;UID=second") == {
        "DRIVER": "ODBC Driver 17 for SQL Server",
        "SERVER": "a\\b",
        "UID": "x",
        "PWD": "a;b}c",
    }


def test_what_is_no_connection_string_is_not_quoted() -> None:
    for text in ("secret", "SERVER=a;secret", "=secret"):
        with pytest.raises(ConfigurationError) as raised:
            parts_of(text)
        assert "secret" not in str(raised.value)


def test_both_kinds_of_connection_string_name_a_target(tmp_path: Path) -> None:
    assert target_of(f"duckdb:///{tmp_path}/a.db", None) == DuckDbTarget(tmp_path / "a.db", "csc")
    assert target_of("SERVER=a;PWD=hidden", "x") == SqlServerTarget({"SERVER": "a", "PWD": "hidden"}, "x")
    assert "hidden" not in repr(target_of("SERVER=a;PWD=hidden", "x"))


@pytest.mark.parametrize(
    ("installed", "driver"),
    [
        (BOTH, "ODBC Driver 18 for SQL Server"),
        (BOTH[:2], "ODBC Driver 17 for SQL Server"),
        (["ODBC Driver 9 for SQL Server", "ODBC Driver 17 for SQL Server"], "ODBC Driver 17 for SQL Server"),
    ],
)
def test_the_newest_driver_is_found(installed: list[str], driver: str) -> None:
    assert with_driver({"SERVER": "a"}, installed) == {"DRIVER": driver, "SERVER": "a", "ENCRYPT": "yes"}


def test_a_driver_that_is_named_is_taken_and_encryption_left_off_when_asked() -> None:
    for named in ("odbc driver 17 for sql server", "SQL Server", "/opt/lib/libmsodbcsql.so", "C:\\driver.dll"):
        assert with_driver({"DRIVER": named, "ENCRYPT": "no"}, BOTH) == {"DRIVER": named, "ENCRYPT": "no"}
    assert with_driver({"DSN": "ssd"}, []) == {"DSN": "ssd", "ENCRYPT": "yes"}


@pytest.mark.parametrize(
    ("parts", "installed", "said"),
    [
        ({"DRIVER": "ODBC Driver 19 for SQL Server"}, BOTH, "ODBC Driver 17 for SQL Server, ODBC Driver 18"),
        ({"DRIVER": "ODBC Driver 19 for SQL Server"}, [], "nor any other"),
        ({}, ["SQLite"], "Install ODBC Driver 18"),
    ],
)
def test_a_driver_that_is_not_there_is_said(parts: dict[str, str], installed: list[str], said: str) -> None:
    with pytest.raises(DatabaseError, match=said) as raised:
        with_driver(parts, installed)
    assert raised.value.exit_code is ExitCode.DATABASE


class OdbcError(Exception):
    """What pyodbc raises: the SQLSTATE, then the text."""


@pytest.mark.parametrize(
    ("state", "text", "said"),
    [
        ("28000", f"[28000] {DRIVER}[SQL Server]Login failed for user 'A. Name'. (18456) (SQLDriverConnect)", "login"),
        (
            "42000",
            f'[42000] {DRIVER}[SQL Server]Cannot open database "x" requested by the login. The login failed. (4060)',
            "no database db on host",
        ),
        ("HYT00", f"[HYT00] {DRIVER}Login timeout expired (0) (SQLDriverConnect)", "host cannot be reached"),
        ("08001", f"[08001] {DRIVER}TCP Provider: Error code 0x2AF9 (11001) (SQLDriverConnect)", "cannot be reached"),
        (
            "08001",
            f"[08001] {DRIVER}SSL Provider: [error:0A000086:SSL routines::certificate verify failed] (-1)",
            "certificate of host is not trusted",
        ),
        ("08001", f"[08001] {DRIVER}SSL-Anbieter: Die Zertifikatkette ... (-2146893019)", "certificate of host"),
        (
            "42000",
            f"[42000] {DRIVER}[SQL Server]SELECT permission denied on the object 'ssd_person', database 'd'. (229)",
            "no permission on ssd_person",
        ),
        ("42S02", f"[42S02] {DRIVER}[SQL Server]Invalid object name 'csc.payload'. (208)", "lacks .* csc.payload"),
        ("40001", f"[40001] {DRIVER}[SQL Server]Transaction was deadlocked. (1205)", "locked"),
        ("IM002", "[IM002] [Microsoft][ODBC Driver Manager] Data source name not found (0)", "driver or data source"),
        ("22001", f"[22001] {DRIVER}[SQL Server]String 'A. Name' would be truncated. (2628)", "22001, error 2628"),
    ],
)
def test_a_refusal_has_a_reason_and_a_next_step_and_no_name(state: str, text: str, said: str) -> None:
    reason = Refusal.of(OdbcError(state, text)).reason("host", "db")
    with pytest.raises(DatabaseError, match=said):
        raise reason
    assert reason.exit_code is ExitCode.DATABASE
    assert "\n" not in str(reason)
    assert "A. Name" not in str(reason)
    assert reason.next_step.endswith(".")


@pytest.mark.parametrize(
    ("state", "text", "again"),
    [
        ("40001", "deadlock (1205)", True),
        ("HY000", "lock request time out (1222)", True),
        ("08S01", "communication link failure (10054)", True),
        ("HY000", "database is not currently available (40613)", True),
        ("08001", "certificate verify failed (-1)", False),
        ("28000", "login failed (18456)", False),
        ("42S02", "invalid object name (208)", False),
    ],
)
def test_only_what_may_pass_is_tried_again(state: str, text: str, again: bool) -> None:  # noqa: FBT001 - a case
    assert Refusal.of(OdbcError(state, text)).is_worth_another_try is again


def profile(folder: Path, **output: object) -> SqlServerTarget:
    (folder / "dbt_project.yml").write_text("profile: csc\n", encoding="utf-8")
    standard = {"type": "sqlserver", "host": "h", "port": 1433, "database": "d", "schema": "csc"}
    (folder / "profiles.yml").write_text(
        json.dumps({"csc": {"target": "x", "outputs": {"x": {**standard, **output}}}}), encoding="utf-8"
    )
    target = read_target(folder, environment={"PASSWORD": "p;w"})
    assert isinstance(target, SqlServerTarget)
    return target


ENCRYPTED = {"DATABASE": "d", "ENCRYPT": "yes", "TRUSTSERVERCERTIFICATE": "no"}


@pytest.mark.parametrize(
    ("output", "parts"),
    [
        ({"windows_login": True}, {"SERVER": "h,1433", "TRUSTED_CONNECTION": "yes"}),
        ({"windows_login": True, "host": "h\\one"}, {"SERVER": "h\\one", "TRUSTED_CONNECTION": "yes"}),
        (
            {"user": "u", "password": "{{ env_var('PASSWORD') }}", "port": 1500},
            {"SERVER": "h,1500", "UID": "u", "PWD": "p;w"},
        ),
        (
            {"driver": "{ODBC Driver 17 for SQL Server}", "UID": "u", "PWD": "p"},
            {"DRIVER": "ODBC Driver 17 for SQL Server", "SERVER": "h,1433", "UID": "u", "PWD": "p"},
        ),
        (
            {"authentication": "ServicePrincipal", "client_id": "c", "client_secret": "s", "tenant_id": "t"},
            {"SERVER": "h,1433", "AUTHENTICATION": "ActiveDirectoryServicePrincipal", "UID": "c", "PWD": "s"},
        ),
        ({"authentication": "MSI"}, {"SERVER": "h,1433", "AUTHENTICATION": "ActiveDirectoryMsi"}),
        (
            {"authentication": "ActiveDirectoryIntegrated"},
            {"SERVER": "h,1433", "AUTHENTICATION": "ActiveDirectoryIntegrated"},
        ),
        ({"authentication": "auto"}, {"SERVER": "h,1433"}),
    ],
)
def test_every_login_of_the_profile_is_understood(
    tmp_path: Path, output: dict[str, object], parts: dict[str, str]
) -> None:
    target = profile(tmp_path, **output)
    assert target.parts == {**ENCRYPTED, **parts}
    assert target.token_from == ("auto" if output.get("authentication") == "auto" else None)


def test_an_unknown_login_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown authentication: kerberos"):
        profile(tmp_path, authentication="kerberos")
