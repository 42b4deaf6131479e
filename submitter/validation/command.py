"""The command validate."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from submitter.audit.tables import Tables
from submitter.connection import opened
from submitter.errors import ExitCode, SubmitError
from submitter.options import chosen_target, database_options, leave
from submitter.settings import DatabaseSettings, load_settings
from submitter.state import StateStore, lock_name
from submitter.validation.pending import PendingPayloads

if TYPE_CHECKING:
    from submitter.validation.pending import Summary

_REASONS_SHOWN = 30


class ValidationSettings(DatabaseSettings):
    """The settings that decide which text goes out; none of them says where to."""

    use_partial_payload: bool = True


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be held; change nothing, take no lock.")
@database_options
def validate(*, dry_run: bool, **options: Any) -> None:  # noqa: ANN401 - the options of a database
    """Check every pending payload against the JSON Schema, without the network; hold those that break it.

    A held child is not sent; api_response says why, by path, without values. The others stay pending: run csc-submit
    next. A held child becomes pending again when dbt builds another payload for it, or when validate finds that the
    payload fits. Holds the lock of a run.

    Exit codes: 0 done, whether children are held or not; 1 with --dry-run, when some would be; 2 configuration,
    3 database, 6 a run is going on.
    """
    try:
        settings = load_settings(ValidationSettings, options["env_file"])
        where = chosen_target(settings, options["project_dir"], options["profiles_dir"], options["target"])
        lock = None if dry_run else lock_name(where.schema, settings.table_name)
        with opened(where, lock, settings.csc_duckdb_memory, read_only=dry_run) as connection:
            StateStore(connection, where.schema, settings.table_name).check()
            tables = Tables.of(connection, where.schema, settings.table_name)
            pending = PendingPayloads(connection, tables, sends_deltas=settings.use_partial_payload)
            summary = pending.validate(dry_run=dry_run)
    except SubmitError as error:
        leave(error)
    _say(summary, dry_run=dry_run)
    sys.exit(ExitCode.SOME_REJECTED if dry_run and summary.invalid else ExitCode.DONE)


def _say(summary: Summary, *, dry_run: bool) -> None:
    would = "would be" if dry_run else "are"
    click.echo(f"{summary.looked_at:,} payloads checked, {summary.invalid:,} children {would} held.")
    if summary.released:
        click.echo(f"{summary.released:,} held before {would} pending again: their payload fits now.")
    for reason, children in summary.reasons.most_common(_REASONS_SHOWN):
        click.echo(f"{children:>7,}  {reason}  (for example {', '.join(summary.examples[reason])})")
    if len(summary.reasons) > _REASONS_SHOWN:
        click.echo(f"and {len(summary.reasons) - _REASONS_SHOWN:,} more reasons")
    if dry_run:
        click.echo("Dry run: nothing was changed.")
