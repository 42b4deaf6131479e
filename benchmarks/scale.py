"""Times the road at scale: `dbt build` (models only), a whole submission, and the build after a day of change.

    python bootstrap.py benchmark [--children 100000]

Each step is a process of its own. Prints seconds and peak memory beside their targets, and each as a ratio of its
target (below 1 is inside it). Then 1 % of the children whom the receiver holds change, and what the models in
models/delta took in the second build is printed as a ratio of the first build, with the number of payloads taken apart.
What preflight adds, models and tests, is printed as a ratio of a build without it.
The stand-in receiver runs in this process and does not count. Works on Linux and macOS, which tell a process's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from submitter.project_files import project_root
from submitter.receiver.app import ReceiverConfig
from submitter.receiver.serve import serve
from submitter.trial import ssd
from submitter.trial.demo import (
    CSC_SCHEMA,
    DATABASE_NAME,
    SSD_SCHEMA,
    count,
    dbt_command,
    submit_command,
    submit_environment,
    write_profile,
)
from submitter.trial.invent import invented_children

BUILD_SECONDS = 60
BUILD_MEGABYTES = 4096
SUBMIT_MEGABYTES = 200
DELTA_PART_OF_BUILD = 1 / 3
CHANGED_EVERY = 100
STATE = f"{CSC_SCHEMA}.ssd_api_data_staging"
DELTA_MODELS = sorted(path.stem for path in (project_root() / "models" / "delta").glob("*.sql"))


@dataclass(frozen=True)
class Measured:
    """One process: wall-clock seconds and peak resident memory."""

    seconds: float
    megabytes: float


# A process starts with its parent's peak on Linux, so a small one stands between.
_STARTER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
said = done.stdout.decode(errors="replace")
print(json.dumps([done.returncode, time.perf_counter() - started, peak, said]))
"""


def measured(command: list[str], environment: dict[str, str], accepted: tuple[int, ...]) -> Measured:
    """Run a command and measure it; leave with its output when it fails."""
    started = subprocess.run(
        [sys.executable, "-c", _STARTER, *command], env=environment, stdout=subprocess.PIPE, check=True
    )
    code, seconds, megabytes, said = json.loads(started.stdout)
    if code not in accepted:
        sys.exit(said)
    return Measured(seconds, megabytes)


def line(what: str, value: float, unit: str, target: float) -> None:
    """Print a figure beside its target."""
    print(
        f"{what:<28}{value:>10,.1f} {unit:<4} target {target:>7,.0f} {unit:<4} ratio {value / target:.2f}", flush=True
    )


def seconds_of_nodes(folder: Path) -> dict[str, float]:
    """Return what each model and test of the last dbt command took, by its unique id."""
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {result["unique_id"]: result["execution_time"] for result in results}


def change_children(database: Path) -> int:
    """Change every hundredth child whom the receiver holds, each in the child's details and in its episodes."""
    # ids are compared as the staging models read them
    chosen = "trim({}, chr(9) || chr(10) || chr(13) || chr(32) || chr(160)) in (select person_id from chosen)"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"create temp table chosen as select person_id from {STATE} "
            f"where submission_status = 'sent' qualify row_number() over (order by person_id) % {CHANGED_EVERY} = 0"
        )
        for table, column, change in (
            ("ssd_person", "pers_person_id", "pers_forename = 'Changed'"),
            ("ssd_cin_episodes", "cine_person_id", "cine_close_date = null, cine_close_reason = null"),
        ):
            connection.execute(f"update {SSD_SCHEMA}.{table} set {change} where {chosen.format(column)}")
        connection.execute(f"delete from {SSD_SCHEMA}.ssd_cin_plans where {chosen.format('cinp_person_id')}")
        return count(connection, "select count(*) from chosen")


def show_delta(folder: Path, database: Path, changed: int, first_build: Measured) -> None:
    """Print what the delta part of the last dbt run took and what it took apart."""
    nodes = seconds_of_nodes(folder)
    seconds = {model: nodes[f"model.csc_submit.{model}"] for model in DELTA_MODELS}
    delta = sum(seconds.values())
    for model in DELTA_MODELS:
        print(f"  {model:<26}{seconds[model]:>10,.1f} s")
    print(
        f"{'delta part of the build':<28}{delta:>10,.1f} s    ratio to the first build "
        f"{delta / first_build.seconds:.3f}, target {DELTA_PART_OF_BUILD:.3f}"
    )
    with duckdb.connect(str(database), read_only=True) as connection:
        taken_apart = count(connection, f"select count(distinct person_id) from {CSC_SCHEMA}.accepted_item")
        carried, whole = connection.execute(
            "select sum(strlen(partial_json_payload)), sum(strlen(json_payload)) "
            f"from {STATE} where partial_json_payload is not null"
        ).fetchall()[0]
    print(f"{taken_apart:,} payloads taken apart, {changed:,} children changed: ratio {taken_apart / changed:.3f}")
    print(f"{carried:,} bytes go out instead of {whole:,}: ratio {carried / whole:.3f}", flush=True)


def preflight_lines(folder: Path, today: date) -> None:
    """Print what preflight, its tests included, adds to a build of all other models."""

    def seconds(*arguments: str) -> float:
        return measured(dbt_command(folder, today, *arguments), dict(os.environ), (0,)).seconds

    without = seconds("run", "--exclude", "path:models/preflight")
    # the tests warn, and a warning is no failure
    whole = seconds("build", "--indirect-selection=empty", "--select", "resource_type:model", "test_name:no_breach_of")
    line("dbt build without preflight", without, "s", BUILD_SECONDS)
    print(f"{'preflight adds':<28}{whole - without:>10,.1f} s    ratio {(whole - without) / without:.2f}, target 0.50")


def main() -> None:
    """Fill, build, submit, change, build again; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    today = datetime.now().astimezone().date()
    with tempfile.TemporaryDirectory(prefix="csc-benchmark-") as name:
        folder = Path(name)
        database = folder / DATABASE_NAME
        write_profile(folder, database)
        with duckdb.connect(str(database)) as connection:
            ssd.create_tables(connection, SSD_SCHEMA)
            rows = ssd.load(connection, SSD_SCHEMA, invented_children(options.children, options.seed, today))
        print(f"{options.children:,} invented children, {sum(rows.values()):,} rows in the SSD", flush=True)

        models_only = ("build", "--resource-type=model", "--resource-type=seed")
        build = measured(dbt_command(folder, today, *models_only), dict(os.environ), (0,))
        line("dbt build (models only)", build.seconds, "s", BUILD_SECONDS)
        line("dbt build, peak memory", build.megabytes, "MB", BUILD_MEGABYTES)
        preflight_lines(folder, today)

        config = ReceiverConfig()
        with serve(config) as receiver:
            submit = measured(submit_command(folder), submit_environment(receiver, config), (0, 1))
            print(f"{len(receiver.store):,} children accepted in {submit.seconds:,.1f} s", flush=True)
        line("csc-submit, peak memory", submit.megabytes, "MB", SUBMIT_MEGABYTES)

        changed = change_children(database)
        again = measured(dbt_command(folder, today, *models_only), dict(os.environ), (0,))
        line("dbt build after the changes", again.seconds, "s", BUILD_SECONDS)
        show_delta(folder, database, changed, build)


if __name__ == "__main__":
    main()
