"""A whole road in a folder: SSD tables in DuckDB, real dbt, real csc-submit, the stand-in receiver."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from dbt_here import BUT_WHAT_STAYS, ran_dbt

from submitter.receiver.app import ReceiverConfig
from submitter.trial import ssd
from submitter.trial.demo import (
    DATABASE_NAME,
    NO_UNIT_TESTS,
    SSD_SCHEMA,
    dbt_arguments,
    submit_command,
    submit_environment,
    write_profile,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from submitter.receiver.serve import RunningReceiver
    from submitter.trial.ssd import Record

STATE = "csc.ssd_api_data_staging"


@dataclass(frozen=True)
class Road:
    """One authority in a folder."""

    folder: Path
    run_date: date

    @property
    def database(self) -> Path:
        return self.folder / DATABASE_NAME

    def fill(self, records: Iterable[Record]) -> None:
        """Make the SSD tables and load them."""
        self._write_profiles()
        with duckdb.connect(str(self.database)) as connection:
            ssd.create_tables(connection, SSD_SCHEMA)
            ssd.load(connection, SSD_SCHEMA, records)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def dbt(self, command: str, *arguments: str, variables: dict[str, object] | None = None) -> str:
        """Run dbt and return what it said; fail with that when it fails.

        What dbt has read of the project serves every road of the same variables: it takes longer than a small build.
        """
        no_unit_tests = [NO_UNIT_TESTS] if command == "build" else []
        # of an option given twice, the last one counts
        words = [command, "--no-write-json", "--log-level-file=none", *no_unit_tests, *arguments]
        read = self.folder / "target" / "partial_parse.msgpack"
        given = json.dumps([self.run_date.isoformat(), variables])
        kept = self.folder.parent / f"{hashlib.sha256(given.encode()).hexdigest()}.msgpack"
        if kept.exists():
            read.parent.mkdir(exist_ok=True)
            shutil.copy(kept, read)
        options = dbt_arguments(self.folder, self.run_date, *words, **(variables or {}))
        finished = ran_dbt([*options, f"--profiles-dir={self._dbt_folder}"], self.folder)
        if read.exists():
            shutil.copy(read, kept)
        assert finished.code == 0, finished.said
        return finished.said

    @property
    def _dbt_folder(self) -> Path:
        return self.folder / "dbt"

    def _write_profiles(self) -> None:
        """Write csc-submit's profile, and one for dbt that is the same in every folder."""
        write_profile(self.folder, self.database)
        self._dbt_folder.mkdir(exist_ok=True)
        write_profile(self._dbt_folder, Path(DATABASE_NAME))

    def build(self, variables: dict[str, object] | None = None) -> str:
        """Build every model and the seed, without testing the data: that takes most of the time."""
        return self.dbt("build", "--exclude-resource-type=test", variables=variables)

    def build_again(self) -> str:
        """Build again those models that may change."""
        return self.dbt("run", *BUT_WHAT_STAYS)

    def copied(self, folder: Path) -> Road:
        """Return the same authority, as it is now, in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copy = Road(folder, self.run_date)
        copy._write_profiles()
        return copy

    def submit(self, receiver: RunningReceiver, config: ReceiverConfig | None = None) -> int:
        """Run csc-submit against a stand-in and return its exit code."""
        environment = {**submit_environment(receiver, config or ReceiverConfig()), "CSC_BACKOFF_SECONDS": "0"}
        finished = subprocess.run(
            submit_command(self.folder), env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert "Traceback" not in finished.stderr, finished.stderr
        return finished.returncode

    def state(self) -> list[tuple[Any, ...]]:
        """Return every row of the state table, whole."""
        return self.execute(f"select * from {STATE} order by person_id")

    def pending(self) -> set[str]:
        return {row[0] for row in self.execute(f"select person_id from {STATE} where submission_status = 'pending'")}

    def payloads(self) -> dict[str, Any]:
        return {row[0]: json.loads(row[1]) for row in self.execute("select person_id, json_payload from csc.payload")}


def environment_without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("CSC_", "DBT_"))}
