"""Many histories at once: one dbt run serves all children, real statements of the submitter.

The receiver is scripted: the stand-in's store, once merging and once replacing, takes what the outcome says it takes.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_here import BUT_WHAT_STAYS
from history import Child, Day, History, Outcome

from submitter.receiver.schema import breaches
from submitter.receiver.store import ChildStore, in_order_of_ids
from submitter.state import Answered, Attempt, PayloadMode, RunStart, StateStore, Status, Verdict, now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from law_engine import Engine

    from submitter.state import Record

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
_BATCH = 100


def said(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what a payload takes back: each cleared attribute and each purged record, by its path without marks."""
    if record.get("purge") is True:
        yield "purged", path
    for name, value in record.items():
        inner = f"{path}.{name}" if path else name
        if value is None:
            yield "cleared", inner
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from said(each, inner)


@dataclass
class Law:
    """Plays histories and says which of them break the law."""

    engine: Engine
    modes: Sequence[PayloadMode] = (PayloadMode.DELTA, PayloadMode.DELTA, PayloadMode.FULL)
    # what all that was posted takes back, as `said` tells it
    taken_back: set[tuple[str, str]] = field(default_factory=set)
    # what each build would send: child to its partial and full payload
    deltas: list[dict[str, list[Any]]] = field(default_factory=list)
    keeps_deltas: bool = False

    def broken(self, histories: Sequence[History], seed: int = 0) -> dict[int, str]:
        """Play the histories, a child each; return the numbers of those that break the law, each with how."""
        self._builds = 0
        self.engine.start()
        chance = random.Random(seed)
        children = self._children = [Child(f"H{number:06d}") for number in range(len(histories))]
        number_of = {child.person_id: number for number, child in enumerate(children)}
        self._receivers = {"merge": ChildStore("merge"), "replace": ChildStore("replace")}
        problems: dict[int, str] = {}
        self.engine.dbt("seed")
        last = max((len(history.days) for history in histories), default=0)
        for number in range(last + 1):
            days = {
                child.person_id: history.days[number] if number < len(history.days) else Day()
                for child, history in zip(children, histories, strict=True)
            }
            # all is built on the first day, and at the end
            runs = 1 if number in {0, last} else chance.choice([0, 1, 1, 1, 1, 2, MOST_RUNS_A_DAY])
            for person_id, how in self._change_and_build(children, days, runs):
                problems.setdefault(number_of[person_id], f"day {number}: {how}")
            payload_mode = chance.choice(self.modes)
            for person_id, how in self._submit(number, days, payload_mode):
                problems.setdefault(number_of[person_id], f"day {number} ({payload_mode.value}): {how}")
        payloads = dict(self.engine.rows("select person_id, json_payload from csc.payload"))
        for person_id, at in number_of.items():
            difference = self._differs(person_id, payloads.get(person_id))
            if difference:
                problems.setdefault(at, f"at the end {difference}")
        return problems

    def changed_by_a_second_build(self) -> set[str]:
        """Build what was played last twice more; return whose row the second time changes, in any column."""
        everything = f"select person_id, * from {STATE}"
        self._build(self._children)
        first = set(self.engine.rows(everything))
        self._build(self._children)
        return {row[0] for row in first ^ set(self.engine.rows(everything))}

    def _differs(self, person_id: str, payload: str | None) -> str | None:
        wanted = in_order_of_ids(json.loads(payload)) if payload else None
        for kind, receiver in self._receivers.items():
            held = in_order_of_ids(receiver.get(person_id))
            if held != wanted:
                return f"the receiver ({kind}) holds {json.dumps(held)} and not {json.dumps(wanted)}"
        return None

    def _change_and_build(
        self, children: Sequence[Child], days: dict[str, Day], runs: int
    ) -> Iterator[tuple[str, str]]:
        """Make the day's changes; those without a dbt run of their own are seen by the next day's first."""
        for run in range(MOST_RUNS_A_DAY):
            for child in children:
                for when, change in days[child.person_id].changes:
                    if when == run:
                        child.make(change)
            if run < runs:
                self._build(children)
                yield from self._taken_apart_for_nothing()

    def _taken_apart_for_nothing(self) -> Iterator[tuple[str, str]]:
        """Yield who was taken apart although unchanged, or was not although changed; in doubt nobody is either."""
        apart = {row[0] for row in self.engine.rows("select distinct person_id from csc.accepted_item")}
        held = self.engine.rows(
            f"select state.person_id, state.previous_json_payload, payload.json_payload from {STATE} as state "
            "inner join csc.payload as payload on payload.person_id = state.person_id "
            "where state.previous_json_payload is not null "
            "and state.inflight_payload is null and state.doubted_payloads is null"
        )
        for person_id, previous, current in held:
            if (previous != current) != (person_id in apart):
                yield person_id, "taken apart, and did not change" if previous == current else "was not taken apart"

    def _build(self, children: Sequence[Child]) -> None:
        self.engine.fill(record for child in children for record in child.records())
        self.engine.dbt("run", *(BUT_WHAT_STAYS if self._builds else ()))
        self._builds += 1
        if self.keeps_deltas:
            rows = self.engine.rows("select person_id, partial_json_payload, full_json_payload from csc.payload_delta")
            self.deltas.append({row[0]: [json.loads(text) if text else None for text in row[1:]] for row in rows})

    def _submit(self, number: int, days: dict[str, Day], mode: PayloadMode) -> Iterator[tuple[str, str]]:
        """Do what a run of csc-submit does: what is in flight, what is pending, what was rejected before."""
        accepted: set[str] = set()
        with self.engine.connected() as connection:
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
        held = dict(self.engine.rows(f"select person_id, previous_json_payload from {STATE} where {certain}"))
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
            payload = json.loads(record.payload)
            self.taken_back.update(said(payload))
            if outcome in TAKEN:
                for receiver in self._receivers.values():
                    receiver.receive(payload)
            if outcome in ANSWERED:
                verdict, tried_before = ANSWERED[outcome]
                in_doubt = verdict is Verdict.REJECTED and (tried_before or replay)
                answers.append(Answered(record, verdict, "said", in_doubt=in_doubt))
            elif outcome is Outcome.PUT_BACK and status is not None:
                put_back.append(record.person_id)
            else:
                answers.append(Answered(record, Verdict.UNKNOWN, "no answer"))
        if answers:
            store.settle(Attempt(run_id, batch_id, 1, 200, "request", 1), answers)
        if put_back and status is not None:
            store.land(batch_id, put_back, status)
        return {answer.record.person_id for answer in answers if answer.verdict is Verdict.ACCEPTED}


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
