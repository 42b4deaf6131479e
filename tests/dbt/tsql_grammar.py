"""Microsoft's own T-SQL grammar, as the package maxdop carries it."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("2017", "2019", "2022", "2025")


def _program() -> str:
    found = shutil.which("maxdop", path=sysconfig.get_path("scripts")) or shutil.which("maxdop")
    assert found, "maxdop is not installed: run python bootstrap.py test"
    return found


def refused(folder: Path, version: str) -> dict[str, str]:
    """Return the files of a folder that the grammar of a version cannot parse, each with its complaint."""
    config = folder / ".maxdop.json"
    config.write_text('{"initialQuotedIdentifiers": true}', encoding="utf-8")
    finished = subprocess.run(
        [_program(), "--check", "--parser-version", version, "--config", str(config), str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    complaints = {}
    for line in finished.stderr.splitlines():
        if "could not be parsed" in line:
            name, complaint = line.removeprefix("maxdop: ").split(": could not be parsed", 1)
            complaints[name.replace("\\", "/").rsplit("/", 1)[-1]] = complaint
        else:
            assert line.endswith("would be reformatted"), line
    return complaints
