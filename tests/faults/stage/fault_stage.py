"""A small state in DuckDB, a delivery in this process against the faulty receiver, and what must be true afterwards."""

from __future__ import annotations

import io
import json
import shutil
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fault_receiver import Fault
from rich.console import Console
from submit_stage import State, digest, payload

from submitter.connection import opened
from submitter.dbt_profile import DuckDbTarget
from submitter.delivery import Delivery
from submitter.endpoint import Endpoint
from submitter.errors import SubmitError
from submitter.log import logging_to
from submitter.settings import Settings, load_settings
from submitter.state import lock_name
from submitter.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fault_receiver import FaultyReceiver

    from submitter.connection import Connection
    from submitter.dbt_profile import SqlServerTarget

CHILDREN = 10
STATE = "csc.ssd_api_data_staging"


def settings_for(base_url: str, **changes: object) -> Settings:
    """Settings that are quick to lose patience."""
    given = {
        "api_endpoint": base_url,
        "token_endpoint": f"{base_url}/token",
        "la_code": "999",
        "client_id": "client",
        "client_secret": "Planted-Secret",
        "scope": "scope",
        "supplier_key": "Planted-Key",
        "batch_size": 2,
        "csc_workers": 3,
        "csc_max_attempts": 2,
        "csc_backoff_seconds": 0,
        "csc_connect_timeout_seconds": 2,
        "csc_read_timeout_seconds": 0.5,
    }
    return load_settings(Settings, None, key_store=None, **{**given, **changes})


def same(connection: Connection) -> Connection:
    return connection


@dataclass
class Stage:
    """One database, whichever engine, and its receiver. `execute` opens it for one statement."""

    target: DuckDbTarget | SqlServerTarget
    execute: Callable[..., list[tuple[Any, ...]]]
    receiver: FaultyReceiver

    def rows(self) -> list[tuple[Any, ...]]:
        return self.execute(f"select * from {STATE} order by person_id")

    def statuses(self) -> list[str]:
        return [row[0] for row in self.execute(f"select submission_status from {STATE} order by person_id")]

    def children(self, condition: str) -> set[str]:
        return {row[0] for row in self.execute(f"select person_id from {STATE} where {condition}")}

    def run(
        self, wrapped: Callable[[Connection], Connection] = same, stop: Stop | None = None, **changes: object
    ) -> tuple[int, str]:
        """Deliver as the command does; return the exit code and all that was said."""
        settings = settings_for(self.receiver.base_url, **changes)
        console = Console(record=True, file=io.StringIO(), width=500)
        stop = stop or Stop(settings.csc_max_minutes)
        try:
            with (
                logging_to(None, None) as log,
                opened(self.target, lock_name("csc", settings.table_name), "200MB") as connection,
            ):
                delivery = Delivery(
                    console, settings, self.target, wrapped(connection), stop, lambda: Endpoint(settings), log
                )
                code = int(delivery.carry_out())
                return code, console.export_text()
        except SubmitError as error:
            return int(error.exit_code), f"{console.export_text()}\n{error}"

    def rebuild(self, person_id: str, text: str) -> None:
        """Do what dbt does when a child has changed."""
        self.execute(
            f"update {STATE} set json_payload = ?, current_hash = ?, row_state = 'updated', submission_status = "
            "case when inflight_payload is not null then 'sending' else 'pending' end where person_id = ?",
            [text, digest(text), person_id],
        )

    def claims(self) -> None:
        """Nothing is said to be accepted that the receiver does not hold, and no child is between two states."""
        for person_id, accepted, status, flying in self.execute(
            f"select person_id, previous_json_payload, submission_status, inflight_payload from {STATE}"
        ):
            assert (flying is not None) == (status == "sending"), (person_id, status)
            assert status in {"pending", "sending", "sent", "error"}
            if accepted is not None and flying is None:
                assert self.receiver.held.get(person_id) == json.loads(accepted), person_id
            if status == "sent":
                assert accepted is not None

    def lines_are_closed(self) -> None:
        open_lines = self.execute("select * from csc.submission_run where finished_at is null")
        assert open_lines == []

    def truth(self) -> None:
        """The receiver holds exactly the current payloads, and the state says so."""
        rows = self.execute(f"select person_id, json_payload, previous_json_payload, submission_status from {STATE}")
        assert len(rows) == CHILDREN
        assert self.receiver.held == {person_id: json.loads(text) for person_id, text, _, _ in rows}
        assert all(text == accepted and status == "sent" for _, text, accepted, status in rows)


@dataclass(frozen=True)
class Interrupted:
    """What an interrupted run left behind: the state, and what the receiver held."""

    state: State
    held: dict[str, Any]

    def once_more(self, folder: Path, receiver: FaultyReceiver) -> Stage:
        """Go on from there in another folder."""
        state = copied(self.state, folder)
        receiver.held.clear()
        receiver.held.update(deepcopy(self.held))
        return Stage(DuckDbTarget(state.path, "csc"), state.execute, receiver)


def made(folder: Path) -> State:
    """A state of children that were never sent, one of them rejected before."""
    state = State(folder / "template.duckdb")
    state.create()
    state.put_many(CHILDREN)
    state.execute(f"update {STATE} set submission_status = 'error', error_count = 1 where person_id = '00004'")
    return state


def copied(template: State, folder: Path) -> State:
    path = folder / "children.duckdb"
    shutil.copy(template.path, path)
    return State(path)


def newer(person_id: str) -> str:
    return payload(person_id, ethnicity="WBRI")


def interrupted(stage: Stage) -> None:
    """Leave some children in flight, as taken or not as it comes, and have dbt change most of the children."""
    stage.receiver.faults = [Fault(takes=False, cut="unanswered"), Fault(cut="unanswered")]
    assert stage.run(csc_max_attempts=1)[0] == 5
    stage.receiver.faults.clear()
    assert "sending" in stage.statuses()
    for person_id in ("00001", "00005", "00006", "00007", "00008", "00009"):
        stage.rebuild(person_id, newer(person_id))
