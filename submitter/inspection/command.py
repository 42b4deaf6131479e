"""The command diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from submitter.connection import opened
from submitter.errors import ConfigurationError, SubmitError
from submitter.inspection.child import child_row
from submitter.inspection.screen import screen
from submitter.options import chosen_target, database_options, leave, plain_console
from submitter.settings import DatabaseSettings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("person_id")
@click.option("--show-values", is_flag=True, help="Show names, dates of birth and all other values, too.")
@click.option("--all", "show_all", is_flag=True, help="Show every change, however many screens they fill.")
@database_options
def diff(  # noqa: PLR0913 - one parameter an option
    *,
    person_id: str,
    show_values: bool,
    show_all: bool,
    target: str | None,
    project_dir: Path,
    profiles_dir: Path | None,
    env_file: Path,
) -> None:
    """Show what would be sent for one child, and why.

    Compares what the last dbt run built with what the receiver last accepted. Reads the state table, changes nothing.
    Names, dates of birth, UPNs, postcodes and free text stay hidden unless --show-values is given.
    """
    console = plain_console()
    try:
        settings = load_settings(DatabaseSettings, env_file)
        where = chosen_target(settings, project_dir, profiles_dir, target)
        with opened(where, None, settings.csc_duckdb_memory) as connection:
            row = child_row(connection, where.schema, settings.table_name, person_id)
        if row is None:
            raise ConfigurationError(
                "The state table has no child with this person id.",
                "Check the id; csc.cohort_reason says whether the child is in the cohort.",
            )
        for line in screen(row, show_values=show_values, show_all=show_all):
            console.print(line, markup=False)
    except SubmitError as error:
        leave(error)
