"""The command csc-submit."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from submitter import __version__
from submitter.connection import opened
from submitter.delivery import Delivery
from submitter.endpoint import Endpoint
from submitter.errors import SubmitError
from submitter.log import logging_to
from submitter.options import chosen_target, database_options, leave, plain_console
from submitter.settings import Settings, load_settings
from submitter.state import PayloadMode, lock_name
from submitter.stopping import Stop, stopping_on_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
    from submitter.errors import ExitCode
    from submitter.log import Log


class LazyCommands(click.Group):
    """A group that imports the further commands only when they are called: the nightly path never loads them."""

    further = {  # noqa: RUF012 - click subclasses declare what they serve here
        "adopt": ("submitter.dba.commands", "Take over the state table of an earlier pipeline, with its history."),
        "demo": ("submitter.trial.demo", "Try the whole road on this machine: invented children or a return you have."),
        "diff": ("submitter.inspection.command", "Show what would be sent for one child, and why."),
        "errors": ("submitter.audit.commands", "Say why children are rejected, grouped by reason."),
        "grants": ("submitter.dba.commands", "Print the T-SQL that gives two logins the least they need."),
        "history": ("submitter.audit.commands", "Say what left the building and when: runs, batches, one child."),
        "receiver": ("submitter.receiver.command", "Run a stand-in for the receiving API on this machine."),
        "retry": ("submitter.audit.commands", "Put rejected children back to pending."),
        "run-smoke": ("submitter.diagnostics.commands", "Check database, SSD and receiver, with one invented child."),
        "secret": ("submitter.secret_command", "Keep secrets in the operating system's key store."),
        "sql-script": ("submitter.script.command", "Write one T-SQL file that does without dbt what the models do."),
        "status": ("submitter.audit.commands", "Say what waits, what is in flight, and what came of the last run."),
        "test-db-connection": (
            "submitter.diagnostics.commands",
            "Say how the database is reached and what is allowed.",
        ),
        "test-endpoint": ("submitter.diagnostics.commands", "Walk the way to the receiver, step by step."),
        "test-schema": ("submitter.diagnostics.commands", "Say whether the SSD has what the models read."),
        "validate": ("submitter.validation.command", "Hold pending children whose payload breaks the schema."),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command without importing it."""
        return sorted([*super().list_commands(ctx), *self.further])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a further command, or say which extra it needs."""
        if cmd_name not in self.further:
            return super().get_command(ctx, cmd_name)
        try:
            module = import_module(self.further[cmd_name][0])
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"{cmd_name} needs {error.name}, which is not installed. "
                f"Run: pip install csc-submit[{'validate' if cmd_name == 'validate' else 'trial'}]"
            ) from error
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their short help."""
        rows = [
            (name, self.further[name][1] if name in self.further else self.commands[name].get_short_help_str(100))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = database_options(command)
    for option in reversed(
        (
            click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing, change nothing."),
            click.option(
                "--payload",
                type=click.Choice([mode.value for mode in PayloadMode]),
                help="What goes out for a child known to the receiver: what changed, or everything  "
                "[default: delta; also: USE_PARTIAL_PAYLOAD=false for full]",
            ),
            click.option("--live", is_flag=True, default=None, help="Allow a live endpoint (also: CSC_LIVE=true)."),
            click.option("--batch-size", type=int, help="Children in a request, 100 at most (also: BATCH_SIZE)."),
            click.option("--quiet", is_flag=True, help="Print errors only; the exit code says the rest."),
            click.option("-v", "--verbose", is_flag=True, help="Print a line for each batch and attempt."),
            click.option(
                "--log-file",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Write JSON lines to this file too; it begins anew at 5 MB, and five older ones are kept.",
            ),
            click.option("--workers", type=int, help="Requests at a time  [default: 4; also: CSC_WORKERS]"),
            click.option(
                "--max-minutes",
                type=float,
                help="Begin no request after so many minutes  [default: no limit; also: CSC_MAX_MINUTES]",
            ),
        )
    ):
        command = option(command)
    return command


@click.group(cls=LazyCommands, invoke_without_command=True)
@click.version_option(__version__, prog_name="csc-submit")
@_run_options
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - the options of run
    """Send what the dbt models say is pending to the Department for Education. Without a command: run."""
    if context.invoked_subcommand is None:
        context.invoke(run, **options)
    elif any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in options):
        # They would be forgotten: `csc-submit --dry-run run` must never send.
        raise click.UsageError(f"Write options after the command: csc-submit {context.invoked_subcommand} ...")


@cli.command()
@_run_options
def run(  # noqa: PLR0913 - one parameter an option
    *,
    dry_run: bool,
    payload: str | None,
    live: bool | None,
    batch_size: int | None,
    quiet: bool,
    verbose: bool,
    log_file: Path | None,
    workers: int | None,
    max_minutes: float | None,
    target: str | None,
    project_dir: Path,
    profiles_dir: Path | None,
    env_file: Path,
) -> None:
    """Send what is pending and write back what came of it.

    Exit codes: 0 all that was sent was accepted, or nothing to do, 1 some rejected, 2 wrong use or configuration,
    3 database, 4 authentication, 5 receiver unavailable, 6 another run holds the lock.
    """
    console = plain_console(quiet=quiet)
    try:
        wants_delta = None if payload is None else PayloadMode(payload) is PayloadMode.DELTA
        settings = load_settings(
            Settings,
            env_file,
            csc_live=live,
            batch_size=batch_size,
            use_partial_payload=wants_delta,
            csc_workers=workers,
            csc_max_minutes=max_minutes,
        )
        settings.allow_live()
        where = chosen_target(settings, project_dir, profiles_dir, target)
        if not settings.csc_verify_tls:
            console.print("CSC_VERIFY_TLS=false: certificates are not checked. For test receivers only.")
        with logging_to(console if verbose else None, log_file) as log:
            code = _logged(log, lambda: _run(console, settings, where, log, dry_run=dry_run))
    except SubmitError as error:
        leave(error)
    sys.exit(code)


def _logged(log: Log, work: Callable[[], ExitCode]) -> ExitCode:
    """Have the log say how it ended, too."""
    try:
        return work()
    except SubmitError as error:
        log.failure("run failed", reason=error.reason, exit_code=int(error.exit_code))
        raise
    except Exception as error:
        log.failure("run broken off", reason=type(error).__name__)
        raise


def _run(
    console: Console, settings: Settings, where: DuckDbTarget | SqlServerTarget, log: Log, *, dry_run: bool
) -> ExitCode:
    stop = Stop(settings.csc_max_minutes)
    with (
        stopping_on_request(stop),
        opened(
            where, lock_name(where.schema, settings.table_name), settings.csc_duckdb_memory, sleep=stop.wait
        ) as connection,
    ):
        # What is loaded by now stays. Looking through it for garbage would hold up all senders for 30 ms at a time.
        gc.freeze()
        # Senders with an answer in hand wait at most so long for the writer; 5 ms by default, of the 50 of a post.
        sys.setswitchinterval(0.0005)
        delivery = Delivery(console, settings, where, connection, stop, lambda: Endpoint(settings), log)
        return delivery.rehearse() if dry_run else delivery.carry_out()


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
