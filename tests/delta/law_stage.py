"""Many histories at once: one DuckDB file, one dbt run serves all children, real statements of the submitter.

The receiver is scripted: the stand-in's store, once merging and once replacing, takes what the outcome says it takes.
"""

from __future__ import annotations

import json
import random
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
from dbt.cli.main import dbtRunner
from history import SHARED, Child, Day, History, Outcome

from submitter.duckdb_connection import DuckDbConnection
from submitter.project_files import project_root
from submitter.receiver.schema import breaches
from submitter.receiver.store import ChildStore
from submitter.state import Answered, Attempt, PayloadMode, RunStart, StateStore, Status, Verdict, now
from submitter.trial import ssd
from submitter.trial.demo import write_profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from submitter.state import Record

RUN_DATE = date(2026, 3, 15)
STATE = "csc.ssd_api_data_staging"
# The receiver may hold what was posted, before the answer that counts.
TAKEN = {Outcome.ACCEPT, Outcome.TAKEN, Outcome.TAKEN_THEN_REFUSED}
ANSWERED = {
    Outcome.ACCEPT: (Verdict.ACCEPTED, False),
    Outcome.REJECT: (Verdict.REJECTED, False),
    Outcome.LOST_THEN_REFUSED: (Verdict.REJECTED, True),
    Outcome.TAKEN_THEN_REFUSED: (Verdict.REJECTED, True),
}
MOST_RUNS_A_DAY = 3
_BATCH = 500
_KEYS = {
    "social_care_episodes": "social_care_episode_id",
    "child_and_family_assessments": "child_and_family_assessment_id",
    "child_in_need_plans": "child_in_need_plan_id",
    "section_47_assessments": "section_47_assessment_id",
    "child_protection_plans": "child_protection_plan_id",
    "child_looked_after_placements": "child_looked_after_placement_id",
}


def without_order(value: Any) -> Any:  # noqa: ANN401 - parsed JSON
    """Return a payload whose keyed records are in order of id: a receiver keeps them by id."""
    if not isinstance(value, dict):
        return value
    return {
        name: sorted(map(without_order, inner), key=lambda record: str(record[_KEYS[name]]))
        if name in _KEYS
        else without_order(inner)
        for name, inner in value.items()
    }


