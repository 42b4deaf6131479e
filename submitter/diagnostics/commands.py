"""The commands test-db-connection, test-schema, test-endpoint and run-smoke."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from submitter.connection import opened
from submitter.diagnostics.database import check_database
from submitter.diagnostics.endpoint import check_endpoint, support_block
from submitter.diagnostics.invented_record import send_invented_record
from submitter.diagnostics.report import Report
from submitter.diagnostics.schema import check_schema, dbt_variables
from submitter.errors import ExitCode, SubmitError
from submitter.options import chosen_target, database_options, leave
from submitter.settings import DatabaseSettings, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

_env_file = click.option(
    "--env-file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".env"),
    show_default=True,
    help="Further settings.",
)
_ssd_schema = click.option("--ssd-schema", help="The schema of the SSD tables. [default: csc_ssd_schema]")
_absent = click.option(
    "--absent", multiple=True, metavar="TABLE", help="An SSD table that is not there; also: csc_absent_tables."
)


def _checked(report: Report, what: str, check: Callable[[], None]) -> None:
    """Run a check; the failure that stops it is a line of the report."""
    try:
        check()
    except SubmitError as error:
        report.stopped(what, error)


@click.command()
@database_options
def test_db_connection(**options: Any) -> None:  # noqa: ANN401 - the options of a database
    """Say which driver, server, login and database it is, and what the login may do. Changes nothing, takes no lock.

    Exit codes: 0 all is well, 2 configuration, 3 database, 6 another program has the DuckDB file.
    """
    report = Report(click.echo)
    _checked(report, "database", lambda: _database(options, report))
    sys.exit(report.code)


def _database(options: dict[str, Any], report: Report) -> None:
    settings = load_settings(DatabaseSettings, options["env_file"])
    where = chosen_target(settings, options["project_dir"], options["profiles_dir"], options["target"])
    check_database(where, settings.table_name, settings.csc_duckdb_memory, report)


@click.command()
@_ssd_schema
@_absent
@database_options
def test_schema(*, ssd_schema: str | None, absent: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - the same
    """Say of each SSD table whether it has the columns, of the right kind, that the models read.

    A missing one is named with the payload's attributes that need it. Needs a login that sees the SSD: dbt's.

    Exit codes: 0 all is there, 2 configuration, 3 something is missing or the database cannot be asked.
    """
    report = Report(click.echo)
    _checked(report, "SSD", lambda: _schema(options, ssd_schema, absent, report))
    sys.exit(report.code)


def _schema(options: dict[str, Any], ssd_schema: str | None, absent: tuple[str, ...], report: Report) -> None:
    settings = load_settings(DatabaseSettings, options["env_file"])
    where = chosen_target(settings, options["project_dir"], options["profiles_dir"], options["target"])
    is_project = (options["project_dir"] / "dbt_project.yml").is_file()
    variables = {} if ssd_schema and not is_project else dbt_variables(options["project_dir"])
    declared = [*absent, *(str(table) for table in variables.get("csc_absent_tables") or ())]
    with opened(where, None, settings.csc_duckdb_memory, read_only=True) as connection:
        check_schema(connection, ssd_schema or str(variables.get("csc_ssd_schema") or "ssd"), declared, report)


@click.command()
@click.option("--test-record", is_flag=True, help="Send one invented child to a test receiver and purge it again.")
@_env_file
def test_endpoint(*, test_record: bool, env_file: Path) -> None:
    """Walk the way to the receiver: name, connection, proxy, TLS, token, endpoint; stop at the first that fails.

    The end is a GET, which carries no child. It asks no database. What it prints last may be copied to a support desk:
    no secret is in it.

    Exit codes: 0 the way is open, 1 the invented child was rejected, 2 configuration, 4 authentication, 5 no way
    through.
    """
    report = Report(click.echo)
    try:
        settings = load_settings(Settings, env_file)
        if test_record and settings.is_live:
            send_invented_record(settings, report)  # which refuses it, before anything is asked
    except SubmitError as error:
        leave(error)
    _checked(report, "stopped", lambda: _endpoint(settings, report, with_record=test_record))
    click.echo(support_block(settings, report.told))
    sys.exit(report.code)


def _endpoint(settings: Settings, report: Report, *, with_record: bool) -> None:
    check_endpoint(settings, report)
    if with_record:
        send_invented_record(settings, report)


@click.command()
@_ssd_schema
@_absent
@database_options
def run_smoke(*, ssd_schema: str | None, absent: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - the same
    """Check the database, the SSD and the way to the receiver, and send one invented child to a test receiver.

    A live receiver gets no child. All is checked even where something fails; the exit code is of the first failure.
    """
    report = Report(click.echo)
    _checked(report, "database", lambda: _database(options, report))
    _checked(report, "SSD", lambda: _schema(options, ssd_schema, absent, report))
    _checked(report, "receiver", lambda: _smoke_endpoint(options["env_file"], report))
    click.echo("All is well." if report.code is ExitCode.DONE else f"Not all is well: exit code {int(report.code)}.")
    sys.exit(report.code)


def _smoke_endpoint(env_file: Path, report: Report) -> None:
    settings = load_settings(Settings, env_file)
    if settings.is_live:
        report.note("test record", "none is sent to a live receiver")
    _endpoint(settings, report, with_record=not settings.is_live)
