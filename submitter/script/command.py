"""`csc-submit sql-script`: one T-SQL file for a DBA, made from the same dbt models."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from submitter.errors import ConfigurationError, SubmitError
from submitter.options import leave
from submitter.project_files import project_root
from submitter.script.build import SERVERS, script


def _name(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value):
        raise click.BadParameter("write a schema's name in letters, digits and underscores.", param=parameter)
    return value


def _mapping(_: click.Context, parameter: click.Parameter, value: str | None) -> dict[str, Any]:
    try:
        variables = yaml.safe_load(value or "") or {}
    except yaml.YAMLError:
        variables = None
    if not isinstance(variables, dict):
        raise click.BadParameter(
            "write variables as dbt takes them: \"{csc_person_ids: ['1', '2']}\".", param=parameter
        )
    return variables


@click.command(name="sql-script", short_help="Write one T-SQL file that does without dbt what the models do.")
@click.option(
    "--server",
    type=click.Choice([str(server) for server in SERVERS]),
    required=True,
    help="The oldest SQL Server that it must run on.",
)
@click.option("--schema", default="csc", show_default=True, callback=_name, help="Where to build.")
@click.option("--ssd-schema", callback=_name, help="Where the SSD tables are. [default: the project's csc_ssd_schema]")
@click.option("--vars", "variables", callback=_mapping, help="The models' other variables, as dbt takes them.")
@click.option(
    "--project-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="DBT_PROJECT_DIR",
    help="The folder of dbt_project.yml. [default: this one, else the project that came with csc-submit]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write, or - for the screen. [default: csc_refresh_<server>.sql]",
)
def sql_script(  # noqa: PLR0913 - one parameter an option
    *,
    server: str,
    schema: str,
    ssd_schema: str | None,
    variables: dict[str, Any],
    project_dir: Path | None,
    output: Path | None,
) -> None:
    """Write one T-SQL file that makes the same objects without dbt, and a procedure that does what `dbt run` does.

    It is made from the dbt models of the project, so nothing is decided twice. No database is asked.
    """
    if ssd_schema is not None:
        variables = {**variables, "csc_ssd_schema": ssd_schema}
    try:
        text = script((project_dir or _here()).resolve(), int(server), schema, variables)
        if output == Path("-"):
            click.echo(text, nl=False)
            return
        file = output or Path(f"csc_refresh_{server}.sql")
        _write(file, text)
    except SubmitError as error:
        leave(error)
    click.echo(f"{file} is written. It says at its head how to run it.", file=sys.stderr)


def _here() -> Path:
    return Path() if Path("dbt_project.yml").is_file() else project_root()


def _write(file: Path, text: str) -> None:
    # sqlcmd knows UTF-8 by its mark only; a plain ASCII file needs none
    encoding = "ascii" if text.isascii() else "utf-8-sig"
    try:
        file.write_text(text, encoding=encoding, newline="\n")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.", "Give another --output.") from error
