"""The commands adopt and grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from submitter.connection import opened
from submitter.dba.adopt import as_script, carry_out, plan
from submitter.dba.grants import grants as grants_script
from submitter.errors import SubmitError
from submitter.options import chosen_target, database_options, leave, plain_console
from submitter.settings import DatabaseSettings, load_settings
from submitter.state import lock_name, now

if TYPE_CHECKING:
    from pathlib import Path

    from submitter.dba.adopt import Plan


@click.command()
@click.option("--from", "source", metavar="SCHEMA.TABLE", help="Where the earlier table is, when not in dbt's schema.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, with its SQL; change nothing.")
@database_options
def adopt(  # noqa: PLR0913 - one parameter an option
    *,
    source: str | None,
    dry_run: bool,
    target: str | None,
    project_dir: Path,
    profiles_dir: Path | None,
    env_file: Path,
) -> None:
    """Take over the state table ssd_api_data_staging of an earlier pipeline, with its history.

    Rows with the status Sent count as accepted, and nothing else does. The table is backed up first; all is done in one
    transaction; a second call finds nothing to do. Afterwards run dbt build.
    """
    console = plain_console()
    try:
        settings = load_settings(DatabaseSettings, env_file)
        where = chosen_target(settings, project_dir, profiles_dir, target)
        schema, _, table = settings.table_name.rpartition(".")
        with opened(where, lock_name(where.schema, settings.table_name)) as connection:
            decided = plan(connection, schema or where.schema, table, source, now())
            console.print(_said(decided), markup=False)
            if decided.statements and dry_run:
                console.print(f"\n{as_script(decided.statements)}\n\nDry run: nothing was changed.", markup=False)
            elif decided.statements:
                carry_out(connection, decided)
                console.print("Adopted. Now run dbt build: it decides what goes out next.", markup=False)
    except SubmitError as error:
        leave(error)


def _said(decided: Plan) -> str:
    found = decided.findings
    if not decided.statements:
        return f"{decided.table} is adopted already: nothing to do ({found.rows} rows)."
    return "\n".join(
        [
            f"{decided.table}: {found.rows} rows in the earlier table.",
            f"  {found.accepted} Sent: taken as what the receiver holds.",
            f"  {found.purged} Sent and Deleted: taken as purged by the receiver.",
            f"  {found.maybe_held} built or tried before, without proof: sent whole, or purged if not in the cohort.",
            f"  {found.never_sent} never sent: start as new.",
            f"  {found.repeated} repeat a child of another row, {found.without_id} have no person_id: dropped.",
            f"The table as it is now is kept in {decided.backup}.",
        ]
    )


@click.command()
@click.option("--dbt-login", required=True, help="The login that runs dbt (or csc_refresh).")
@click.option("--submit-login", required=True, help="The login that runs csc-submit.")
@click.option("--database", help="The database to name in the script. [default: none]")
@click.option("--schema", default="csc", show_default=True, help="The schema that dbt builds in.")
@click.option("--ssd-schema", default="ssd", show_default=True, help="The schema of the SSD tables.")
@click.option("--table", default="ssd_api_data_staging", show_default=True, help="The state table.")
def grants(  # noqa: PLR0913 - one parameter an option
    *, dbt_login: str, submit_login: str, database: str | None, schema: str, ssd_schema: str, table: str
) -> None:
    """Print the T-SQL that gives the two logins the least they need, for a DBA to review and run."""
    click.echo(
        grants_script(
            dbt_login=dbt_login,
            submit_login=submit_login,
            database=database,
            schema=schema,
            ssd_schema=ssd_schema,
            state_table=table,
        ),
        nl=False,
    )