def project(folder: Path, variables: dict[str, object], *arguments: str, directory: Path | None = None) -> None:
    """Run dbt in this process; a process of its own would cost most of the time."""
    given = {"csc_ssd_schema": "ssd", "csc_run_date": RUN_DATE.isoformat(), **variables}
    result = dbtRunner().invoke(
        [
            *("--quiet", "--no-use-colors", *arguments),
            *("--project-dir", str(directory or project_root()), "--profiles-dir", str(folder)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
            *("--vars", json.dumps(given)),
        ]
    )
    assert result.success, result.exception or [
        each.message for each in getattr(result.result, "results", []) if each.message
    ]


class SharedDuckDb(DuckDbConnection):
    """The submitter's own connection, but to a file that dbt in this process has open too."""

    def __init__(self, path: Path) -> None:
        self._errors = duckdb
        self._connection = duckdb.connect(str(path))


@dataclass
class Law:
    """Plays histories and says which of them break the law."""

    folder: Path
    directory: Path | None = None  # another project than this one
    variables: dict[str, object] = field(default_factory=dict)
    modes: Sequence[PayloadMode] = (PayloadMode.DELTA, PayloadMode.DELTA, PayloadMode.FULL)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._played = 0
        self._runs = 0

    def broken(self, histories: Sequence[History], seed: int = 0) -> dict[int, str]:
        """Play the histories, a child each; return the numbers of those that break the law, each with how."""
        # dbt in this process keeps its file open: a new one each time
        self._database = self.folder / f"children_{self._played}.duckdb"
        self._played += 1
        self._runs = 0
        write_profile(self.folder, self._database)
        chance = random.Random(seed)
        children = [Child(f"H{number:06d}") for number in range(len(histories))]
        number_of = {child.person_id: number for number, child in enumerate(children)}
        self._receivers = {"merge": ChildStore("merge"), "replace": ChildStore("replace")}
        problems: dict[int, str] = {}
        with duckdb.connect(str(self._database)) as connection:
            ssd.create_tables(connection, "ssd")
            ssd.load(connection, "ssd", SHARED)
        self._dbt("seed")
        last = max((len(history.days) for history in histories), default=0)
        for number in range(last + 1):
            days = {
                child.person_id: history.days[number] if number < len(history.days) else Day()
                for child, history in zip(children, histories, strict=True)
            }
            # all is built on the first day, and at the end
            runs = 1 if number in {0, last} else chance.choice([0, 1, 1, 1, 1, 2, MOST_RUNS_A_DAY])
            self._change_and_build(children, days, runs)
            payload_mode = chance.choice(self.modes)
            for person_id, how in self._submit(number, days, payload_mode):
                problems.setdefault(number_of[person_id], f"day {number} ({payload_mode.value}): {how}")
        payloads = dict(self._rows("select person_id, json_payload from csc.payload"))
        for person_id, at in number_of.items():
            difference = self._differs(person_id, payloads.get(person_id))
            if difference:
                problems.setdefault(at, f"at the end {difference}")
        return problems

    def _differs(self, person_id: str, payload: str | None) -> str | None:
        wanted = without_order(json.loads(payload)) if payload else None
        for kind, receiver in self._receivers.items():
            held = without_order(receiver.get(person_id))
            if held != wanted:
                return f"the receiver ({kind}) holds {json.dumps(held)} and not {json.dumps(wanted)}"
        return None

    def _change_and_build(self, children: Sequence[Child], days: dict[str, Day], runs: int) -> None:
        """Make the day's changes; those without a dbt run of their own are seen by the next day's first."""
        for run in range(MOST_RUNS_A_DAY):
            for child in children:
                for when, change in days[child.person_id].changes:
                    if when == run:
                        child.make(change)
            if run < runs:
                self._build(children)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self._database)) as connection:
            return connection.execute(sql).fetchall()

    def _build(self, children: Sequence[Child]) -> None:
        with duckdb.connect(str(self._database)) as connection:
            for (table,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'ssd'"
            ).fetchall():
                if table != "ssd_professionals":
                    connection.execute(f"delete from ssd.{table}")
            ssd.load(connection, "ssd", (record for child in children for record in child.records()))
        # views stay as they are
        self._dbt("run", *(("--exclude", "path:models/staging") if self._runs else ()))
        self._runs += 1

    def _dbt(self, *arguments: str) -> None:
        project(self.folder, self.variables, *arguments, directory=self.directory)

    def _submit(self, number: int, days: dict[str, Day], mode: PayloadMode) -> Iterator[tuple[str, str]]:
        """Do what a run of csc-submit does: what is in flight, what is pending, what was rejected before."""
        accepted: set[str] = set()
        with closing(SharedDuckDb(self._database)) as connection:
            store = StateStore(connection, "csc", "ssd_api_data_staging", mode)
            run_id = f"run-{number}"
            store.start_run(RunStart(run_id, "host", "user", "1", "https://x", "999", mode.value), 0)
            started = now()
            for batch_id in store.batches_in_flight():
                outcomes = {person_id: day.replayed for person_id, day in days.items()}
                records = store.in_flight(batch_id)
                accepted |= self._answer((store, run_id, batch_id), records, outcomes, None)
            batches = 0
            for status in (Status.PENDING, Status.ERROR):
                waiting = [child.person_id for child in store.next_children(status, started, "", 1_000_000)]
                posted = [person_id for person_id in waiting if days[person_id].posted is not Outcome.NOT_POSTED]
                for at in range(0, len(posted), _BATCH):
                    batches += 1
                    batch_id = f"batch-{number}-{batches}"
                    records = store.take_off(batch_id, posted[at : at + _BATCH])
                    for record in records[:: len(records) // 5 + 1]:
                        wrong = breaches(json.loads(record.payload), partial=True)
                        if wrong:
                            yield record.person_id, f"what is posted is refused: {wrong[0]}: {record.payload}"
                    outcomes = {person_id: day.posted for person_id, day in days.items()}
                    accepted |= self._answer((store, run_id, batch_id), records, outcomes, status)
        # what was posted again at once and is in doubt since then is no matter of this acceptance
        certain = "inflight_payload is null and doubted_payloads is null"
        held = dict(self._rows(f"select person_id, previous_json_payload from {STATE} where {certain}"))
        for person_id in accepted & held.keys():
            how = self._differs(person_id, held[person_id])
            if how:
                yield person_id, f"accepted, and {how}"

    def _answer(
        self,
        attempt: tuple[StateStore, str, str],
        records: Sequence[Record],
        outcomes: dict[str, Outcome],
        status: Status | None,
    ) -> set[str]:
        """Let the receiver take what it takes, and settle what it answers; return the children accepted.

        `status` is what they were before, None for those of an earlier run.
        """
        store, run_id, batch_id = attempt
        replay = status is None
        answers = []
        put_back = []
        for record in records:
            outcome = outcomes[record.person_id]
            if outcome in TAKEN:
                for receiver in self._receivers.values():
                    receiver.receive(json.loads(record.payload))
            if outcome in ANSWERED:
                verdict, tried_before = ANSWERED[outcome]
                in_doubt = verdict is Verdict.REJECTED and (tried_before or replay)
                answers.append(Answered(record.person_id, verdict, "said", in_doubt=in_doubt))
            elif outcome is Outcome.PUT_BACK and status is not None:
                put_back.append(record.person_id)
            else:
                answers.append(Answered(record.person_id, Verdict.UNKNOWN, "no answer"))
        if answers:
            store.settle(Attempt(run_id, batch_id, 1, 200, "request", 1), answers)
        if put_back and status is not None:
            store.land(batch_id, put_back, status)
        return {answer.person_id for answer in answers if answer.verdict is Verdict.ACCEPTED}


def shrunk(law: Law, history: History, rounds: int = 12, seed: int = 0) -> tuple[History, str]:
    """Return the smallest history that still breaks the law, and how: each round plays all smaller ones at once."""
    (how,) = law.broken([history], seed).values() or ("only beside others",)
    for _ in range(rounds):
        smaller = list(dict.fromkeys(each for each in history.smaller() if each.days))
        broken = law.broken(smaller, seed)
        if not broken:
            return history, how
        at = min(broken, key=lambda number: smaller[number].size)
        history, how = smaller[at], broken[at]
    return history, how
