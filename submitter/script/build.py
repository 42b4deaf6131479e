"""Puts the script together: what `dbt seed` and `dbt run` would do, as batches that a DBA can read."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from submitter import __version__
from submitter.errors import ConfigurationError
from submitter.script.compiled import compiled
from submitter.script.sql_text import indented, typed_columns, with_into

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from submitter.script.compiled import Index, Model, Project, Seed

SERVERS = (2012, 2014, 2016, 2017, 2019, 2022, 2025)
PROCEDURE = "csc_refresh"
# T-SQL takes no more rows in one `values`.
_ROWS_OF_AN_INSERT = 1000
_SESSION = """\
set nocount on;
set xact_abort on;
-- what XML methods and `null + text` need, whatever the caller's session has
set ansi_padding on;
set ansi_warnings on;
set arithabort on;
set concat_null_yields_null on;
set numeric_roundabort off;"""
# The first SQL Server whose hashbytes takes a text of any length.
_HASHBYTES_OF_ANY_LENGTH = 2016


def script(project: Path, server: int, schema: str, variables: Mapping[str, Any]) -> str:
    """Return the script for a version of SQL Server. Raises ConfigurationError."""
    if str(variables.get("csc_anonymise", False)).lower() == "true":
        raise ConfigurationError(
            "A script builds real payloads only.", "Leave csc_anonymise out; anonymised ones are made by dbt build."
        )
    return written(compiled(project, server, schema, variables), server)


def written(project: Project, server: int) -> str:
    """Return the script of a compiled project."""
    views = [model for model in project.models if model.materialized == "view"]
    kept = [model for model in project.models if model.materialized == "incremental"]
    rebuilt = [model for model in project.models if model.materialized == "table"]
    others = [model.name for model in project.models if model not in views + kept + rebuilt]
    if others:
        raise ConfigurationError(f"Not a view, table or incremental model: {', '.join(others)}.", "Change that.")
    parts = [
        _header(project, server),
        "set ansi_nulls on;\nset quoted_identifier on;",
        f"if schema_id(N'{project.schema}') is null exec (N'create schema [{project.schema}]');",
        _drops(project, views, rebuilt),
        *(part for seed in project.seeds for part in _seed(seed)),
        *(_view(view) for view in views),
        *(part for table in kept for part in _kept_table(table)),
        _procedure(project, rebuilt, kept),
    ]
    return "".join(f"{part}\nGO\n\n" for part in parts).rstrip("\n") + "\n"


def _header(project: Project, server: int) -> str:
    name = f"[{project.schema}].[{PROCEDURE}]"
    return f"""\
/*
    The objects of csc-submit {__version__} for SQL Server {server}, made without dbt.

    Builds in the schema {project.schema}; reads the Standard Safeguarding Dataset in {", ".join(project.ssd_schemas)} and never writes it.

    Run this file in the database of the SSD, once and after each upgrade of csc-submit:

        sqlcmd -S server -d database -E -b -i csc_refresh_{server}.sql

    or in SSMS. It can be run again at any time. It makes the code sets, the views and the procedure anew, so that rights
    given on them one by one are to be given again (rights on the schema stay). The tables that are kept, of which
    ssd_api_data_staging is the state, lose no row and no column by it.

    Every night, before csc-submit:

        exec {name};

    It does what `dbt run` does. When it fails, the state is as it was before, and the next run mends the rest.

{_notes(server)}    csc-submit sql-script --server {server} wrote this file. To change it, change the dbt models and write it again.
*/"""  # noqa: E501 - as long as the text makes it


def _notes(server: int) -> str:
    if server >= _HASHBYTES_OF_ANY_LENGTH:
        return ""
    return """\
    SQL Server 2012 and 2014 hash payloads over 8,000 bytes in pieces. After a change to the script of a later version,
    or back, every such child counts as updated once.

"""


def _comment(title: str, description: str) -> str:
    return textwrap.fill(f"{title}: {description}", 116, initial_indent="-- ", subsequent_indent="-- ")


def _seed(seed: Seed) -> Iterator[str]:
    columns = "\n    , ".join(f"{column.name} {column.type} null" for column in seed.columns)
    yield (f"{_comment(seed.name, seed.description)}\ncreate table {seed.relation} (\n    {columns}\n);")
    names = ", ".join(column.name for column in seed.columns)
    for start in range(0, len(seed.rows), _ROWS_OF_AN_INSERT):
        rows = [f"({', '.join(map(_literal, row))})" for row in seed.rows[start : start + _ROWS_OF_AN_INSERT]]
        yield f"insert into {seed.relation} ({names})\nvalues\n    " + "\n    , ".join(rows) + ";"


def _literal(value: str) -> str:
    """Write a seed's value as T-SQL; an empty one is null, as in dbt."""
    return "N'" + value.replace("'", "''") + "'" if value else "null"


