"""The dbt project compiled for one version of SQL Server; no server is asked."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from submitter.errors import ConfigurationError
from submitter.script.sql_text import Column, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

# Compiled SQL names a database; a script runs in the one it is run in.
_DATABASE = "csc_submit_sql_script"
_PROFILE = "csc_submit_sql_script"
_CHANGED = "#changed"
_FOLDERS = {  # what dbt reads of a project, by its settings, with dbt's defaults
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "seed-paths": ["seeds"],
    "test-paths": ["tests"],
    "analysis-paths": ["analyses"],
    "snapshot-paths": ["snapshots"],
    "packages-install-path": "dbt_packages",
}
_FILES = ("dbt_project.yml", "packages.yml", "dependencies.yml", "package-lock.yml")
# Analyses added to the copy: so dbt itself renders the macros that keep the state table and the audit trail.
_STATE = "csc_submit_sql_script_state"
_RETENTION = "csc_submit_sql_script_retention"
_ON_BREACH = "csc_submit_sql_script_on_breach"
_ANALYSES = {
    _STATE: f"""
        {{{{ get_incremental_csc_state_sql(
            {{'target_relation': ref('ssd_api_data_staging'), 'temp_relation': '{_CHANGED}'}}
        ) }}}}
    """,
    _RETENTION: """
        {%- set state, events = ref('ssd_api_data_staging'), ref('submission_event') -%}
        {{ event_retention_sql(events, state, audit_days()) }}
        {{ run_retention_sql(ref('submission_run'), events, state, audit_days()) }}
    """,
    _ON_BREACH: "{{ on_breach() }}",
}
_OWN_TABLES = "csc"  # the source of what earlier nights have written
_LINES_OF_DBT = 15


@dataclass(frozen=True)
class Index:
    """An index of a table."""

    columns: tuple[str, ...]
    unique: bool
    clustered: bool


@dataclass(frozen=True)
class Model:
    """A model: its object's name in brackets, what dbt makes of it, and its query."""

    name: str
    relation: str
    materialized: str
    strategy: str | None
    description: str
    sql: str
    indexes: tuple[Index, ...]


@dataclass(frozen=True)
class Seed:
    """A table of constants."""

    name: str
    relation: str
    description: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Project:
    """What the script is made of; models come after those that they read."""

    schema: str
    ssd_schemas: tuple[str, ...]
    seeds: tuple[Seed, ...]
    models: tuple[Model, ...]
    changed: str
    state_sql: str
    retention_sql: str  # empty when the audit trail is kept for ever
    stops_on_breach: bool


def compiled(project: Path, server: int, schema: str, variables: Mapping[str, Any]) -> Project:
    """Compile a dbt project for a version of SQL Server. Raises ConfigurationError."""
    if not (project / "dbt_project.yml").is_file():
        raise ConfigurationError(f"There is no dbt_project.yml in {project}.", "Name its folder with --project-dir.")
    if find_spec("dbt") is None or find_spec("dbt.adapters") is None or find_spec("dbt.adapters.sqlserver") is None:
        raise ConfigurationError("dbt for SQL Server is not installed.", "Run: pip install dbt-core dbt-sqlserver")
    with tempfile.TemporaryDirectory(prefix="csc-submit-") as temporary:
        folder = Path(temporary)
        try:
            _copy(project, folder / "project")
            manifest = _manifest(folder, schema, {**variables, "csc_sql_server": server})
            return _project(manifest, folder / "project", schema)
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}.", "Mend that, then try again.") from error


def _copy(project: Path, copy: Path) -> None:
    """Copy what dbt reads, and add the analyses."""
    try:
        settings = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{project / 'dbt_project.yml'} is no YAML.", "Run dbt debug, mend it.") from error
    settings = settings if isinstance(settings, dict) else {}
    copy.mkdir()
    for name in _FILES:
        if (project / name).is_file():
            shutil.copy(project / name, copy)
    for setting, usual in _FOLDERS.items():
        value = settings.get(setting, usual)
        for folder in [value] if isinstance(value, str) else value:
            if (project / folder).is_dir():
                shutil.copytree(project / folder, copy / folder, dirs_exist_ok=True)
    analyses = copy / settings.get("analysis-paths", _FOLDERS["analysis-paths"])[0]
    analyses.mkdir(parents=True, exist_ok=True)
    for name, text in _ANALYSES.items():
        (analyses / f"{name}.sql").write_text(text, encoding="utf-8")


