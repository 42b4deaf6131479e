"""dbt in a process of its own, forked from one that has imported it: importing takes longer than a small run."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dbt.adapters.duckdb  # noqa: F401 - so that the server has it
from dbt.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerContext, SpawnContext


@dataclass(frozen=True)
class Finished:
    """What a command said, on both streams, and how it ended."""

    code: int
    said: str


def forking() -> ForkServerContext | SpawnContext:
    """Return where processes come from: a server that has imported what the tests run, or Python anew on Windows."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dbt_process", "kill_driver"])
    return context


def ran_dbt(arguments: Sequence[str], folder: Path) -> Finished:
    """Run dbt as from the command line, in a folder."""
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "output"
        process = forking().Process(target=_dbt, args=(list(arguments), folder, output))
        process.start()
        process.join()
        assert process.exitcode is not None
        return Finished(process.exitcode, output.read_text(encoding="utf-8"))


def _dbt(arguments: list[str], folder: Path, output: Path) -> None:
    os.chdir(folder)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    cli(arguments, prog_name="dbt")
