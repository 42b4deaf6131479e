"""dbt in this process: to import it anew takes longer than a small run."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dbt.contracts.graph.manifest import Manifest

# For a run that builds again: views stay as they are, and preflight holds nobody back.
BUT_WHAT_STAYS = ("--exclude", "path:models/staging", "path:models/preflight")


@dataclass(frozen=True)
class Finished:
    """What a command said, and how it ended; of dbt in this process, also what it returned."""

    code: int
    said: str
    result: Any = None


def ran_dbt(arguments: Sequence[str], folder: Path, manifest: Manifest | None = None) -> Finished:
    """Run dbt as from the command line, in a folder, with what follows the word dbt; leave no file open.

    The manifest that an earlier run read, of the same project and variables, spares reading the project again.
    """
    said: list[str] = []

    def hear(event: Any) -> None:  # noqa: ANN401 - dbt generates the class
        if event.info.level != "debug":
            said.append(event.info.msg)

    before = os.getcwd()  # noqa: PTH109 - to come back to, whatever it is
    os.chdir(folder)
    gc.disable()  # what dbt makes lives as long as its run: to look for garbage takes a quarter of that
    try:
        ended = dbtRunner(manifest, [hear]).invoke(["--quiet", "--no-use-colors", *arguments])
    finally:
        gc.enable()
        os.chdir(before)
        reset_adapters()  # type: ignore[no-untyped-call]
        _close_database()
    if ended.exception:
        said.append(str(ended.exception))
    return Finished(0 if ended.success else 1, "\n".join(said), ended.result)


def _close_database() -> None:
    """Let go of the DuckDB file, which dbt keeps open for as long as its process lives."""
    environment = DuckDBConnectionManager._ENV  # noqa: SLF001 - dbt's own way to close only forgets it
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if environment is not None:
        environment.close()
