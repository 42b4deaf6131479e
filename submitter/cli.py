"""The command csc-submit."""

from __future__ import annotations

import getpass
import platform
import signal
import sys
import time
import uuid
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from submitter import __version__
from submitter.connection import opened
from submitter.endpoint import Endpoint
from submitter.errors import ExitCode, SubmitError
from submitter.log import logging_to
from submitter.options import chosen_target, database_options, leave, plain_console
from submitter.run import Run, Tally
from submitter.settings import Settings, load_settings
from submitter.state import PayloadMode, RunEnd, RunStart, StateStore, Status, lock_name, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
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
    target: str | None,
    project_dir: Path,
    profiles_dir: Path | None,
    env_file: Path,
) -> None:
    """Send what is pending and write back what came of it.

    Exit codes: 0 all accepted or nothing to do, 1 some rejected, 2 wrong use or configuration, 3 database,
    4 authentication, 5 receiver unavailable, 6 another run holds the lock.
    """
    console = plain_console(quiet=quiet)
    try:
        wants_delta = None if payload is None else PayloadMode(payload) is PayloadMode.DELTA
        settings = load_settings(
            Settings, env_file, csc_live=live, batch_size=batch_size, use_partial_payload=wants_delta
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
    with opened(where, lock_name(where.schema, settings.table_name), settings.csc_duckdb_memory) as connection:
        mode = PayloadMode.DELTA if settings.use_partial_payload else PayloadMode.FULL
        store = StateStore(connection, where.schema, settings.table_name, mode)
        store.check()
        waiting = store.waiting(Status.PENDING, Status.ERROR)
        in_flight = store.batches_in_flight()
        batches = -(-waiting.children // settings.batch_size)
        console.print(
            f"{waiting.children} children wait ({waiting.bytes} bytes, {batches} batches or more), "
            f"{len(in_flight)} batches are in flight. Receiver: {settings.children_url}",
            markup=False,
        )
        if dry_run:
            console.print("Dry run: nothing was sent, nothing was changed.")
            return ExitCode.DONE
        if not waiting.children and not in_flight:
            console.print("Nothing to do.")
            return ExitCode.DONE
        return _submit(console, settings, store, log, waiting.children)


def _submit(console: Console, settings: Settings, store: StateStore, log: Log, waiting: int) -> ExitCode:
    run_id = str(uuid.uuid4())
    started = now()
    clock = time.monotonic()
    store.start_run(
        RunStart(
            run_id, platform.node(), _user(), __version__, settings.api_endpoint, settings.la_code, store.mode.value
        ),
        waiting,
    )
    endpoint = Endpoint(settings)
    log.info("run started", run_id=run_id, version=__version__, endpoint=settings.api_endpoint, children=waiting)
    code, outcome = ExitCode.DONE, "done"
    with _stop_on_signal() as stopped, _progress(console, waiting) as progress:
        run = Run(
            run_id,
            settings,
            store,
            endpoint,
            started=started,
            sleep=time.sleep,
            stopped=stopped,
            progress=progress,
            log=log,
        )
        try:
            run.submit()
            if stopped():
                outcome = "stopped on request after the batch in hand"
        except SubmitError as error:
            code, outcome = error.exit_code, error.reason
            raise
        except BaseException as error:
            # Python ends with 1 after what nobody foresaw.
            code, outcome = ExitCode.SOME_REJECTED, f"broken off: {type(error).__name__}"
            raise
        finally:
            endpoint.close()
            tally = run.tally
            if code is ExitCode.DONE:
                code = _exit_code(tally)
            store.end_run(run_id, RunEnd(tally.accepted, tally.rejected, tally.unknown, outcome, code))
    log.info(
        "run ended",
        run_id=run_id,
        accepted=tally.accepted,
        rejected=tally.rejected,
        unknown=tally.unknown,
        outcome=outcome,
        exit_code=int(code),
        milliseconds=round((time.monotonic() - clock) * 1000),
    )
    console.print(
        f"{tally.accepted} accepted, {tally.rejected} rejected, {tally.unknown} unknown "
        f"in {time.monotonic() - clock:.1f} seconds; {outcome}. Run {run_id}.",
        markup=False,
    )
    if tally.rejected:
        console.print("Why: csc-submit errors")
    if tally.unknown:
        console.print("Unknown outcomes stay in flight; the next run starts with them.")
    return code


def _exit_code(tally: Tally) -> ExitCode:
    if tally.unknown:
        return ExitCode.RECEIVER_UNAVAILABLE
    return ExitCode.SOME_REJECTED if tally.rejected else ExitCode.DONE


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return "unknown"


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a flag that the run asks between batches."""
    asked: list[int] = []
    former = {
        number: signal.signal(number, lambda got, _: asked.append(got)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _progress(console: Console, waiting: int) -> Iterator[Callable[[Tally], None]]:
    """Show a bar on a terminal; stay silent elsewhere, where the last line says it all."""
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet, transient=True) as bar:
        task = bar.add_task("sending", total=waiting)

        def tell(tally: Tally) -> None:
            bar.update(task, completed=tally.accepted + tally.rejected + tally.unknown)

        yield tell


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
