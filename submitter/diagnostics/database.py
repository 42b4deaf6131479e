"""The database as csc-submit meets it: driver, server, login, and what the login may do on its three tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from submitter.audit.tables import Tables
from submitter.connection import Statement, opened
from submitter.dba.grants import WRITTEN_RUN, WRITTEN_STATE
from submitter.dbt_profile import DuckDbTarget
from submitter.errors import DatabaseError, ExitCode
from submitter.odbc import with_driver
from submitter.state import StateStore

if TYPE_CHECKING:
    from submitter.connection import Connection
    from submitter.dbt_profile import SqlServerTarget
    from submitter.diagnostics.report import Report

SERVER = (
    "select cast(serverproperty('ProductVersion') as nvarchar(128)), cast(serverproperty('Edition') as nvarchar(128)), "
    "suser_name(), user_name(), db_name()"
)
LEVEL = "select compatibility_level from sys.databases where name = db_name()"
# 1, 0, or nothing at all where the table is not there
_MAY = "select has_perms_by_name(?, N'OBJECT', ?)"
_MAY_COLUMN = "select has_perms_by_name(?, N'OBJECT', N'UPDATE', ?, N'COLUMN')"
_JSON_READER = 130
_ASK_DBA = "Have a DBA run what csc-submit grants prints."


def check_database(where: DuckDbTarget | SqlServerTarget, table: str, memory: str, report: Report) -> None:
    """Tell each finding; raises the DatabaseError that kept it from going on. Changes nothing and takes no lock."""
    if isinstance(where, DuckDbTarget):
        _check_duckdb(where, table, memory, report)
        return
    _check_driver(where, report)
    with opened(where, None) as connection:
        version, edition, login, user, database = connection.transaction(Statement(SERVER))[0]
        report.ok("server", f"{where.parts.get('SERVER', 'of the data source')}, version {version}, {edition}")
        report.ok("login", f"{login}, user {user} of the database")
        level = int(connection.transaction(Statement(LEVEL))[0][0])
        deltas = "" if level >= _JSON_READER else "; below 130 whole payloads go out, without deltas"
        report.ok("database", f"{database}, compatibility level {level}{deltas}")
        _check_tables(connection, where.schema, table, report)
        check_rights(connection, Tables.of(connection, where.schema, table), report)


def _check_driver(where: SqlServerTarget, report: Report) -> None:
    try:
        import pyodbc  # noqa: PLC0415 - needs the system's ODBC
    except ImportError as error:
        raise DatabaseError(
            "pyodbc cannot be loaded: the system's ODBC driver manager is missing.",
            "Install Microsoft's ODBC Driver 18 for SQL Server (on Linux unixODBC too).",
        ) from error
    parts = with_driver(where.parts, pyodbc.drivers())
    checked = "taken unchecked" if parts.get("TRUSTSERVERCERTIFICATE", "no").lower() == "yes" else "checked"
    encrypted = parts.get("ENCRYPT", "yes").lower() not in {"no", "optional"}
    report.ok("driver", str(parts.get("DRIVER") or "that of the data source"))
    report.ok("encryption", f"asked for; the server's certificate is {checked}" if encrypted else "switched off")


def _check_duckdb(where: DuckDbTarget, table: str, memory: str, report: Report) -> None:
    with opened(where, None, memory, read_only=True) as connection:
        version = connection.transaction(Statement("select version()"))[0][0]
        report.ok("driver", f"DuckDB {version}")
        report.ok("database", str(where.path))
        _check_tables(connection, where.schema, table, report)
    if os.access(where.path, os.W_OK):
        report.ok("rights", "the file can be written")
    else:
        report.failed("rights", "The file cannot be written. Check its permissions.", ExitCode.DATABASE)


def _check_tables(connection: Connection, schema: str, table: str, report: Report) -> None:
    StateStore(connection, schema, table).check()
    report.ok("tables", f"{table}, submission_run and submission_event of schema {schema} have every column")


def check_rights(connection: Connection, tables: Tables, report: Report) -> None:
    """Tell what the login may do on the three tables, column by column where a run updates only some."""
    for what, table, rights, columns in (
        ("state", tables.state, ("SELECT",), WRITTEN_STATE),
        ("runs", tables.runs, ("SELECT", "INSERT"), WRITTEN_RUN),
        ("events", tables.events, ("SELECT", "INSERT"), ()),
    ):
        lacking = [right.lower() for right in rights if not _may(connection, Statement(_MAY, [table, right]))]
        lacking += [
            f"update of {column}" for column in columns if not _may(connection, Statement(_MAY_COLUMN, [table, column]))
        ]
        if lacking:
            report.failed(f"rights on {what}", f"The login lacks {', '.join(lacking)}. {_ASK_DBA}", ExitCode.DATABASE)
        else:
            update = ", update of what a run writes" if columns else ""
            report.ok(f"rights on {what}", f"{', '.join(right.lower() for right in rights)}{update}")
    if _may(connection, Statement(_MAY, [tables.state, "DELETE"])):
        report.note("rights", "the login could also delete children's rows, which csc-submit never does")


def _may(connection: Connection, statement: Statement) -> bool:
    rows = connection.transaction(statement)
    return bool(rows and rows[0][0] == 1)
