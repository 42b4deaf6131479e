"""The commands status, history, errors and retry."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
from pydantic import Field

from submitter.audit.csv_file import write_csv
from submitter.audit.rejected import Rejected, RejectedChildren, grouped
from submitter.audit.screen import event_line, reason_lines, run_line, run_lines, status_lines
from submitter.audit.standing import standing
from submitter.audit.tables import Tables
from submitter.audit.trail import Event, RunLine, Trail
from submitter.connection import opened
from submitter.errors import ConfigurationError, SubmitError
from submitter.options import chosen_target, database_options, leave, plain_console
from submitter.settings import LARGEST_BATCH, DatabaseSettings, load_settings
from submitter.state import PayloadMode, StateStore, lock_name, now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from submitter.connection import Connection

_DAYS = 30
_MOST_DAYS = 36_500
_MOST_IDS_SHOWN = 10

_csv_option = click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a CSV file instead."
)


class AuditSettings(DatabaseSettings):
    """The settings that decide what waits; none of them says where to send."""

    batch_size: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = LARGEST_BATCH
    use_partial_payload: bool = True


@dataclass(frozen=True)
class Place:
    """An open database, and the names of what the commands read there."""

    connection: Connection
    settings: AuditSettings
    schema: str
    tables: Tables

    @property
    def lock(self) -> str:
        """The name of the lock that a run takes."""
        return lock_name(self.schema, self.settings.table_name)


@contextmanager
def _place(options: dict[str, Any], *, to_write: bool = False) -> Iterator[Place]:
    """Open the database that the options name, under the lock of a run where it is `to_write`."""
    try:
        settings = load_settings(AuditSettings, options["env_file"])
        where = chosen_target(settings, options["project_dir"], options["profiles_dir"], options["target"])
        lock = lock_name(where.schema, settings.table_name) if to_write else None
        with opened(where, lock, settings.csc_duckdb_memory, read_only=not to_write) as connection:
            yield Place(connection, settings, where.schema, Tables.of(connection, where.schema, settings.table_name))
    except SubmitError as error:
        leave(error)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a monitoring system.")
@database_options
def status(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the options of a database
    """Say what waits, what is in flight, what came of the last run, and whether a run is going on.

    Reads, changes nothing and waits for no run. Times are UTC. Batches are as many as there are at least.

    Exit codes: 0 it could be read, 2 configuration, 3 database, 6 another program has the DuckDB file.
    """
    console = plain_console()
    with _place(options) as place:
        settings = place.settings
        mode = PayloadMode.DELTA if settings.use_partial_payload else PayloadMode.FULL
        stands = standing(
            StateStore(place.connection, place.schema, settings.table_name, mode),
            place.connection,
            place.tables,
            batch_size=settings.batch_size,
            lock=place.lock,
        )
        if as_json:
            told = {**asdict(stands), "is_running": stands.is_running}
            click.echo(json.dumps(told, indent=2, default=_json_value))
            return
        for line in status_lines(stands):
            console.print(line, markup=False)


@click.command()
@click.option("--run", "run_id", help="One run: its batches; with --csv each child of each request.")
@click.option("--person", "person_id", help="One child: every attempt.")
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    help=f"What happened in so many days  [default: {_DAYS} for the runs, all for a child]",
)
@_csv_option
@database_options
def history(
    *,
    run_id: str | None,
    person_id: str | None,
    days: int | None,
    csv_file: Path | None,
    **options: Any,  # noqa: ANN401 - the options of a database
) -> None:
    """Say what left the building and when: the runs, or one run's batches, or one child's attempts.

    Reads the audit trail, changes nothing and waits for no run. Times are UTC. In a CSV file too, children are named by
    their ids only, and a cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    if run_id is not None and (person_id is not None or days is not None):
        raise click.UsageError("--run goes with neither --person nor --days.")
    since = None if days is None else now() - timedelta(days=days)
    with _place(options) as place:
        trail = Trail(place.connection, place.tables)
        if run_id is not None:
            _history_of_run(trail, run_id, csv_file)
        elif person_id is not None:
            _history_of_child(trail, person_id, since, csv_file)
        else:
            runs = trail.runs(since or now() - timedelta(days=_DAYS))
            lines = map(run_line, runs)
            _tell(lines, RunLine, runs, csv_file, f"No run in the last {days or _DAYS} days.")


