"""csc-submit in a process of its own, forked from one that has imported it: that takes longer than a small run."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import ForkServerContext, SpawnContext

# Installed packages alone: the server does not look where the tests are, and is silent on what it does not find.
_IMPORTED = ["duckdb", "rich.progress", "submitter.audit.commands", "submitter.cli"]


@dataclass(frozen=True)
class Finished:
    """What a run of the command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def forking() -> ForkServerContext | SpawnContext:
    """Return where processes come from: a server that has imported what a run needs, or Python anew on Windows."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def csc_submit(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Finished:
    """Run the command in a folder with nothing but this environment."""
    with tempfile.TemporaryDirectory() as name:
        out, err = Path(name) / "out", Path(name) / "err"
        process = forking().Process(target=_command, args=(list(arguments), folder, dict(environment), out, err))
        process.start()
        process.join()
        assert process.exitcode is not None
        return Finished(process.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _command(arguments: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    from submitter.cli import main  # noqa: PLC0415 - on Windows nothing is imported yet

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["csc-submit", *arguments]
    main()