def _drop(kind: str, relation: str) -> str:
    code = {"procedure": "P", "view": "V", "table": "U"}[kind]
    return f"if object_id(N'{relation}', N'{code}') is not null\n    drop {kind} {relation};"


def _drops(project: Project, views: list[Model], rebuilt: list[Model]) -> str:
    return "\n".join(
        (
            f"-- What is made anew. The tables that {PROCEDURE} rebuilds are among it: a procedure must know the",
            "-- columns of a table that is there, and one of an earlier version would be in the way.",
            _drop("procedure", f"[{project.schema}].[{PROCEDURE}]"),
            *(_drop("table", table.relation) for table in reversed(rebuilt)),
            *(_drop("view", view.relation) for view in reversed(views)),
            *(_drop("table", seed.relation) for seed in project.seeds),
        )
    )


def _view(view: Model) -> str:
    return f"{_comment(view.name, view.description)}\ncreate view {view.relation} as\n{view.sql};"


def _kept_table(table: Model) -> Iterator[str]:
    columns = typed_columns(table.sql)
    keys = {column for index in table.indexes if index.clustered and index.unique for column in index.columns}
    lines = [f"{column.name} {column.type} {'not null' if column.name in keys else 'null'}" for column in columns]
    yield (
        f"{_comment(table.name, table.description)}\n"
        f"if object_id(N'{table.relation}', N'U') is null\n"
        f"create table {table.relation} (\n    " + "\n    , ".join(lines) + "\n);"
    )
    yield "-- what a table of an earlier version, or of an earlier pipeline, lacks\n" + "\n".join(
        f"if col_length(N'{table.relation}', N'{column.name}') is null\n"
        f"    alter table {table.relation} add {column.name} {column.type} null;"
        for column in columns
    )
    yield "\n".join(_missing_index(table, index) for index in table.indexes)


def _missing_index(table: Model, index: Index) -> str:
    """Write an index that is made unless another one begins with the same column, whoever made that."""
    conditions = [
        f"object_id = object_id(N'{table.relation}')",
        "key_ordinal = 1",
        f"col_name(object_id, column_id) = N'{index.columns[0]}'",
    ]
    guard = f"if not {_exists('sys.index_columns', conditions)}"
    if index.clustered:
        guard += f"\nand not {_exists('sys.indexes', [conditions[0], 'type = 1'])}"
    return f"{guard}\n    {_create_index(table, index)}"


def _exists(view: str, conditions: list[str]) -> str:
    where = "\n        and ".join(conditions)
    return f"exists (\n    select 1\n    from {view}\n    where {where}\n)"  # noqa: S608 - our own words


def _index_name(table: Model, index: Index) -> str:
    return "_".join(["ix", table.name, *index.columns])


def _create_index(table: Model, index: Index) -> str:
    kind = f"{'unique ' if index.unique else ''}{'clustered' if index.clustered else 'nonclustered'}"
    return f"create {kind} index [{_index_name(table, index)}] on {table.relation} ({', '.join(index.columns)});"


def _procedure(project: Project, rebuilt: list[Model], kept: list[Model]) -> str:
    steps = [
        _SESSION,
        *(_rebuild(table) for table in rebuilt),
        *([_stop(project)] if project.stops_on_breach else []),
        *(_keep(project, table) for table in kept if not _is_empty(table)),
    ]
    if project.retention_sql:
        steps.append(f"-- the audit trail: what is older than it is to be\n{project.retention_sql}")
    return (
        "-- What `dbt run` does: every table in its turn, then the state.\n"
        f"create procedure [{project.schema}].[{PROCEDURE}]\nas\nbegin\n" + indented("\n\n".join(steps)) + "\nend;"
    )


def _stop(project: Project) -> str:
    """Write what the tests of preflight do in `dbt build` where csc_on_breach says stop."""
    issue = f"[{project.schema}].[preflight_issue]"
    conditions = ["severity = N'error'", "is_in_cohort = 1"]
    return (
        "-- csc_on_breach: stop\n"
        f"if {_exists(issue, conditions)}\n"
        "    throw 50000, N'Children of the cohort break preflight rules of severity error: see preflight_summary. "
        "The state is as it was.', 1;"
    )


def _rebuild(table: Model) -> str:
    return "\n".join(
        (
            _comment(table.name, table.description),
            _drop("table", table.relation),
            with_into(table.sql, table.relation) + ";",
            *(_create_index(table, index) for index in table.indexes),
        )
    )


def _is_empty(table: Model) -> bool:
    """Whether a model only makes a table that others fill."""
    return table.sql.endswith("where 1 = 0")


def _keep(project: Project, table: Model) -> str:
    if table.strategy != "csc_state":
        raise ConfigurationError(
            f"The model {table.name} has the incremental strategy {table.strategy}.", "The script knows csc_state only."
        )
    return (
        f"-- {table.name}: the rows that change, then all of them in one transaction\n"
        f"{with_into(table.sql, project.changed)};\n\n{project.state_sql}"
    )
