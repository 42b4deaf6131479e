"""`csc-submit demo`: the whole road on one machine, from SSD tables to the receiver's receipts.

Nothing is simulated but the children and the far end: the same dbt models, the same `csc-submit`, real HTTP and
OAuth2, only against a stand-in receiver on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb
from rich.console import Console
from rich.table import Table

from submitter.project_files import project_root
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.receiver.store import ChildStore
from submitter.settings import Settings
from submitter.trial import ssd
from submitter.trial.cin_census import read_cin_census
from submitter.trial.day_end import day_end, evening
from submitter.trial.days import SsdDays
from submitter.trial.errors import TrialError
from submitter.trial.invent import invented_children
from submitter.trial.returns import combined
from submitter.trial.ssda903 import read_ssda903

if TYPE_CHECKING:
    from collections.abc import Iterator

    from submitter.receiver.serve import RunningReceiver
    from submitter.receiver.store import Mode
    from submitter.trial.day_end import DayEnd
    from submitter.trial.returns import CombinedReturns

NO_UNIT_TESTS = "--exclude-resource-type=unit_test"  # they test the models, not an authority's data
DATABASE_NAME = "children.duckdb"
SSD_SCHEMA = "ssd"
GONE_SCHEMA = "ssd_gone"
CSC_SCHEMA = "csc"
STATE = f"{CSC_SCHEMA}.ssd_api_data_staging"
SUBMIT_REJECTED = 1


@dataclass
class Clock:
    """Seconds each step took, in the order they were taken."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step, also when it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - started


@dataclass(frozen=True)
class Source:
    """Where the demo's children come from: invented ones, or one or both published returns."""

    children: int
    seed: int
    cin_census: Path | None
    ssda903: Path | None

    @property
    def from_returns(self) -> bool:
        """Whether a real return is loaded rather than children invented."""
        return self.cin_census is not None or self.ssda903 is not None


@dataclass(frozen=True)
class Days:
    """How many days the demo plays, None for the first one alone, and what kind of receiver it plays against."""

    number: int | None = None
    mode: Mode = "merge"


@dataclass(frozen=True)
class Outcome:
    """What the table shows."""

    people: int
    cohort: int
    reasons: list[tuple[str, int]]
    payloads: int
    accepted: int
    rejected: int
    held: int
    held_equal: int


def fill(database: Path, source: Source, run_date: date) -> list[str]:
    """Make the SSD tables anew and fill them; return what is worth a note about the returns.

    An earlier demo's database is replaced only when all is loaded.
    """
    new = database.with_name(f"new-{database.name}")
    new.unlink(missing_ok=True)
    notes: list[str] = []
    with duckdb.connect(str(new)) as connection:
        ssd.create_tables(connection, SSD_SCHEMA)
        if source.from_returns:
            returns = combined(
                read_cin_census(source.cin_census) if source.cin_census else None,
                read_ssda903(source.ssda903) if source.ssda903 else None,
            )
            ssd.load(connection, SSD_SCHEMA, returns.rows)
            notes = about(returns)
        else:
            ssd.load(connection, SSD_SCHEMA, invented_children(source.children, source.seed, run_date))
    new.replace(database)
    return notes


def about(returns: CombinedReturns) -> list[str]:
    """Say what was noticed while returns were loaded, in numbers only."""
    notes = []
    if returns.not_understood:
        notes.append(f"Values in the return that were not understood and left empty: {returns.not_understood:,}")
    if returns.in_both:
        notes.append(
            f"Children in both returns: {returns.in_both:,}, of them {returns.births_differing:,} with two dates of "
            "birth (more than a few: the two returns do not number children alike)"
        )
    return notes


def write_profile(folder: Path, database: Path) -> None:
    """Write the dbt profile of the demo's database into its folder."""
    profile = {
        "csc": {
            "target": "duckdb",
            "outputs": {
                "duckdb": {
                    "type": "duckdb",
                    "path": str(database),
                    "schema": CSC_SCHEMA,
                    "threads": os.cpu_count() or 1,
                }
            },
        }
    }
    # JSON is YAML too, and quotes a Windows path's backslashes.
    (folder / "profiles.yml").write_text(json.dumps(profile, indent=2), encoding="utf-8")


def dbt_command(folder: Path, run_date: date, *arguments: str) -> list[str]:
    """Return the dbt command for the demo's folder."""
    start = "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"
    return [sys.executable, "-c", start, *dbt_arguments(folder, run_date, *arguments)]


def dbt_arguments(folder: Path, run_date: date, *arguments: str, **variables: object) -> list[str]:
    """Return what follows the word dbt in the command."""
    return [
        "--no-use-colors",
        *arguments,
        f"--project-dir={project_root()}",
        f"--profiles-dir={folder}",
        f"--target-path={folder / 'target'}",
        f"--log-path={folder / 'logs'}",
        "--vars",
        json.dumps({"csc_ssd_schema": SSD_SCHEMA, "csc_run_date": run_date.isoformat(), **variables}),
    ]


