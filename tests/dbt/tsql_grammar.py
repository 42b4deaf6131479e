"""Microsoft's own T-SQL grammar, as the package maxdop carries it, and what SQL Server refuses beyond it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SAID = r"maxdop: (?P<file>.+)\.sql(?: would be reformatted|: could not be parsed(?P<why>.*))"
VERSIONS = ("2017", "2019", "2022", "2025")
OLDER_VERSIONS = ("2012", "2014", "2016")
AGGREGATE = r"\b(string_agg|max|min|sum|avg|count|count_big|stdev|var|checksum_agg)\s*\("


def _program() -> str:
    found = shutil.which("maxdop", path=sysconfig.get_path("scripts")) or shutil.which("maxdop")
    assert found, "maxdop is not installed: run python bootstrap.py test"
    return found


def refused(folder: Path, version: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that the grammar of a version cannot parse, by name, each with its complaint.

    The program is a formatter. It speaks of a file that it cannot parse, and of one that it would format; it is silent
    of one that it did not read. Every text gets a line that no formatter leaves alone, so that silence is an error.
    """
    config = folder / ".maxdop.json"
    config.write_text('{"initialQuotedIdentifiers": true}', encoding="utf-8")
    place = folder / version
    place.mkdir(exist_ok=True)
    for name, text in texts.items():
        (place / f"{name}.sql").write_text(f"  \n\n\n\n{text}", encoding="utf-8")
    finished = subprocess.run(
        [_program(), "--check", "--parser-version", version, "--config", str(config), str(place)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    spoken_of = set()
    complaints = {}
    for line in finished.stderr.splitlines():
        said = re.fullmatch(SAID, line)
        assert said, line
        name = re.split(r"[\\/]", said["file"])[-1]
        spoken_of.add(name)
        if said["why"] is not None:
            complaints[name] = said["why"]
    assert spoken_of == set(texts), sorted(set(texts) - spoken_of)
    return complaints


def without_comments_and_texts(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", "", sql, flags=re.DOTALL)


def aggregates_over_subqueries(sql: str) -> list[str]:
    """Name each aggregate whose argument holds a subquery or an aggregate.

    The grammar takes it, SQL Server does not (message 130). An aggregate over a window may hold one of a group.
    """
    text = without_comments_and_texts(sql)
    found = []
    for aggregate in re.finditer(AGGREGATE, text, flags=re.IGNORECASE):
        depth = 1
        end = aggregate.end()
        while depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        argument = text[aggregate.end() : end - 1]
        over = re.match(r"\s*over\b", text[end:], flags=re.IGNORECASE)
        if re.search(r"\bselect\b" + ("" if over else f"|{AGGREGATE}"), argument, flags=re.IGNORECASE):
            found.append(aggregate[1])
    return found
