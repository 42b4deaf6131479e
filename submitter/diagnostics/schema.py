"""The SSD against what the models read of it: tables, columns, families of type."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import yaml

from submitter.connection import Statement
from submitter.errors import ConfigurationError, ExitCode
from submitter.reference import attributes, column_use

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from submitter.connection import Connection
    from submitter.diagnostics.report import Report
    from submitter.reference import ColumnUse

_FAMILIES = {
    "text": ("char", "varchar", "nchar", "nvarchar", "text", "ntext", "sysname"),
    "date": ("date", "datetime", "datetime2", "smalldatetime", "datetimeoffset", "timestamp"),
    "number": (
        *(
            "tinyint",
            "smallint",
            "int",
            "integer",
            "bigint",
            "hugeint",
            "decimal",
            "numeric",
            "float",
            "real",
            "double",
        ),
        *("money", "smallmoney"),
    ),
}
# Capitals: a database that tells them apart knows these names by no others.
_COLUMNS = "select TABLE_NAME, COLUMN_NAME, DATA_TYPE from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = ?"


def dbt_variables(project: Path) -> Mapping[str, Any]:
    """Return the variables of `dbt_project.yml`; those given to dbt with --vars are not among them.

    Raises ConfigurationError when the file cannot be read.
    """
    path = project / "dbt_project.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read.", "Give --project-dir the project's folder.") from error
    variables = (content or {}).get("vars") or {}
    own = variables.get(str(content.get("name")))
    return {**variables, **own} if isinstance(own, dict) else variables


def check_schema(connection: Connection, schema: str, absent: Collection[str], report: Report) -> None:
    """Tell of each SSD table whether it has what the models read. Tables in `absent` may be missing.

    Raises DatabaseError when the database cannot be asked.
    """
    rows = connection.transaction(Statement(_COLUMNS, [schema]))
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(str(table).lower(), {})[str(column).lower()] = str(kind).lower()
    declared = {table.lower() for table in absent}
    unknown = declared - {use.table for use in column_use()}
    if unknown:
        raise ConfigurationError(
            f"Declared absent, but read by no model: {', '.join(sorted(unknown))}.", "Check csc_absent_tables."
        )
    if not any(use.table in found for use in column_use()):
        report.failed(
            f"schema {schema}",
            "no SSD table can be seen. Check csc_ssd_schema, and that this is the login that runs dbt: csc-submit's "
            "own need not see them.",
            ExitCode.DATABASE,
        )
        return
    for table, uses in groupby(column_use(), lambda use: use.table):
        if table in declared:
            there = " It is there; take it off the list if it is to be sent." if table in found else ""
            report.note(table, f"declared absent: attributes {_attributes(uses)} are left out.{there}")
        elif table not in found:
            report.failed(
                table,
                f"the table is missing; attributes {_attributes(uses)} need it. Make it, or declare it absent "
                "(csc_absent_tables).",
                ExitCode.DATABASE,
            )
        else:
            _check_table(table, list(uses), found[table], report)


def _check_table(table: str, uses: list[ColumnUse], found: Mapping[str, str], report: Report) -> None:
    wrong = 0
    for use in uses:
        kind = found.get(use.column)
        if kind is None:
            reason = f"the column is missing; {_needed(use)}."
        elif not use.families & {family_of(kind)}:
            reason = f"is {kind}, and must be a {' or '.join(sorted(use.families))}; {_needed(use)}."
        else:
            continue
        wrong += 1
        report.failed(f"{table}.{use.column}", reason, ExitCode.DATABASE)
    if not wrong:
        report.ok(table, f"{len(uses)} columns")


def family_of(kind: str) -> str:
    """Return the family of a type's name (`timestamp with time zone`, `decimal(9,2)`); the name itself if of none."""
    name = kind.lower().split("(")[0].split(" ")[0]
    return next((family for family, names in _FAMILIES.items() if name in names), name)


def _needed(use: ColumnUse) -> str:
    if use.attributes == "all":
        return "every child needs it"
    return f"attributes {use.attributes.replace(';', ', ')} need it"


def _attributes(uses: Iterable[ColumnUse]) -> str:
    """Name the attributes of some columns, each once, as the specification orders them."""
    needed = frozenset[str]().union(*(use.needed_by() for use in uses))
    known = [attribute.number for attribute in attributes()]
    return "all" if needed >= set(known) else ", ".join(number for number in known if number in needed)