def run_or_fail(command: list[str], environment: dict[str, str], what: str, accepted_codes: tuple[int, ...]) -> None:
    """Run a step as its own process, as a user would; show what it said when it fails."""
    finished = subprocess.run(  # noqa: S603 - the commands are our own
        command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if finished.returncode not in accepted_codes:
        said = (finished.stdout + finished.stderr).strip().splitlines()
        raise TrialError("\n".join([f"{what} failed with exit code {finished.returncode}. It said:", *said[-25:]]))


def submit_command(folder: Path) -> list[str]:
    """Return the csc-submit command for the demo's folder, deaf to any .env of the user's."""
    return [
        *(sys.executable, "-m", "submitter", "run", "--env-file", str(folder / "no.env")),
        *("--project-dir", str(project_root()), "--profiles-dir", str(folder), "--target", "duckdb"),
    ]


def submit_environment(receiver: RunningReceiver, config: ReceiverConfig) -> dict[str, str]:
    """Return this process's environment, with every setting of csc-submit pointing at the stand-in."""
    others = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return {
        **others,
        "API_ENDPOINT": receiver.base_url,
        "TOKEN_ENDPOINT": receiver.token_url,
        "LA_CODE": config.la_code,
        "CLIENT_ID": config.client_id,
        "CLIENT_SECRET": config.client_secret,
        "SCOPE": config.scope,
        "SUPPLIER_KEY": config.supplier_key,
    }


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def outcome(database: Path, receiver: RunningReceiver) -> Outcome:
    """Read the counts back from the database, and compare what the receiver holds with what was built."""
    with duckdb.connect(str(database), read_only=True) as connection:
        accepted = connection.execute(
            f"select person_id, json_payload from {STATE} where submission_status = 'sent'"  # noqa: S608
        ).fetchall()
        held_equal = sum(receiver.store.get(person_id) == json.loads(payload) for person_id, payload in accepted)
        return Outcome(
            people=count(connection, f"select count(*) from {CSC_SCHEMA}.stg_ssd__person"),  # noqa: S608
            cohort=count(connection, f"select count(*) from {CSC_SCHEMA}.cohort"),  # noqa: S608
            reasons=connection.execute(
                f"select reason, count(*) from {CSC_SCHEMA}.cohort_reason group by reason order by reason"  # noqa: S608
            ).fetchall(),
            payloads=count(connection, f"select count(*) from {CSC_SCHEMA}.payload"),  # noqa: S608
            accepted=len(accepted),
            rejected=count(
                connection,
                f"select count(*) from {STATE} where submission_status = 'error'",  # noqa: S608
            ),
            held=len(receiver.store),
            held_equal=held_equal,
        )


def show(console: Console, result: Outcome, clock: Clock) -> None:
    """Print the one table."""
    table = Table(title="From the SSD to the receiver", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("people in the SSD", f"{result.people:,}")
    table.add_row("cohort", f"{result.cohort:,}")
    for reason, children in result.reasons:
        table.add_row(f"  because of {reason}", f"{children:,}")
    table.add_row("payloads built", f"{result.payloads:,}")
    table.add_row("accepted", f"{result.accepted:,}")
    table.add_row("rejected", f"{result.rejected:,}")
    table.add_row("receiver holds, equal to what was built", f"{result.held_equal:,} of {result.held:,}")
    for step, seconds in clock.seconds.items():
        table.add_row(f"seconds: {step}", f"{seconds:.1f}")
    console.print(table)


def show_next(console: Console, database: Path, notes: list[str]) -> None:
    """Print what was noticed, and what to do next."""
    for line in (
        *notes,
        "",
        f"The database is {database}",
        "Look into it with any DuckDB client, or here:",
        f"  python -c \"import duckdb; duckdb.connect(r'{database}').sql('''",
        f"  select submission_status, api_response, count(*) as children from {STATE}",  # noqa: S608
        "  group by all order by children desc limit 10''').show()\"",
        "",
        "Next, point it at a SQL Server: copy profiles.example.yml to profiles.yml and .env.example to .env, fill both",
        "in, then run: dbt seed, dbt run, csc-submit --dry-run. The README tells each step.",
    ):
        console.print(line, highlight=False, soft_wrap=True)


@click.command(short_help="Try the whole road on this machine: invented children or a return you have.")
@click.option("--children", default=1000, show_default=True, type=click.IntRange(1), help="How many to invent.")
@click.option("--seed", default=1, show_default=True, help="The same seed invents the same children and days.")
@click.option("--cin-census", type=click.Path(path_type=Path), help="A CIN census return (XML) to load instead.")
@click.option("--ssda903", type=click.Path(path_type=Path), help="A folder of SSDA903 CSV files to load instead.")
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), help="The day the run is for. [default: today]")
@click.option(
    "--days",
    type=click.IntRange(1),
    help="Go on for so many days: some per cent of the children change each day, and what changed is sent.",
)
@click.option(
    "--mode",
    type=click.Choice(["merge", "replace"]),
    default="merge",
    show_default=True,
    help="What the receiver does with attributes that a record does not send.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("csc-demo"),
    show_default=True,
    help="Where the database and dbt's files go.",
)
def demo(  # noqa: PLR0913 - one parameter an option
    *,
    children: int,
    seed: int,
    cin_census: Path | None,
    ssda903: Path | None,
    run_date: datetime | None,
    days: int | None,
    mode: Mode,
    folder: Path,
) -> None:
    """Fill an embedded database with SSD tables, build the payloads, send them to a stand-in receiver.

    Nothing leaves this machine.
    """
    source = Source(children, seed, cin_census, ssda903)
    day = run_date.date() if run_date else datetime.now().astimezone().date()
    console = Console()
    try:
        run_demo(console, source, day, folder.resolve(), Days(days, mode))
    except TrialError as error:
        raise click.ClickException(str(error)) from error