def _manifest(folder: Path, schema: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Run `dbt compile` and return its manifest, which holds every compiled text."""
    output = {"type": "sqlserver", "host": "localhost", "database": _DATABASE, "schema": schema}
    # this backend needs no ODBC driver manager on the machine, and nothing is connected to
    output |= {"backend": "mssql-python", "user": "none", "password": "none"}
    profile = {_PROFILE: {"target": "script", "outputs": {"script": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
    finished = subprocess.run(  # noqa: S603 - the command is our own
        [
            *(sys.executable, "-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
            *("--no-use-colors", "--log-format", "text", "--quiet", "compile", "--no-introspect"),
            *("--no-populate-cache", "--select", "resource_type:model", "resource_type:analysis"),
            *("--project-dir", str(folder / "project"), "--profiles-dir", str(folder)),
            *("--profile", _PROFILE, "--target", "script", "--vars", json.dumps(dict(variables))),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        # the user's settings of dbt are for other targets
        env={name: value for name, value in os.environ.items() if not name.startswith("DBT_") or "_ENV_" in name},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if finished.returncode:
        said = (finished.stdout + finished.stderr).strip().splitlines()
        raise ConfigurationError("\n".join(["dbt compile failed. It said:", *said[-_LINES_OF_DBT:]]), "")
    manifest: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def _project(manifest: dict[str, Any], copy: Path, schema: str) -> Project:
    nodes = manifest["nodes"]
    sources = manifest["sources"].values()
    names = {
        node["relation_name"]: _relation(node) for node in [*nodes.values(), *sources] if node.get("relation_name")
    }
    models = [nodes[unique_id] for unique_id in _in_order(nodes) if nodes[unique_id]["resource_type"] == "model"]
    seeds = [nodes[unique_id] for unique_id in sorted(nodes) if nodes[unique_id]["resource_type"] == "seed"]
    analyses = {node["name"]: node["compiled_code"] for node in nodes.values() if node["resource_type"] == "analysis"}
    return Project(
        schema,
        tuple(sorted({source["schema"] for source in sources if source["source_name"] != _OWN_TABLES})),
        tuple(_seed(node, copy) for node in seeds),
        tuple(_model(node, names) for node in models),
        _CHANGED,
        _named(analyses[_STATE], names),
        _named(analyses[_RETENTION], names).strip(),
        analyses[_ON_BREACH].strip() == "stop",
    )


def _relation(node: dict[str, Any]) -> str:
    return f"[{node['schema']}].[{node.get('alias') or node['identifier']}]"


def _in_order(nodes: dict[str, Any]) -> list[str]:
    """Return the nodes' ids, each after those that it reads; by name where that leaves a choice."""
    graph = TopologicalSorter({unique_id: _parents(node) & set(nodes) for unique_id, node in nodes.items()})
    graph.prepare()
    order = []
    while graph.is_active():
        ready = sorted(graph.get_ready())
        order += ready
        graph.done(*ready)
    return order


def _parents(node: dict[str, Any]) -> set[str]:
    return set(node["depends_on"].get("nodes", []))


def _named(sql: str, names: Mapping[str, str]) -> str:
    """Write every object as [schema].[name], so that the script runs in whatever database it is run in."""
    for name, short in names.items():
        sql = sql.replace(name, short)
    return tidy(sql)


def _model(node: dict[str, Any], names: Mapping[str, str]) -> Model:
    config = node["config"]
    return Model(
        node["name"],
        _relation(node),
        config["materialized"],
        config.get("incremental_strategy"),
        " ".join(node["description"].split()),
        _named(node["compiled_code"], names),
        tuple(
            Index(tuple(index["columns"]), bool(index.get("unique")), index.get("type") == "clustered")
            for index in config.get("indexes") or []
        ),
    )


def _seed(node: dict[str, Any], copy: Path) -> Seed:
    with (copy / node["original_file_path"]).open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    types = node["config"]["column_types"]
    missing = [name for name in header if name not in types]
    if missing:
        raise ConfigurationError(
            f"The seed {node['name']} has no type for {', '.join(missing)}.", "Give one in column_types."
        )
    columns = tuple(Column(name, types[name]) for name in header)
    return Seed(
        node["name"], _relation(node), " ".join(node["description"].split()), columns, tuple(tuple(row) for row in rows)
    )
