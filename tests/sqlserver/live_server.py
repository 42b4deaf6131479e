"""A database of its own on a live TDS server: SSD tables, real dbt, real csc-submit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_here import Finished
from dbt_project_runner import copied_project

from submitter.odbc import parts_of, text_of, with_driver
from submitter.project_files import project_root
from submitter.receiver.app import ReceiverConfig
from submitter.reference import ssd_tables
from submitter.trial.demo import NO_UNIT_TESTS, submit_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from submitter.receiver.serve import RunningReceiver
    from submitter.trial.ssd import Record

CSC = "csc"
SSD = "ssd"
# Babelfish for PostgreSQL, which speaks T-SQL, lacks some words of dbt-sqlserver's own macros.
BABELFISH_OVERRIDES = Path(__file__).parent / "babelfish" / "overrides.sql"
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True)
class Login:
    """Who connects."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class LiveDatabase:
    """One authority's database on the server, and a folder for what dbt writes."""

    parts: Mapping[str, str] = field(repr=False)
    name: str
    folder: Path

    def connection_string(self, login: Login | None = None, changes: Mapping[str, str] | None = None) -> str:
        """Return the ODBC connection string of this database, under another login if one is given."""
        who = {"UID": login.user, "PWD": login.password} if login else {}
        return text_of({**self.parts, "DATABASE": self.name, **who, **(changes or {})})

    @contextmanager
    def connected(self, login: Login | None = None) -> Iterator[Any]:
        """Open a session that commits each statement; yield its cursor."""
        import pyodbc  # noqa: PLC0415 - needs the system's ODBC

        connection = pyodbc.connect(self.connection_string(login), autocommit=True, timeout=30)
        try:
            yield connection.cursor()
        finally:
            connection.close()

    def execute(self, sql: str, parameters: Sequence[object] = (), login: Login | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self.connected(login) as cursor:
            cursor.execute(sql, *parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def create(self, name: str) -> None:
        """Make a database. Some servers cannot make two at the same moment."""
        for seconds in (1, 3, 10, 30, None):
            try:
                self.execute(f"create database {name}")
            except Exception:  # noqa: PERF203 - a database a module
                if seconds is None:
                    raise
                time.sleep(seconds)
            else:
                return

    @cached_property
    def is_babelfish(self) -> bool:
        return "Babelfish" in self.execute("select @@version")[0][0]

    def make_ssd_tables(self) -> None:
        """Have the nineteen SSD tables, empty, as SQL Server has them, without keys: real extracts hold duplicates."""
        if not self.execute(f"select 1 where schema_id(N'{SSD}') is not null"):
            self.execute(f"create schema {SSD}")
        for table, columns in ssd_tables().items():
            definition = ", ".join(f"[{column.name}] {column.type} null" for column in columns)
            if not self.execute(f"select 1 where object_id(N'{SSD}.{table}') is not null"):
                self.execute(f"create table {SSD}.{table} ({definition})")
        self.empty_ssd_tables()

    def empty_ssd_tables(self) -> None:
        """Remove every row of the SSD tables."""
        for table in ssd_tables():
            self.execute(f"truncate table {SSD}.{table}")

    def load(self, records: Iterable[Record]) -> None:
        """Add records to the SSD tables."""
        waiting: dict[str, list[Record]] = defaultdict(list)
        with self.connected() as cursor:
            cursor.fast_executemany = True
            for record in records:
                waiting[record.table].append(record)
                if len(waiting[record.table]) == _ROWS_AT_ONCE:
                    _insert(cursor, record.table, waiting.pop(record.table))
            for table, rows in waiting.items():
                _insert(cursor, table, rows)

    @cached_property
    def project(self) -> Path:
        """The project; on Babelfish a copy with the overrides."""
        if not self.is_babelfish:
            return project_root()
        project = self.folder / "project"
        project.mkdir()
        copied_project(project_root(), project)
        (project / "macros" / "babelfish.sql").write_text(
            BABELFISH_OVERRIDES.read_text(encoding="utf-8"), encoding="utf-8"
        )
        return project

    def write_profile(self, login: Login | None = None, schema: str = CSC) -> Path:
        """Write the dbt profile of this database and return its folder."""
        host, _, port = self.parts["SERVER"].removeprefix("tcp:").partition(",")
        trusted = self.parts.get("TRUSTSERVERCERTIFICATE", "no").lower() == "yes"
        output = {
            "type": "sqlserver",
            "driver": self.parts["DRIVER"],
            "host": host,
            "port": int(port or 1433),
            "database": self.name,
            "schema": schema,
            "user": login.user if login else self.parts["UID"],
            "password": login.password if login else self.parts["PWD"],
            "encrypt": self.parts.get("ENCRYPT", "yes").lower() != "no",
            "trust_cert": trusted,
            "threads": 2,
        }
        (self.folder / "profiles.yml").write_text(
            json.dumps({"csc": {"target": "sqlserver", "outputs": {"sqlserver": output}}}), encoding="utf-8"
        )
        return self.folder

    def dbt(self, *arguments: str, run_date: date, login: Login | None = None, **variables: object) -> Finished:
        """Run dbt on this database."""
        self.write_profile(login)
        if self.is_babelfish:  # it says compatibility level 120, and has openjson
            variables = {"csc_payload_mode": "delta", **variables}
        no_unit_tests = [NO_UNIT_TESTS] if "build" in arguments else []
        return _ran(
            [
                *(sys.executable, "-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
                *("--no-use-colors", *arguments, *no_unit_tests),
                *(f"--project-dir={self.project}", f"--profiles-dir={self.folder}"),
                *(f"--target-path={self.folder / 'target'}", f"--log-path={self.folder / 'logs'}"),
                *("--vars", json.dumps({"csc_ssd_schema": SSD, "csc_run_date": run_date.isoformat(), **variables})),
            ],
            {**os.environ},
        )

    def must_dbt(self, *arguments: str, run_date: date, login: Login | None = None, **variables: object) -> str:
        """Run dbt and return what it said; fail with that when it fails."""
        finished = self.dbt(*arguments, run_date=run_date, login=login, **variables)
        assert finished.code == 0, finished.said
        return finished.said

    def submit(
        self, receiver: RunningReceiver, *arguments: str, login: Login | None = None, schema: str = CSC
    ) -> Finished:
        """Run csc-submit over the dbt profile against a stand-in."""
        return _ran(
            self.submit_command(*arguments, login=login, schema=schema),
            {**submit_environment(receiver, ReceiverConfig()), "CSC_BACKOFF_SECONDS": "0"},
        )

    def submit_command(self, *arguments: str, login: Login | None = None, schema: str = CSC) -> list[str]:
        """Write the dbt profile and return the command of a run that knows no other settings."""
        return self._command("run", "--env-file", str(self.folder / "no.env"), *arguments, login=login, schema=schema)

    def csc_submit(
        self,
        *arguments: str,
        login: Login | None = None,
        schema: str = CSC,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a command that takes its database from the dbt profile."""
        return _ran(self._command(*arguments, login=login, schema=schema), environment or os.environ)

    def _command(self, *arguments: str, login: Login | None, schema: str) -> list[str]:
        profiles = self.write_profile(login, schema)
        where = ("--project-dir", str(project_root()), "--profiles-dir", str(profiles))
        return [sys.executable, "-m", "submitter", *arguments, *where]

    @staticmethod
    def command(*arguments: str) -> Finished:
        """Run a command that needs no database."""
        return _ran([sys.executable, "-m", "submitter", *arguments], os.environ)


def _ran(command: Sequence[str], environment: Mapping[str, str]) -> Finished:
    finished = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, encoding="utf-8", check=False
    )
    said = finished.stdout + finished.stderr
    assert "Traceback" not in said, said
    return Finished(finished.returncode, said)


def _insert(
    cursor: Any,  # noqa: ANN401 - pyodbc has no types
    table: str,
    records: Sequence[Record],
) -> None:
    columns = [column.name for column in ssd_tables()[table]]
    names = ", ".join(f"[{name}]" for name in columns)
    marks = ", ".join("?" for _ in columns)
    rows = [tuple(_text_or_value(record.values.get(name)) for name in columns) for record in records]
    cursor.executemany(f"insert into {SSD}.{table} ({names}) values ({marks})", rows)


def _text_or_value(value: object) -> object:
    # pyodbc decides a column's type by its first value, and None says nothing: text converts to anything.
    return None if value is None else str(value)


@contextmanager
def made_database(server: str, folder: Path) -> Iterator[LiveDatabase]:
    """Make a database on the server, and drop it at the end."""
    import pyodbc  # noqa: PLC0415 - needs the system's ODBC

    parts = with_driver(parts_of(server), pyodbc.drivers())
    name = f"csc_test_{uuid.uuid4().hex[:12]}"
    master = LiveDatabase(parts, parts.get("DATABASE", "master"), folder)
    master.create(name)
    try:
        yield LiveDatabase(parts, name, folder)
    finally:
        _drop(master, name)


def _drop(master: LiveDatabase, name: str) -> None:
    if not master.is_babelfish:
        master.execute(f"alter database {name} set single_user with rollback immediate")
    master.execute(f"drop database {name}")


def seconds_of_models(said: str) -> dict[str, float]:
    """Return what each model took, from what `dbt run` said."""
    found = re.findall(r"\d+ of \d+ OK created sql \w+ model \w+\.(\w+) \.*.* in ([0-9.]+)s", said)
    return {name: float(seconds) for name, seconds in found}