def _history_of_run(trail: Trail, run_id: str, csv_file: Path | None) -> None:
    run = trail.run(run_id)
    if run is None:
        raise ConfigurationError("The audit trail has no run of this id.", "csc-submit history lists the runs.")
    lines = run_lines(run, trail.batches(run_id))
    _tell(lines, Event, trail.events_of_run(run_id), csv_file, "")


def _history_of_child(trail: Trail, person_id: str, since: datetime | None, csv_file: Path | None) -> None:
    events = trail.events_of_child(person_id, since)
    _tell(map(event_line, events), Event, events, csv_file, "The audit trail has no attempt for this child.")


@click.command()
@_csv_option
@database_options
def errors(*, csv_file: Path | None, **options: Any) -> None:  # noqa: ANN401 - the options of a database
    """Say why children are rejected, grouped by reason; with --csv one line for each child.

    A child with several reasons is counted under each. Positions in lists are left out, so that like reasons meet.
    Reads the state table, changes nothing and waits for no run.
    """
    with _place(options) as place:
        children = RejectedChildren(place.connection, place.tables).all()
        if csv_file is not None:
            _tell((), Rejected, children, csv_file, "")
        else:
            _tell(reason_lines(grouped(children)), Rejected, (), None, "No child is rejected.")


@click.command()
@click.argument("person_ids", nargs=-1, metavar="[PERSON_ID]...")
@click.option("--all", "everyone", is_flag=True, help="All rejected children.")
@click.option("--reason", help="Those with a reason that holds this text, as csc-submit errors prints it.")
@click.option("--dry-run", is_flag=True, help="Say how many; change nothing.")
@database_options
def retry(
    *,
    person_ids: tuple[str, ...],
    everyone: bool,
    reason: str | None,
    dry_run: bool,
    **options: Any,  # noqa: ANN401 - the options of a database
) -> None:
    """Put rejected children back to pending, so that the next run sends them with the others.

    Without it, too, each run tries every rejected child once: last, after all that are pending, and in batches apart.
    After a retry they are pending: they go in the first batches with the others, and their count of rejections in a row
    begins anew. That is for when the receiver has mended what it refused. A child whose payload changed is pending
    again without it, and children that are held stay so.

    It takes the lock of a run: while one is going on it ends with exit code 6. The reason of the last rejection stays
    in api_response, marked as put back, until the next answer.
    """
    if (bool(person_ids), everyone, reason is not None).count(True) != 1:
        raise click.UsageError("Give person ids, or --all, or --reason: one of the three.")
    if reason is not None and not reason.strip():
        raise click.UsageError("--reason needs a text; --all means all.")
    with _place(options, to_write=not dry_run) as place:
        rejected = RejectedChildren(place.connection, place.tables)
        if everyone:
            found = rejected.ids()
        elif reason is not None:
            found = [child.person_id for child in rejected.all() if child.has(reason)]
        else:
            found = rejected.among(list(dict.fromkeys(person_ids)))
        if not dry_run:
            rejected.put_back(found)
        done = "would be put back" if dry_run else "are put back"
        click.echo(f"{len(found):,} rejected children {done} to pending{'; nothing was changed' * dry_run}.")
        _say_left(person_ids, found)


def _say_left(asked: Sequence[str], found: Sequence[str]) -> None:
    """Name those that are not rejected; a server may tell no capitals apart."""
    known = {person_id.casefold() for person_id in found}
    left = [person_id for person_id in dict.fromkeys(asked) if person_id.casefold() not in known]
    if left:
        more = f" and {len(left) - _MOST_IDS_SHOWN:,} more" if len(left) > _MOST_IDS_SHOWN else ""
        click.echo(f"Not rejected, and left as they are: {', '.join(left[:_MOST_IDS_SHOWN])}{more}.")


def _tell(
    lines: Iterator[str] | Sequence[str],
    kind: type[Any],
    rows: Iterator[Any] | Sequence[Any],
    csv_file: Path | None,
    nothing: str,
) -> None:
    """Print lines, or write rows to a file and say how many; say `nothing` where there are no lines."""
    if csv_file is not None:
        click.echo(f"{write_csv(csv_file, kind, rows):,} lines are written to {csv_file}.")
        return
    console = plain_console()
    some = False
    for line in lines:
        console.print(line, markup=False)
        some = True
    if not some:
        console.print(nothing, markup=False)


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    raise TypeError(type(value).__name__)
