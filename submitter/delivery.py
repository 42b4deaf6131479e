"""One delivery: says what waits, opens the run's line in the audit trail, has it sent, closes the line."""

from __future__ import annotations

import getpass
import json
import platform
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from submitter import __version__
from submitter.endpoint import Token
from submitter.errors import ExitCode, SubmitError
from submitter.run import Run, Tally
from submitter.senders import Senders
from submitter.state import PayloadMode, RunEnd, RunStart, StateStore, Status, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from submitter.connection import Connection
    from submitter.dbt_profile import DuckDbTarget, SqlServerTarget
    from submitter.endpoint import Endpoint
    from submitter.log import Log
    from submitter.settings import Settings
    from submitter.stopping import Stop


@dataclass(frozen=True)
class Delivery:
    """What a delivery depends on; `endpoints` makes one for each sender."""

    console: Console
    settings: Settings
    where: DuckDbTarget | SqlServerTarget
    connection: Connection
    stop: Stop
    endpoints: Callable[[], Endpoint]
    log: Log

    def rehearse(self) -> ExitCode:
        """Say what would be sent; send and change nothing. Raises SubmitError."""
        self._look()
        self.console.print("Dry run: nothing was sent, nothing was changed.")
        return ExitCode.DONE

    def carry_out(self) -> ExitCode:
        """Send what waits and say what came of it. Raises SubmitError when it could not be done as a whole."""
        children, batches_in_flight = self._look()
        if not children and not batches_in_flight:
            self.console.print("Nothing to do.")
            return ExitCode.DONE
        run_id = str(uuid.uuid4())
        self._store.start_run(self._start(run_id), children)
        self.log.info(
            "run started", run_id=run_id, version=__version__, endpoint=self.settings.api_endpoint, children=children
        )
        return self._send(run_id, children)

    @cached_property
    def _mode(self) -> PayloadMode:
        return PayloadMode.DELTA if self.settings.use_partial_payload else PayloadMode.FULL

    @cached_property
    def _store(self) -> StateStore:
        return StateStore(self.connection, self.where.schema, self.settings.table_name, self._mode)

    def _look(self) -> tuple[int, int]:
        """Say and return how many children wait and how many batches are in flight."""
        self._store.check()
        waiting = self._store.waiting(Status.PENDING, Status.ERROR)
        in_flight = len(self._store.batches_in_flight())
        batches = -(-waiting.children // self.settings.batch_size)
        self.console.print(
            f"{waiting.children} children wait ({waiting.bytes} bytes, {batches} batches or more), "
            f"{in_flight} batches are in flight. Receiver: {self.settings.children_url}",
            markup=False,
        )
        return waiting.children, in_flight

    def _start(self, run_id: str) -> RunStart:
        return RunStart(
            run_id,
            platform.node(),
            _user(),
            __version__,
            self.settings.api_endpoint,
            self.settings.la_code,
            self._mode.value,
            json.dumps({**self.settings.told(), "database": self.where.told()}),
        )

    def _send(self, run_id: str, waiting: int) -> ExitCode:
        clock = time.monotonic()
        code, outcome = ExitCode.DONE, "done"
        token = Token(self.settings)
        senders = Senders(run_id, self.settings, self.stop, token, self.endpoints)
        with _progress(self.console, waiting) as progress:
            run = Run(
                run_id, self.settings, self._store, senders, self.stop, started=now(), progress=progress, log=self.log
            )
            try:
                run.submit()
                if self.stop.reason is not None:
                    left = self._store.waiting(Status.PENDING).children
                    outcome = f"{self.stop.reason}; {left} children wait for the next run"
            except SubmitError as error:
                code, outcome = error.exit_code, error.reason
                raise
            except BaseException as error:
                # Python ends with 1 after what nobody foresaw.
                code, outcome = ExitCode.SOME_REJECTED, f"broken off: {type(error).__name__}"
                raise
            finally:
                token.close()
                code = _exit_code(run.tally) if code is ExitCode.DONE else code
                end = RunEnd(run.tally.accepted, run.tally.rejected, run.tally.unknown, outcome, code)
                self._sum_up(run_id, end, time.monotonic() - clock)  # also when the database is gone
                self._store.end_run(run_id, end)
        return code

    def _sum_up(self, run_id: str, end: RunEnd, seconds: float) -> None:
        self.log.info(
            "run ended",
            run_id=run_id,
            accepted=end.accepted,
            rejected=end.rejected,
            unknown=end.unknown,
            outcome=end.outcome,
            exit_code=end.exit_code,
            milliseconds=round(seconds * 1000),
        )
        self.console.print(
            f"{end.accepted} accepted, {end.rejected} rejected, {end.unknown} unknown "
            f"in {seconds:.1f} seconds; {end.outcome.rstrip('.')}. Run {run_id}.",
            markup=False,
        )
        if end.rejected:
            self.console.print("Why: csc-submit errors")
        if end.unknown:
            self.console.print("Unknown outcomes stay in flight; the next run starts with them.")


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
def _progress(console: Console, waiting: int) -> Iterator[Callable[[Tally], None]]:
    """Show a bar on a terminal; stay silent elsewhere, where the last line says it all."""
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet, transient=True) as bar:
        task = bar.add_task("sending", total=waiting)

        def tell(tally: Tally) -> None:
            bar.update(task, completed=tally.accepted + tally.rejected + tally.unknown)

        yield tell
