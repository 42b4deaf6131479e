"""Reads as much T-SQL as the script needs: where the final select begins, what its columns are, where batches end."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\[[^\]]*\]|\"[^\"]*\"|(?P<open>\()|(?P<close>\))|(?P<word>\w+|,)", re.DOTALL
)
_COLUMN = re.compile(
    r"cast\s*\((?P<value>.*)\s+as\s+(?P<type>\w+(?:\([\w, ]+\))?)\s*\)\s+as\s+(?P<name>\w+)", re.DOTALL
)
_AFTER_COLUMNS = {"from", "where", "group", "having", "union", "order"}


@dataclass(frozen=True)
class Column:
    """A column of a table and its T-SQL type."""

    name: str
    type: str


def _top_level(sql: str) -> Iterator[tuple[str, int]]:
    """Yield each word and comma that is in no parentheses, text, quoted name or comment, with its place."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth == 0 and token["word"]:
            yield token["word"].lower(), token.start()


def _final_select(sql: str) -> tuple[int, list[int], int]:
    """Return where the final select's columns begin, the commas between them, and where they end."""
    start = -1
    commas: list[int] = []
    for word, place in _top_level(sql):
        if start < 0:
            start = place + len(word) if word == "select" else -1
        elif word == ",":
            commas.append(place)
        elif word in _AFTER_COLUMNS:
            return start, commas, place
    if start < 0:
        raise ConfigurationError(f"A model has no select of its own: {sql[:60]!r}.", "Write it as a plain query.")
    return start, commas, len(sql)


def with_into(sql: str, target: str) -> str:
    """Turn a query into one that makes the table `target`."""
    _, _, end = _final_select(sql)
    return f"{sql[:end].rstrip()}\ninto {target}\n{sql[end:]}".rstrip()


def typed_columns(sql: str) -> list[Column]:
    """Return the columns of a query of which every column is `cast(... as type) as name`."""
    start, commas, end = _final_select(sql)
    columns = []
    for first, last in zip([start, *(comma + 1 for comma in commas)], [*commas, end], strict=True):
        text = sql[first:last].strip()
        column = _COLUMN.fullmatch(text)
        if column is None:
            raise ConfigurationError(
                f"A column of a table that is kept has no type: {text[:60]!r}.",
                "Write it as cast(... as type) as name.",
            )
        columns.append(Column(column["name"], column["type"]))
    return columns


def tidy(sql: str) -> str:
    """Take away what rendering leaves: a margin, blanks at line ends, empty lines around and more than one between."""
    lines = "\n".join(line.rstrip() for line in sql.splitlines()).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", textwrap.dedent(lines))


def indented(sql: str) -> str:
    """Move a text four blanks to the right."""
    return re.sub(r"^(?=.)", "    ", sql, flags=re.MULTILINE)


def batches(script: str) -> list[str]:
    """Split a script at its GO lines, as sqlcmd and SSMS do."""
    return [batch.strip() for batch in re.split(r"^GO$", script, flags=re.MULTILINE) if batch.strip()]
