"""The options that every command with a database takes, and the target that they choose."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from rich.console import Console

from submitter.connection import target_of
from submitter.dbt_profile import read_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
    from submitter.errors import SubmitError
    from submitter.settings import DatabaseSettings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
Command = TypeVar("Command", bound="Callable[..., Any]")

project_option = click.option(
    "--project-dir",
    type=_FOLDER,
    envvar="DBT_PROJECT_DIR",
    default=Path(),
    help="The folder of dbt_project.yml. [default: this one]",
)


def database_options(command: Command) -> Command:
    """Add `--target`, `--project-dir`, `--profiles-dir` and `--env-file`."""
    for option in reversed(
        (
            click.option("--target", envvar="DBT_TARGET", help="The dbt target. [default: the profile's]"),
            project_option,
            click.option("--profiles-dir", type=_FOLDER, help="The folder of profiles.yml. [default: as dbt looks]"),
            click.option("--env-file", type=_FILE, default=Path(".env"), show_default=True, help="Further settings."),
        )
    ):
        command = option(command)
    return command


def chosen_target(
    settings: DatabaseSettings, project: Path, profiles_dir: Path | None, target: str | None
) -> DuckDbTarget | SqlServerTarget:
    """Return the connection that the settings name, else that of the dbt profile. Raises ConfigurationError."""
    if settings.connection_string is not None:
        return target_of(settings.connection_string, schema=None)
    return read_target(project.resolve(), profiles_dir, target)


def plain_console(*, quiet: bool = False) -> Console:
    """Return a console that writes a line as it is, or nothing at all."""
    return Console(soft_wrap=True, highlight=False, quiet=quiet)


def leave(error: SubmitError) -> NoReturn:
    """Say in one line why, on standard error, and end with the error's exit code."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
    sys.exit(error.exit_code)
