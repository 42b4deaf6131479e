"""The published facts the product is built on: payload attributes, code sets, patterns, SSD tables.

One copy each: the stand-in receiver's JSON Schema, the trial loaders and the tests all read these files.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from submitter.project_files import project_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Attribute:
    """One attribute of the payload, as the specification numbers it.

    `path` is dotted, `[]` marks an array: `social_care_episodes[].adoption.matched_date`. `values` names a
    pattern (`id`, `upn`, `postcode`), a code set, an integer range (`0..40`), or is empty.
    """

    number: str
    path: str
    type: str
    max_length: int | None
    mandatory: bool
    values: str
    ssd_source: str
    rule: str


@dataclass(frozen=True)
class SsdColumn:
    """A column of an SSD table, with the type of the SQL Server build."""

    table: str
    name: str
    type: str
    primary_key: bool


@dataclass(frozen=True)
class ColumnUse:
    """A column of the SSD that the models read: the families of type it may have, and what of the payload needs it.

    `families` are of `text`, `date`, `number`. `attributes` are the specification's numbers, with ranges, or `all`.
    """

    table: str
    column: str
    families: frozenset[str]
    attributes: str

    def needed_by(self) -> frozenset[str]:
        """Return the attribute numbers, each by itself."""
        known = [attribute.number for attribute in attributes()]
        if self.attributes == "all":
            return frozenset(known)
        found: set[str] = set()
        for part in self.attributes.split(";"):
            first, _, last = part.partition("-")
            found |= {str(number) for number in range(int(first), int(last) + 1)} if last else {first}
        return frozenset(found)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def attributes() -> Sequence[Attribute]:
    """Return every payload attribute in the specification's order."""
    return tuple(
        Attribute(
            number=row["no"],
            path=row["path"],
            type=row["type"],
            max_length=int(row["max_length"]) if row["max_length"] else None,
            mandatory=row["mandatory"] == "yes",
            values=row["values"],
            ssd_source=row["ssd_source"],
            rule=row["rule"],
        )
        for row in _rows(_HERE / "payload_attributes.csv")
    )


@cache
def patterns() -> Mapping[str, str]:
    """Return the regular expression of each named pattern."""
    return {row["name"]: row["pattern"] for row in _rows(_HERE / "patterns.csv")}


@cache
def code_sets() -> Mapping[str, Sequence[str]]:
    """Return the codes of each code set, read from the dbt seed that the models use too."""
    sets: dict[str, list[str]] = {}
    for row in _rows(project_root() / "dbt_project" / "seeds" / "code_set.csv"):
        sets.setdefault(row["code_set"], []).append(row["code"])
    return {name: tuple(codes) for name, codes in sets.items()}


@cache
def ssd_tables() -> Mapping[str, Sequence[SsdColumn]]:
    """Return the columns of each of the nineteen SSD tables that the models read."""
    tables: dict[str, list[SsdColumn]] = {}
    for row in _rows(_HERE / "ssd_schema.csv"):
        column = SsdColumn(row["table"], row["column"], row["type"], row["key"] == "primary")
        tables.setdefault(column.table, []).append(column)
    return {name: tuple(columns) for name, columns in tables.items()}


@cache
def column_use() -> Sequence[ColumnUse]:
    """Return every column that the models read, in the order of `models/staging/ssd.yml`."""
    return tuple(
        ColumnUse(row["table"], row["column"], frozenset(row["families"].split(";")), row["attributes"])
        for row in _rows(_HERE / "ssd_column_use.csv")
    )
