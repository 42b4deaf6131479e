"""Nights of many children at once: what dbt makes of the state while the submitter accepts, rejects and is cut off.

Every story is one child: a line a night. The state model runs in real dbt on DuckDB, over payloads written here;
between the nights the submitter's own statements settle what was posted.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from road_stage import STATE, Road

from submitter.duckdb_connection import DuckDbConnection
from submitter.receiver.store import ChildStore
from submitter.state import Answered, Attempt, Record, RunStart, StateStore, Verdict

if TYPE_CHECKING:
    from pathlib import Path

GONE = None  # the child is not in the payload, or its row not in the state
STATE_MODELS = ("--select", "path:models/delta", "path:models/state")


@dataclass(frozen=True)
class Night:
    """One night of one child: its payload, the row that dbt makes of it, what the submitter then does, its breach."""

    payload: str | None
    row: str | None
    then: str = ""
    breaks: bool = False


def story(*nights: str) -> list[Night]:
    """Read lines such as 'A: new pending, accept'; '-' is no payload, 'no row' none in the state, '!' a breach."""
    read = []
    for night in nights:
        payload, _, rest = night.partition(": ")
        row, _, then = rest.partition(", ")
        named = GONE if payload == "-" else payload.rstrip("!")
        read.append(Night(named, GONE if row == "no row" else row, then, payload.endswith("!")))
    return read


STORIES = {
    "accepted and left alone": story(
        "A: new pending, accept", "A: unchanged sent", "A: unchanged sent", "A: unchanged sent"
    ),
    "changed twice": story(
        "A: new pending, accept", "B: updated pending, accept", "B: unchanged sent", "A: updated pending, accept"
    ),
    "never picked up": story("A: new pending", "A: new pending", "B: new pending, accept", "B: unchanged sent"),
    "undone before it was sent": story(
        "A: new pending, accept", "B: updated pending", "A: unchanged sent", "B: updated pending, accept"
    ),
    "undone after a rejection": story(
        "A: new pending, accept", "B: updated pending, reject", "A: unchanged sent", "B: updated pending"
    ),
    "rejected, changed, accepted": story(
        "A: new pending, accept", "B: updated pending, reject", "B: updated error", "C: updated pending, accept"
    ),
    "rejected when new, then leaves": story("A: new pending, reject", "A: new error", "A: new error", "-: no row"),
    "rejected when new, then mended": story(
        "A: new pending, reject", "B: new pending, reject", "B: new error, accept", "B: unchanged sent"
    ),
    "held until it changes": story(
        "A: new pending, hold", "A: new held", "B: new pending, accept", "B: unchanged sent"
    ),
    "breaks a rule of preflight until it is mended": story(
        "A!: new held", "A!: new held", "A: new pending, accept", "A: unchanged sent"
    ),
    "breaks a rule when known, and leaves": story(
        "A: new pending, accept", "B!: updated held", "-: deleted pending, accept", "-: deleted sent"
    ),
    "breaks a rule while in flight, then rejected": story(
        "A: new pending, post", "A!: new sending, rejected", "A!: new held", "A: new pending"
    ),
    "breaks a rule when nothing is to be sent": story(
        "A: new pending, accept", "A!: unchanged sent", "B!: updated held", "A!: unchanged sent"
    ),
    "held, then breaks a rule as well": story("A: new pending, hold", "A!: new held", "A: new held", "B!: new held"),
    "rejected, then breaks a rule": story(
        "A: new pending, reject", "A!: new held", "A: new pending, reject", "A: new error"
    ),
    "cut off, changed, then found accepted": story(
        "A: new pending, post", "B: new sending, accepted", "B: updated pending, accept", "B: unchanged sent"
    ),
    "cut off, changed, then found rejected": story(
        "A: new pending, post", "B: new sending, rejected", "B: new pending, accept", "B: unchanged sent"
    ),
    "cut off, undone, then found accepted": story(
        "A: new pending, accept", "B: updated pending, post", "A: unchanged sending, accepted", "A: updated pending"
    ),
    "cut off, undone, then found rejected": story(
        "A: new pending, accept", "B: updated pending, post", "A: unchanged sending, rejected", "A: unchanged sent"
    ),
    "cut off, and nobody asks": story("A: new pending, post", "A: new sending", "B: new sending", "-: deleted sending"),
    "leaves unsent and returns": story("A: new pending", "-: no row", "A: new pending, accept", "A: unchanged sent"),
    "leaves, is purged, returns": story(
        "A: new pending, accept", "-: deleted pending, accept", "-: deleted sent", "A: new pending, accept"
    ),
    "is purged and returns at once, otherwise": story(
        "A: new pending, accept", "-: deleted pending, accept", "B: new pending, accept", "B: unchanged sent"
    ),
    "returns before the purge was sent": story(
        "A: new pending, accept", "-: deleted pending", "A: unchanged sent", "-: deleted pending, accept"
    ),
    "purge rejected": story(
        "A: new pending, accept", "-: deleted pending, reject", "-: deleted error", "A: unchanged sent"
    ),
    "returns while the purge is in flight": story(
        "A: new pending, accept", "-: deleted pending, post", "A: unchanged sending, accepted", "A: new pending, accept"
    ),
    "returns while the purge is in flight, which is then rejected": story(
        "A: new pending, accept", "-: deleted pending, post", "A: unchanged sending, rejected", "A: unchanged sent"
    ),
    "cut off, undone, then refused": story(
        "A: new pending, accept",
        "B: updated pending, post",
        "A: unchanged sending, refused",
        "A: updated pending, accept",
    ),
    "cut off, then refused, undone": story(
        "A: new pending, accept",
        "B: updated pending, post and refused",
        "A: updated pending, accept",
        "A: unchanged sent",
    ),
    "cut off when new, then refused, then leaves": story(
        "A: new pending, post", "A: new sending, refused", "-: deleted pending, accept", "-: deleted sent"
    ),
    "cut off, then refused, unchanged": story(
        "A: new pending, accept",
        "B: updated pending, post and refused",
        "B: updated error, accept",
        "B: unchanged sent",
    ),
    "returns while the purge is in flight, which is then refused": story(
        "A: new pending, accept",
        "-: deleted pending, post",
        "A: unchanged sending, refused",
        "A: updated pending, accept",
    ),
    "leaves in flight, then refused": story(
        "A: new pending, post", "-: deleted sending, refused", "-: deleted pending, accept", "-: deleted sent"
    ),
    "leaves in flight, then found accepted": story(
        "A: new pending, post", "-: deleted sending, accepted", "-: deleted pending, accept", "-: deleted sent"
    ),
    "leaves in flight, then found rejected": story(
        "A: new pending, post", "-: deleted sending, rejected", "-: no row", "-: no row"
    ),
    "written by an older tool": story(
        "A: new pending, accept and respell",
        "A: unchanged sent, respell",
        "B: updated pending, respell",
        "-: deleted pending",
    ),
    "rejected by an older tool": story(
        "A: new pending, reject and respell", "A: new error, respell", "B: new pending, respell", "-: no row"
    ),
    "purged by an older tool": story(
        "A: new pending, accept", "-: deleted pending, accept and respell", "-: Deleted Sent", "A: new pending"
    ),
    "'quotes' \"and\" \\ é 😀": story(
        "A: new pending, accept", "-: deleted pending, accept", "A: new pending, accept", "B: updated pending"
    ),
}
NIGHTS = 4
HELD_OTHERWISE = {("held, then breaks a rule as well", "A")}


@dataclass
class Authority:
    """A state table, the payloads of the night, and what a receiver holds."""

    road: Road
    held: dict[str, str] = field(default_factory=dict)
    posted: dict[str, Record] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)  # the whole payload of what was posted
    receiver: ChildStore = field(default_factory=ChildStore)

    def build(self, payloads: dict[str, str], breaking: set[str], *arguments: str) -> None:
        """Put these payloads, and who breaks a rule, where the state model finds them, and run it."""
        with duckdb.connect(str(self.road.database)) as connection:
            connection.execute("create schema if not exists csc")
            connection.execute(
                "create or replace table csc.payload "
                "(person_id varchar, legacy_id varchar, json_payload varchar, payload_hash blob)"
            )
            connection.executemany(
                "insert into csc.payload values ($1, 'L' || $1, $2, unhex(sha256($2)))",
                [[person_id, text] for person_id, text in payloads.items()],
            )
            connection.execute("create or replace table csc.preflight_hold (person_id varchar, reason varchar)")
            connection.executemany(
                "insert into csc.preflight_hold values (?, 'breaks preflight rules: x')",
                [[person_id] for person_id in sorted(breaking)],
            )
        self.road.dbt("run", *STATE_MODELS, *arguments)

    def rows(self) -> dict[str, dict[str, Any]]:
        found = {}
        for row in self.road.execute(f"select person_id, s from {STATE} as s"):
            found[row[0]] = row[1]
        return found

    def dump(self) -> list[list[tuple[Any, ...]]]:
        tables = ("ssd_api_data_staging", "submission_run", "submission_event")
        return [self.road.execute(f"select * from csc.{table} order by all") for table in tables]

    def post(self, *person_ids: str) -> None:
        with closing(DuckDbConnection(self.road.database, "1GB")) as connection:
            store = StateStore(connection, "csc", "ssd_api_data_staging")
            store.start_run(RunStart("run", "host", "user", "1", "https://x", "999", "full"), len(person_ids))
            records = store.take_off("batch", person_ids)
        self.posted |= {record.person_id: record for record in records if record.person_id in person_ids}
        built = dict(self.road.execute(f"select person_id, json_payload from {STATE}"))
        self.built |= {person_id: built[person_id] for person_id in person_ids}

    def settle(self, verdicts: dict[str, Verdict], in_doubt: set[str]) -> None:
        settled = {person_id: self.posted.pop(person_id) for person_id in verdicts}
        for person_id, verdict in verdicts.items():
            posted = json.loads(settled[person_id].payload)
            if verdict is Verdict.ACCEPTED:
                self.receiver.receive(posted)
                self.held[person_id] = self.built.pop(person_id)
                if posted["purge"]:
                    del self.held[person_id]
        with closing(DuckDbConnection(self.road.database, "1GB")) as connection:
            StateStore(connection, "csc", "ssd_api_data_staging").settle(
                Attempt("run", "batch", 1, 200, "request", 1),
                [
                    Answered(settled[person_id], verdict, "said", in_doubt=person_id in in_doubt)
                    for person_id, verdict in verdicts.items()
                ],
            )

    def act(self, events: dict[str, str]) -> None:
        """Do what the stories say happens between two nights."""
        words = {person_id: event.split() for person_id, event in events.items()}
        post = [person_id for person_id, said in words.items() if {"post", "accept", "reject"} & set(said)]
        if post:
            self.post(*post)
        verdicts = {}
        for person_id, said in words.items():
            if {"accept", "accepted"} & set(said):
                verdicts[person_id] = Verdict.ACCEPTED
            if {"reject", "rejected", "refused"} & set(said):
                verdicts[person_id] = Verdict.REJECTED
        if verdicts:
            # refused now, and perhaps taken before
            self.settle(verdicts, {person_id for person_id, said in words.items() if "refused" in said})
        for person_id, said in words.items():
            if "hold" in said:
                self.road.execute(f"update {STATE} set submission_status = 'held' where person_id = ?", [person_id])
            if "respell" in said:
                self.road.execute(
                    f"update {STATE} set row_state = upper(row_state[1]) || row_state[2:], "
                    "submission_status = upper(submission_status[1]) || submission_status[2:] where person_id = ?",
                    [person_id],
                )


def text_of(person_id: str, version: str) -> str:
    """A payload that awkward signs and length make hard to carry."""
    return json.dumps({"la_child_id": person_id, "purge": False, "v": f"{version} ' \" \\ \t \x01 é 😀" + "x" * 5000})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    road = Road(tmp_path, date(2026, 3, 15))
    road.fill([])
    return Authority(road)


def test_every_story_has_its_nights() -> None:
    assert {len(nights) for nights in STORIES.values()} == {NIGHTS}
    told = {night.row for nights in STORIES.values() for night in nights}
    assert told >= {
        f"{row} {status}" for row in ("new", "updated", "deleted") for status in ("pending", "sending", "error")
    } - {
        "updated sending",  # a change of what was already posted: 'unchanged' and 'new' tell the same
    }


def test_the_state_over_many_nights(authority: Authority) -> None:
    for night in range(NIGHTS):
        tonight = {name: nights[night] for name, nights in STORIES.items()}
        payloads = {name: text_of(name, each.payload) for name, each in tonight.items() if each.payload is not None}
        before = authority.rows() if night else {}
        breaking = {name for name, each in tonight.items() if each.breaks}
        authority.build(payloads, breaking)
        rows = authority.rows()

        told = {name: f"{row['row_state']} {row['submission_status']}" for name, row in rows.items()}
        assert told == {name: each.row for name, each in tonight.items() if each.row is not None}, night
        for name, row in rows.items():
            purge = {"la_child_id": name, "mis_child_id": f"L{name}", "purge": True}
            if row["row_state"].lower() != "deleted":
                assert row["json_payload"] == payloads[name], name
            else:
                assert json.loads(row["json_payload"]) == purge, name
            # what the receiver holds and what is in flight is the submitter's to say
            assert row["previous_json_payload"] == authority.held.get(name), name
            posted = authority.posted.get(name)
            assert row["inflight_payload"] == (posted and posted.payload), name
            assert row["legacy_id"] == f"L{name}"
            said_so = (row["api_response"] or "").startswith("breaks preflight rules: ")
            by_preflight = name in breaking and (name, tonight[name].payload) not in HELD_OTHERWISE
            assert said_so is (row["submission_status"] == "held" and by_preflight), name
            was = before.get(name, row)
            untouched = ("previous_hash", "inflight_full_payload", "inflight_hash", "inflight_batch_id", "error_count")
            assert [row[column] for column in untouched] == [was[column] for column in untouched], name
            read = ("current_hash", "partial_hash", "row_state", "submission_status")
            same = all(row[column] == was[column] for column in read)
            assert (row["last_updated"] == was["last_updated"]) is same, name

        if night == NIGHTS - 2:  # everything is under way: a second run changes nothing, and nothing is rebuilt
            dumped = authority.dump()
            assert all(dumped)
            authority.build(payloads, breaking, "--full-refresh")
            assert authority.dump() == dumped
        authority.act({name: each.then for name, each in tonight.items() if each.then})
