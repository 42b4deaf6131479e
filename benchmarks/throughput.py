"""Times csc-submit against a receiver that answers after 50 ms, and its memory as the number of children grows.

    python bootstrap.py benchmark throughput [--sizes 1000 50000 200000] [--latency-ms 50] [--workers 4]

dbt makes the tables and a thousand payloads of invented children, which are then copied under other ids. For each size
it prints the ratio of the least time that the receiver's latency allows (batches x latency / workers) to the time from
the run's start to its end, both as the audit trail has them; at the end, the peak memory of the sizes and the ratio of
the greatest to the least. The receiver is a process of its own, on the same machine: where that is busy or has few
cores, they share them.

The latency is what a client waits that does nothing but send and receive. The receiver itself waits less by what the
machine takes to wake the two, which is measured first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import duckdb
from scale import measured

from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import RunningReceiver
from submitter.receiver.store import ChildStore
from submitter.trial import ssd
from submitter.trial.demo import (
    DATABASE_NAME,
    SSD_SCHEMA,
    STATE,
    dbt_command,
    submit_command,
    submit_environment,
    write_profile,
)
from submitter.trial.invent import invented_children

if TYPE_CHECKING:
    from collections.abc import Iterator

INVENTED = 1000
BATCH = 100
TARGET = 0.95
PROBES = 40


@contextmanager
def receiving(latency: float) -> Iterator[RunningReceiver]:
    """Run the receiver as a process of its own."""
    script = Path(__file__).with_name("latent_receiver.py")
    process = subprocess.Popen([sys.executable, script, str(latency)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield RunningReceiver(f"http://127.0.0.1:{int(process.stdout.readline())}", ChildStore())
    finally:
        process.kill()
        process.wait()


def bare_latency(seconds: float, connections: int) -> float:
    """Return the mean seconds that connections which do nothing else wait for the answer to a batch.

    `seconds` is what the receiver itself waits.
    """
    batch = b"[" + b",".join([b'{"la_child_id":"1"}'.ljust(1000)] * BATCH) + b"]"

    def waits(url: str) -> list[float]:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found = []
            for _ in range(PROBES):
                started = time.perf_counter()
                connection.sendall(f"POST /children HTTP/1.1\r\nContent-Length: {len(batch)}\r\n\r\n".encode())
                connection.sendall(batch)
                answer = b""
                while not answer.endswith(b"]"):
                    answer += connection.recv(1 << 16)
                found.append(time.perf_counter() - started)
        return found

    with receiving(seconds) as receiver, ThreadPoolExecutor(connections) as threads:
        return mean(wait for found in threads.map(waits, [receiver.base_url] * connections) for wait in found)


def build(folder: Path) -> None:
    """Have dbt make the tables and the payloads of a thousand children."""
    today = datetime.now().astimezone().date()
    database = folder / DATABASE_NAME
    write_profile(folder, database)
    with duckdb.connect(str(database)) as connection:
        ssd.create_tables(connection, SSD_SCHEMA)
        ssd.load(connection, SSD_SCHEMA, invented_children(INVENTED, 1, today))
    measured(
        dbt_command(folder, today, "build", "--resource-type=model", "--resource-type=seed"), dict(os.environ), (0,)
    )


def fill(database: Path, children: int) -> float:
    """Put so many children into the state; return the mean size of a payload in bytes."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table made as select row_number() over () - 1 as number, * from {STATE}")
        connection.execute(f"delete from {STATE}")
        connection.execute(
            f"insert into {STATE} by name "
            "select made.* exclude (number) replace ("
            "wanted.id as person_id, replace(made.json_payload, made.person_id, wanted.id) as json_payload) "
            "from (select range as at, printf('B%08d', range) as id from range(?)) as wanted "
            "inner join made on made.number = wanted.at % (select count(*) from made) order by wanted.id",
            [children],
        )
        connection.execute("drop table made")
        connection.execute("checkpoint")
        row = connection.execute(f"select avg(strlen(json_payload)), count(*) from {STATE}").fetchone()
    assert row is not None
    assert row[1] == children
    return float(row[0])


def seconds_of_run(database: Path, children: int) -> float:
    """Return how long the run took, as the audit trail has it."""
    with duckdb.connect(str(database)) as connection:
        row = connection.execute(
            "select epoch(finished_at - started_at), accepted_count from csc.submission_run"
        ).fetchone()
    assert row is not None
    assert row[1] == children, "not all were accepted"
    return float(row[0])


def main() -> None:
    """Build once; fill, send and measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 50_000, 200_000])
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    latency = options.latency_ms / 1000
    peaks = []
    with tempfile.TemporaryDirectory(prefix="csc-benchmark-") as name:
        built = Path(name) / "built"
        built.mkdir()
        build(built)
        delay = 2 * latency - bare_latency(latency, options.workers)
        seen = 1000 * bare_latency(delay, options.workers)
        print(
            f"a bare connection waits {seen:.2f} ms for an answer; the receiver itself {1000 * delay:.2f} ms",
            flush=True,
        )
        for children in options.sizes:
            folder = Path(name) / "run"
            folder.mkdir()
            database = folder / DATABASE_NAME
            shutil.copy(built / DATABASE_NAME, database)
            write_profile(folder, database)
            size = fill(database, children)
            with receiving(delay) as receiver:
                environment = {**submit_environment(receiver, ReceiverConfig()), "CSC_WORKERS": str(options.workers)}
                submit = measured(submit_command(folder), environment, (0,))
            seconds = seconds_of_run(database, children)
            least = -(-children // BATCH) * latency / options.workers
            print(
                f"{children:>8,} children of {size:,.0f} bytes: sent in {seconds:,.1f} s, least {least:,.1f} s, "
                f"ratio {least / seconds:.3f} (target {TARGET}); peak memory {submit.megabytes:,.0f} MB",
                flush=True,
            )
            peaks.append(submit.megabytes)
            shutil.rmtree(folder)
    print(
        f"peak memory, greatest to least: ratio {max(peaks) / min(peaks):.2f}, "
        "with the cache of DuckDB (docs/delivery.md says how to measure the sender alone)"
    )


if __name__ == "__main__":
    main()
