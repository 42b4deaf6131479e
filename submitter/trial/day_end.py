"""A day's end: what went out, and whether the receiver now holds exactly what was built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.receiver.store import in_order_of_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from duckdb import DuckDBPyConnection

    from submitter.receiver.store import ChildStore


@dataclass(frozen=True)
class Waiting:
    """A child before the run: what is to go out for it, and how many bytes that and its whole payload are."""

    is_purge: bool
    is_partial: bool
    bytes: int
    payload_bytes: int


@dataclass(frozen=True)
class Evening:
    """What the state and the audit trail say before csc-submit runs."""

    waiting: Mapping[str, Waiting]
    runs: frozenset[str]


@dataclass(frozen=True)
class DayEnd:
    """One day, as its line tells it."""

    number: int
    day: date
    changed: int
    full: int
    partial: int
    purged: int
    rejected: int
    bytes: int
    payload_bytes: int
    unequal: int

    def __str__(self) -> str:
        """Return the line."""
        verdict = f"NOT equal: {self.unequal:,} children" if self.unequal else "equal"
        return (
            f"day {self.number}, {self.day}: changed {self.changed:,}, sent {self.full + self.partial:,} "
            f"({self.full:,} full, {self.partial:,} partial), purged {self.purged:,}, rejected {self.rejected:,}, "
            f"{self.bytes:,} bytes instead of {self.payload_bytes:,}, {verdict}"
        )


def evening(connection: DuckDBPyConnection, schema: str) -> Evening:
    """Read what is about to go out."""
    rows = connection.execute(
        "select person_id, lower(row_state) = 'deleted', partial_json_payload is not null, "  # noqa: S608 - own names
        "strlen(coalesce(partial_json_payload, json_payload)), strlen(json_payload) "
        f"from {schema}.ssd_api_data_staging where lower(submission_status) in ('pending', 'error', 'sending')"
    ).fetchall()
    return Evening({row[0]: Waiting(*row[1:]) for row in rows}, frozenset(_runs(connection, schema)))


def day_end(  # noqa: PLR0913, PLR0917 - the two ends and the day's name
    connection: DuckDBPyConnection,
    schema: str,
    store: ChildStore,
    before: Evening,
    number: int,
    day: date,
    changed: int,
) -> DayEnd:
    """Add up what was accepted since the evening, and compare the receiver with the payloads.

    Children whom the receiver has rejected are left out of the comparison.
    """
    new_runs = sorted(_runs(connection, schema) - before.runs)
    events = connection.execute(
        f"select distinct person_id, event from {schema}.submission_event where list_contains(?, run_id)",  # noqa: S608
        [new_runs],
    ).fetchall()
    accepted = [before.waiting[person_id] for person_id, event in events if event == "accepted"]
    return DayEnd(
        number,
        day,
        changed,
        full=sum(not child.is_purge and not child.is_partial for child in accepted),
        partial=sum(child.is_partial for child in accepted),
        purged=sum(child.is_purge for child in accepted),
        rejected=sum(event == "rejected" for _, event in events),
        bytes=sum(child.bytes for child in accepted),
        payload_bytes=sum(child.payload_bytes for child in accepted),
        unequal=len(_unequal(connection, schema, store)),
    )


def _unequal(connection: DuckDBPyConnection, schema: str, store: ChildStore) -> set[str]:
    """Return the children of whom the receiver holds something else than what was built, or too much, or nothing."""
    built = connection.execute(f"select person_id, json_payload from {schema}.payload").fetchall()  # noqa: S608
    rejected = {
        row[0]
        for row in connection.execute(
            f"select person_id from {schema}.ssd_api_data_staging where submission_status = 'error'"  # noqa: S608
        ).fetchall()
    }
    # a receiver that merges has a new record after those it had, wherever the payload has it
    differing = {
        person_id
        for person_id, payload in built
        if in_order_of_ids(store.get(person_id)) != in_order_of_ids(json.loads(payload))
    }
    too_many = set(store.ids()) - {person_id for person_id, _ in built}
    return (differing | too_many) - rejected


def _runs(connection: DuckDBPyConnection, schema: str) -> set[str]:
    return {row[0] for row in connection.execute(f"select run_id from {schema}.submission_run").fetchall()}  # noqa: S608
