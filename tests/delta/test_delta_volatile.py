"""Ids that the case system makes anew: the same content under another id is no change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_here import BUT_WHAT_STAYS
from history import SLOTS, Child
from law_engine import DuckDbEngine
from law_stage import STATE

from submitter.receiver.store import ChildStore, in_order_of_ids
from submitter.state import Answered, Attempt, StateStore, Status, Verdict, now
from submitter.trial.ssd import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# The columns that hold the ids of a block's records.
IDS = {
    "social_care_episodes": (
        *("cine_referral_id", "cina_referral_id", "cinp_referral_id", "cppl_referral_id"),
        *("s47e_referral_id", "clae_referral_id", "invo_referral_id"),
    ),
    "child_and_family_assessments": ("cina_assessment_id", "cinf_assessment_id"),
    "child_in_need_plans": ("cinp_cin_plan_id",),
    "section_47_assessments": ("s47e_s47_enquiry_id", "icpc_s47_enquiry_id"),
    "child_protection_plans": ("cppl_cp_plan_id",),
    "child_looked_after_placements": ("clap_cla_placement_id",),
}


def under_new_ids(records: Iterator[Record], blocks: Sequence[str], night: int) -> Iterator[Record]:
    """Give the records of these blocks other ids, in another order on every second night."""
    columns = {column for block in blocks for column in IDS[block]}
    for record in records:
        values = {
            name: f"{(9 - int(str(value)[-1])) if night % 2 else str(value)[-1]}n{night}-{value}"
            if name in columns and value and night
            else value
            for name, value in record.values.items()
        }
        yield Record(record.table, values)


@dataclass
class Nights:
    """An authority whose case system makes ids anew, and receivers that merge and that replace."""

    engine: DuckDbEngine
    children: Sequence[Child]
    receivers: Sequence[ChildStore] = field(default_factory=lambda: (ChildStore("merge"), ChildStore("replace")))

    def __post_init__(self) -> None:
        self.engine.start()
        self.engine.dbt("seed")

    def build(self, night: int, blocks: Mapping[str, Sequence[str]], *arguments: str) -> None:
        """Fill the SSD with each child's records, those of its `blocks` under the night's ids, and run dbt."""
        self.engine.fill(
            record
            for child in self.children
            for record in under_new_ids(child.records(), blocks[child.person_id], night)
        )
        self.engine.dbt("run", *arguments, *(BUT_WHAT_STAYS if night else ()))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.engine.rows(sql)

    def send(self, verdict: Verdict) -> set[str]:
        """Post what waits; let the receivers take it if it is accepted; return who was posted."""
        with self.engine.connected() as connection:
            store = StateStore(connection, "csc", "ssd_api_data_staging")
            waiting = [
                each.person_id for status in Status for each in store.next_children(status, now(), "", 1_000_000)
            ]
            records = store.take_off("batch", waiting) if waiting else []
            if verdict is Verdict.ACCEPTED:
                for record in records:
                    for receiver in self.receivers:
                        receiver.receive(json.loads(record.payload))
            if records:
                answers = [Answered(record, verdict, "said") for record in records]
                store.settle(Attempt("run", "batch", 1, 200, "request", 1), answers)
        return {record.person_id for record in records}

    def assert_held(self) -> None:
        """The receivers hold what was last accepted, which is what is built now but for ids that do not count."""
        accepted = self.rows(f"select person_id, previous_json_payload from {STATE} where submission_status = 'sent'")
        assert len(accepted) == len(self.children)
        for person_id, payload in accepted:
            for receiver in self.receivers:
                assert in_order_of_ids(receiver.get(person_id)) == in_order_of_ids(json.loads(payload)), person_id


def whole(person_id: str) -> Child:
    """A child with a record in every slot, in pairs that are equal but for their ids."""
    return Child(person_id, {name: {} for name in SLOTS})


def test_only_the_ids_of_the_named_blocks_do_not_count(tmp_path: Path) -> None:
    named = ["social_care_episodes", "section_47_assessments", "child_looked_after_placements"]
    children = [whole(block) for block in IDS]
    nights = Nights(DuckDbEngine(tmp_path, variables={"csc_volatile_ids": named}), children)
    blocks = {block: [block] for block in IDS}
    hashes = []
    for night in (0, 1):
        nights.build(night, blocks, "--select", "+payload")
        hashes.append(dict(nights.rows("select person_id, payload_hash from csc.payload")))
    assert {child for child, value in hashes[0].items() if value == hashes[1][child]} == set(named)


def test_other_ids_are_no_change_and_a_change_goes_out_under_the_ids_of_the_night(tmp_path: Path) -> None:
    children = [whole("A"), whole("B"), whole("C")]
    nights = Nights(DuckDbEngine(tmp_path, variables={"csc_volatile_ids": list(IDS)}), children)
    every = {child.person_id: list(IDS) for child in children}

    nights.build(0, every)
    assert nights.send(Verdict.ACCEPTED) == {"A", "B", "C"}
    nights.assert_held()

    before = nights.rows(f"select * from {STATE} order by person_id")
    nights.build(1, every)
    assert nights.rows(f"select * from {STATE} order by person_id") == before
    assert nights.send(Verdict.ACCEPTED) == set()

    children[1].rows["cin plan 1"]["cinp_cin_plan_end_date"] = 1
    nights.build(2, every)
    assert nights.send(Verdict.ACCEPTED) == {"B"}
    nights.assert_held()
    ((built, accepted),) = nights.rows(
        f"select payload.json_payload, state.previous_json_payload from {STATE} as state "
        "inner join csc.payload as payload on payload.person_id = state.person_id where state.person_id = 'B'"
    )
    assert built == accepted

    # what was refused for its ids goes out under new ones
    children[2].rows["placement 1"]["clap_cla_placement_type"] = 1
    nights.build(3, every)
    assert nights.send(Verdict.REJECTED) == {"C"}
    nights.build(4, every)
    ((status, waits, built),) = nights.rows(
        f"select state.submission_status, state.json_payload, payload.json_payload from {STATE} as state "
        "inner join csc.payload as payload on payload.person_id = state.person_id where state.person_id = 'C'"
    )
    assert (status, waits) == ("error", built)
    assert nights.send(Verdict.ACCEPTED) == {"C"}
    nights.assert_held()

    # and once all is sent, further nights find nothing to do
    nights.build(5, every)
    assert nights.send(Verdict.ACCEPTED) == set()