def run_demo(console: Console, source: Source, run_date: date, folder: Path, days: Days) -> Outcome:
    """Do the steps one after the other and print the table, then a line a day.

    Raises TrialError when a return cannot be read, the database is in use, a step fails, or the receiver holds anything
    else than what was built at the end of a day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / DATABASE_NAME
    clock = Clock()
    with clock.step("fill the SSD"):
        try:
            notes = fill(database, source, run_date)
        except (OSError, duckdb.IOException) as error:
            raise TrialError(
                f"{database} cannot be made anew. Close the programs that use it, then try again."
            ) from error
    write_profile(folder, database)
    with clock.step("dbt build"):
        build(folder, run_date, "build", NO_UNIT_TESTS)
    unequal = 0
    with serve(store=ChildStore(days.mode)) as receiver:
        with looked_into(database) as connection:
            before = evening(connection, CSC_SCHEMA)
        with clock.step("csc-submit"):
            submit(folder, receiver)
        result = outcome(database, receiver)
        show(console, result, clock)
        if days.number:
            with looked_into(database) as connection:
                first = day_end(connection, CSC_SCHEMA, receiver.store, before, 1, run_date, result.people)
            for end in (first, *later_days(folder, source.seed, run_date, days.number, receiver)):
                console.print(str(end), highlight=False, soft_wrap=True)
                unequal += end.unequal > 0
    show_next(console, database, notes)
    if unequal:
        raise TrialError(f"On {unequal} of {days.number} days the receiver did not hold what was built.")
    return result


@contextmanager
def looked_into(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the demo's database between its steps. Raises TrialError when another program has it."""
    try:
        connection = duckdb.connect(str(database))
    except duckdb.IOException as error:
        raise TrialError(f"{database} cannot be opened. Close the programs that use it, then try again.") from error
    with connection:
        yield connection


def build(folder: Path, run_date: date, command: str, *options: str) -> None:
    """Have dbt build: `build` with the seed and the tests of the data, or `run` as every night.

    Raises TrialError when it fails.
    """
    run_or_fail(dbt_command(folder, run_date, command, *options), dict(os.environ), f"dbt {command}", (0,))


def submit(folder: Path, receiver: RunningReceiver) -> None:
    """Run csc-submit. Raises TrialError when it fails; some children rejected are no failure."""
    environment = submit_environment(receiver, ReceiverConfig())
    run_or_fail(submit_command(folder), environment, "csc-submit", (0, SUBMIT_REJECTED))


def later_days(
    folder: Path, seed: int, first_day: date, number_of_days: int, receiver: RunningReceiver
) -> Iterator[DayEnd]:
    """Play the second day and those after it: the SSD changes, dbt run, csc-submit; yield each day's end."""
    database = folder / DATABASE_NAME
    work = SsdDays(SSD_SCHEMA, GONE_SCHEMA, seed)
    for number in range(2, number_of_days + 1):
        today = first_day + timedelta(days=number - 1)
        with looked_into(database) as connection:
            if number == 2:  # noqa: PLR2004 - nobody has left yet
                work.begin(connection)
            changed = work.work(connection, number, today)
        build(folder, today, "run")
        with looked_into(database) as connection:
            before = evening(connection, CSC_SCHEMA)
        submit(folder, receiver)
        with looked_into(database) as connection:
            end = day_end(connection, CSC_SCHEMA, receiver.store, before, number, today, changed)
        yield end
