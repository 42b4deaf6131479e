"""Writes what a command found as a CSV file that spreadsheets read as it is meant."""

from __future__ import annotations

import csv
from dataclasses import astuple, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A spreadsheet takes a cell that begins so for a formula and works it out.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(file: Path, kind: type[Any], rows: Iterable[object]) -> int:
    """Write dataclass instances of one kind, a line each under the names of its fields; return how many.

    UTF-8 with the mark by which Excel knows it, times as YYYY-MM-DD HH:MM:SS.mmm. Raises ConfigurationError when the
    file cannot be written.
    """
    written = 0
    try:
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(field.name for field in fields(kind))
            for row in rows:
                writer.writerow(_cell(value) for value in astuple(row))  # type: ignore[call-overload]
                written += 1
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.", "Give another --csv.") from error
    return written


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value
