"""The database that histories are played on: SSD tables, dbt, the submitter's own connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
from dbt_here import ran_dbt

from submitter.connection import opened
from submitter.dbt_profile import DuckDbTarget
from submitter.trial import ssd
from submitter.trial.demo import dbt_arguments, write_profile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dbt.contracts.graph.manifest import Manifest

    from submitter.connection import Connection
    from submitter.trial.ssd import Record

RUN_DATE = date(2026, 3, 15)


class Engine(Protocol):
    """What the law needs of a database."""

    def start(self) -> None:
        """Make the SSD tables; nothing was built or sent."""
        ...

    def fill(self, records: Iterable[Record]) -> None:
        """Let the SSD tables hold these records and no others."""
        ...

    def dbt(self, *arguments: str) -> None:
        """Run dbt; fail with what it said when it fails."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query gives."""
        ...

    def connected(self) -> AbstractContextManager[Connection]:
        """Open the submitter's own connection."""
        ...


@dataclass
class DuckDbEngine:
    """A DuckDB file."""

    folder: Path
    directory: Path | None = None  # another project than this one
    variables: dict[str, object] = field(default_factory=dict)
    _manifest: Manifest | None = None

    @property
    def _database(self) -> Path:
        return self.folder / "children.duckdb"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        write_profile(self.folder, self._database)
        with duckdb.connect(str(self._database)) as connection:
            for schema in ("csc", "ssd"):
                connection.execute(f"drop schema if exists {schema} cascade")
            ssd.create_tables(connection, "ssd")
        if self._manifest is None:  # dbt reads the project once, for all runs
            self._manifest = self._ran(None, "parse")

    def fill(self, records: Iterable[Record]) -> None:
        with duckdb.connect(str(self._database)) as connection:
            for (table,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'ssd'"
            ).fetchall():
                connection.execute(f"delete from ssd.{table}")
            ssd.load(connection, "ssd", records)

    def dbt(self, *arguments: str) -> None:
        self._ran(self._manifest, *arguments)

    def _ran(self, manifest: Manifest | None, *arguments: str) -> Any:  # noqa: ANN401 - as dbt has it
        words = dbt_arguments(
            self.folder, RUN_DATE, "--no-write-json", "--log-level-file=none", *arguments, **self.variables
        )
        # of an option given twice, the last one counts
        project = [f"--project-dir={self.directory}"] if self.directory else []
        finished = ran_dbt([*words, *project], self.folder, manifest)
        assert finished.code == 0, finished.said
        return finished.result

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self._database)) as connection:
            return connection.execute(sql).fetchall()

    def connected(self) -> AbstractContextManager[Connection]:
        return opened(DuckDbTarget(self._database, "csc"), None)
