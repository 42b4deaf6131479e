"""csc-submit on a live server: long texts, deadlocks, a lost connection, the lock, the number of statements."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from submitter.connection import Statement
from submitter.dbt_profile import SqlServerTarget
from submitter.errors import AlreadyRunningError, DatabaseError, ExitCode
from submitter.odbc import parts_of
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.sqlserver_connection import SqlServerConnection
from submitter.state import Answered, Attempt, Settlement, StateStore, Status, Verdict, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from live_server import LiveDatabase

RUN_DATE = date(2026, 3, 15)
STATE = "csc.ssd_api_data_staging"
HARD = "\u00e9 \U0001f600 \u4e2d '; -- ? {}"


@pytest.fixture(scope="module")
def built(database: LiveDatabase) -> LiveDatabase:
    """The tables of a first night without children."""
    database.make_ssd_tables()
    database.must_dbt("seed", run_date=RUN_DATE)
    database.must_dbt("run", run_date=RUN_DATE)
    return database


@pytest.fixture
def empty(built: LiveDatabase) -> LiveDatabase:
    for table in ("ssd_api_data_staging", "submission_run", "submission_event"):
        built.execute(f"delete from csc.{table}")
    return built


def target(database: LiveDatabase, **changes: str) -> SqlServerTarget:
    return SqlServerTarget(parts_of(database.connection_string(changes=changes)), "csc")


@contextmanager
def connected(
    database: LiveDatabase, lock: str | None = "lock", sleep: Callable[[float], None] = lambda _: None, **changes: str
) -> Iterator[SqlServerConnection]:
    with closing(SqlServerConnection(target(database, **changes), lock, sleep)) as connection:
        yield connection


def put(database: LiveDatabase, texts: dict[str, str], status: str = "pending") -> None:
    with database.connected() as cursor:
        for person_id, text in texts.items():
            cursor.execute(
                f"insert into {STATE} (person_id, json_payload, current_hash, row_state, submission_status, "
                "error_count, last_updated) values (?, ?, hashbytes('sha2_256', cast(? as nvarchar(max))), 'new', ?, "
                "0, sysutcdatetime())",
                person_id,
                text,
                text,
                status,
            )


def child(person_id: str, **details: object) -> str:
    required = {"sex": "F", "disabilities": ["NONE"], "uasc_flag": False, "purge": False}
    whole = {"la_child_id": person_id, "purge": False, "child_details": {**required, **details}}
    return json.dumps(whole, ensure_ascii=False)


def attempt(batch_id: str) -> Attempt:
    return Attempt("run", batch_id, 1, 200, "request", 5)


def test_a_payload_goes_and_comes_without_losing_a_character(empty: LiveDatabase) -> None:
    texts = {"short": HARD, "long": HARD * 20_000, "edge": "x" * 4001, "wide": "\U0001f600" * 4000}
    put(empty, texts)
    with connected(empty) as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        taken = {record.person_id: record for record in store.take_off("b", list(texts))}
        assert {person_id: record.payload for person_id, record in taken.items()} == texts
        reason = HARD * 2000
        store.settle(
            attempt("b"),
            [
                *(Answered(taken[person_id], Verdict.ACCEPTED, "receipt") for person_id in ("short", "long", "wide")),
                Answered(taken["edge"], Verdict.REJECTED, reason),
            ],
        )
    rows = empty.execute(f"select person_id, previous_json_payload, submission_status, api_response from {STATE}")
    assert {row[0]: row[1] for row in rows if row[2] == "sent"} == {
        person_id: text for person_id, text in texts.items() if person_id != "edge"
    }
    assert [row[1:] for row in rows if row[2] == "error"] == [(None, "error", reason)]
    events = empty.execute("select person_id, event, receipt, reason, payload_hash from csc.submission_event")
    assert sorted(row[:4] for row in events) == [
        ("edge", "rejected", None, reason),
        ("long", "accepted", "receipt", None),
        ("short", "accepted", "receipt", None),
        ("wide", "accepted", "receipt", None),
    ]
    hashes = dict(empty.execute(f"select person_id, current_hash from {STATE}"))
    assert {row[0]: row[4] for row in events} == hashes
    assert all(len(row[4]) == 32 for row in events)


def test_answers_without_text_status_or_request_id_are_written_down(empty: LiveDatabase) -> None:
    put(empty, {"a": "{}", "b": "{}"})
    with connected(empty) as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        first, second = store.take_off("b", ["a", "b"])
        unknown = [Answered(first, Verdict.UNKNOWN, None), Answered(second, Verdict.UNKNOWN, "no answer")]
        store.settle(Attempt("run", "b", 1, None, None, 5), unknown)
        assert [record.person_id for record in store.in_flight("b")] == ["a", "b"]
        assert store.batches_in_flight() == ["b"]
    events = empty.execute("select person_id, http_status, request_id, reason from csc.submission_event order by 1")
    assert events == [("a", None, None, None), ("b", None, None, "no answer")]


def test_many_answers_without_a_request_id_are_settled_together(empty: LiveDatabase) -> None:
    batches = {batch: [f"{batch}{number:03d}" for number in range(100)] for batch in ("a", "b", "c")}
    put(empty, {person_id: "{}" for person_ids in batches.values() for person_id in person_ids})
    with connected(empty) as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        taken = store.take_off_together(batches)
        store.settle_together(
            [
                Settlement(
                    Attempt("run", batch, 1, 200, None, 5),
                    [Answered(record, Verdict.ACCEPTED, "receipt") for record in records],
                )
                for batch, records in taken.items()
            ]
        )
        assert store.batches_in_flight() == []
    assert empty.execute(f"select count(*) from {STATE} where submission_status = 'sent'") == [(300,)]
    assert empty.execute("select count(*) from csc.submission_event") == [(300,)]


def test_a_transaction_whose_commit_went_unnoticed_writes_no_event_again(empty: LiveDatabase) -> None:
    put(empty, {"a": "{}", "b": "{}"})
    at = now()
    first = Attempt("run", "b", 1, None, None, 5, at)
    second = Attempt("run", "b", 2, 200, None, 5, at + timedelta(seconds=30))
    third = Attempt("run", "b", 3, 200, None, 5, at)
    with connected(empty) as connection:
        store = StateStore(Doubled(connection), "csc", "ssd_api_data_staging")
        a, b = store.take_off("b", ["a", "b"])
        unknown = [Answered(a, Verdict.UNKNOWN, None), Answered(b, Verdict.UNKNOWN, None)]
        store.settle_together([Settlement(first, unknown), Settlement(second, unknown)])
        # within the time that the others span
        store.settle(third, [Answered(a, Verdict.ACCEPTED, "receipt"), Answered(b, Verdict.REJECTED, "no")])
    events = empty.execute("select person_id, attempt, event from csc.submission_event order by person_id, attempt")
    assert events == [
        ("a", 1, "unknown"),
        ("a", 2, "unknown"),
        ("a", 3, "accepted"),
        ("b", 1, "unknown"),
        ("b", 2, "unknown"),
        ("b", 3, "rejected"),
    ]
    rows = empty.execute(f"select submission_status, error_count, previous_json_payload from {STATE} order by 1")
    assert rows == [("error", 1, None), ("sent", 0, "{}")]


def test_only_the_batch_that_was_posted_is_settled(empty: LiveDatabase) -> None:
    put(empty, {"a": "{}"})
    with connected(empty) as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        (record,) = store.take_off("b", ["a"])
        store.settle(attempt("another"), [Answered(record, Verdict.ACCEPTED, "receipt")])
        assert store.batches_in_flight() == ["b"]
        store.settle(attempt("b"), [Answered(record, Verdict.ACCEPTED, "receipt")])
        assert store.waiting(Status.PENDING, Status.ERROR).children == 0


def test_a_deadlock_is_tried_again(empty: LiveDatabase) -> None:
    put(empty, {"a": "{}", "b": "{}"})
    waits: list[float] = []
    both_have_one = threading.Barrier(2)

    def swap(connection: SqlServerConnection, first: str, second: str) -> None:
        update = f"update {STATE} set error_count = error_count + 1 where person_id = ?"
        # the statement's parameters are read between the two updates: a place to wait for the other session
        connection.transaction(Statement(update, [first]), Statement(update, Meeting(both_have_one, second)))

    with connected(empty, None, waits.append) as one, connected(empty, None, waits.append) as other:
        threads = [
            threading.Thread(target=swap, args=(one, "a", "b")),
            threading.Thread(target=swap, args=(other, "b", "a")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert empty.execute(f"select person_id, error_count from {STATE} order by 1") == [("a", 2), ("b", 2)]
    assert waits  # one of them was the victim


class Meeting(list[object]):
    """Parameters that wait, the first time they are read, until another session has come as far."""

    def __init__(self, barrier: threading.Barrier, *values: object) -> None:
        super().__init__(values)
        self._barrier: threading.Barrier | None = barrier

    def __iter__(self) -> Iterator[object]:
        barrier, self._barrier = self._barrier, None
        if barrier is not None:
            barrier.wait(30)
        return super().__iter__()


class Wire:
    """A TCP relay to the server that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return
        finally:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break every connection that there is."""
        cut, self._sockets = self._sockets, []
        for end in cut:
            with contextlib.suppress(OSError):  # closed from the other side already
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # not every system wakes who waits there
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


@pytest.fixture
def wire(built: LiveDatabase) -> Iterator[Wire]:
    host, _, port = built.parts["SERVER"].removeprefix("tcp:").partition(",")
    with closing(Wire(host, int(port or 1433))) as made:
        yield made


def test_a_lost_connection_is_opened_again_with_its_lock(empty: LiveDatabase, wire: Wire) -> None:
    put(empty, {"a": "{}"})
    with connected(empty, SERVER=f"127.0.0.1,{wire.port}") as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        (record,) = store.take_off("b", ["a"])
        wire.cut()
        store.settle(attempt("b"), [Answered(record, Verdict.ACCEPTED, "receipt")])
        with pytest.raises(AlreadyRunningError), connected(empty):
            pass
        wire.cut()
        assert store.waiting(Status.PENDING).children == 0
    assert empty.execute(f"select submission_status from {STATE}") == [("sent",)]
    assert empty.execute("select count(*) from csc.submission_event") == [(1,)]


def test_a_connection_that_stays_lost_is_given_up(empty: LiveDatabase, wire: Wire) -> None:
    waits: list[float] = []
    with connected(empty, None, waits.append, SERVER=f"127.0.0.1,{wire.port}") as connection:
        store = StateStore(connection, "csc", "ssd_api_data_staging")
        wire.close()
        with pytest.raises(DatabaseError, match="cannot be reached"):
            store.waiting(Status.PENDING)
    assert len(waits) == 5


def test_a_second_run_is_turned_away(empty: LiveDatabase) -> None:
    put(empty, {"a": child("a")})
    with serve(ReceiverConfig()) as receiver:
        with connected(empty, "csc-submit csc.ssd_api_data_staging"):
            finished = empty.submit(receiver)
            assert finished.code == ExitCode.ALREADY_RUNNING
            assert len(finished.said.splitlines()) == 1
            assert len(receiver.store) == 0
        assert empty.submit(receiver).code == ExitCode.DONE
        assert receiver.store.ids() == ["a"]


def test_statements_do_not_grow_with_children(empty: LiveDatabase) -> None:
    """Count what a whole delivery sends to the server, for a batch of 10 and one of 100."""
    counts = []
    for children in (10, 100):
        empty.execute(f"delete from {STATE}")
        put(empty, {f"{number:03d}": "{}" for number in range(children)})
        with connected(empty) as connection:
            sent = Counted(connection)
            store = StateStore(sent, "csc", "ssd_api_data_staging")
            candidates = store.next_children(Status.PENDING, now(), "", 100)
            records = store.take_off("b", [candidate.person_id for candidate in candidates])
            store.settle(
                attempt("b"),
                [
                    Answered(record, (Verdict.ACCEPTED, Verdict.REJECTED)[number % 2], "text")
                    for number, record in enumerate(records)
                ],
            )
        assert len(records) == children
        counts.append(sent.statements)
    assert counts == [6, 6]
    states = dict(empty.execute(f"select submission_status, count(*) from {STATE} group by submission_status"))
    assert states == {"sent": 50, "error": 50}


class Counted:
    """A connection that counts its statements."""

    engine = "sqlserver"

    def __init__(self, connection: SqlServerConnection) -> None:
        self._connection = connection
        self.statements = 0

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        self.statements += len(statements)
        return self._connection.transaction(*statements)

    def close(self) -> None:
        self._connection.close()


class Doubled(Counted):
    """A connection that executes everything again, as after a lost answer to a commit."""

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        super().transaction(*statements)
        return super().transaction(*statements)


def test_statuses_of_any_case_are_found(empty: LiveDatabase) -> None:
    put(empty, {"a": child("a")}, status="Pending")
    with serve(ReceiverConfig()) as receiver:
        assert empty.submit(receiver).code == ExitCode.DONE
        assert receiver.store.ids() == ["a"]
