"""Compiles the project, or an altered copy of it, for SQL Server; no server needed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from dbt_here import ran_dbt

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("models", "macros", "dbt_project")


def copied_project(source: Path, folder: Path) -> Path:
    """Copy what dbt reads of a project, to be altered."""
    for part in PARTS:
        shutil.copytree(source / part, folder / part)
    shutil.copy(source / "dbt_project.yml", folder)
    return folder


def compiled_for_sqlserver(project: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run `dbt compile` with everything it writes in `folder`; return the manifest, which holds every compiled text."""
    folder.mkdir(exist_ok=True)
    output = {"type": "sqlserver", "backend": "mssql-python", "host": "localhost", "database": "csc", "schema": "csc"}
    profile = {"csc": {"target": "sqlserver", "outputs": {"sqlserver": {**output, "user": "x", "password": "x"}}}}
    (folder / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
    finished = ran_dbt(
        [
            *("compile", "--no-introspect", "--no-populate-cache", "--log-level-file=none"),
            *("--project-dir", str(project), "--profiles-dir", str(folder)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), *arguments),
        ],
        folder,
    )
    assert finished.code == 0, finished.said
    manifest: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def compiled_texts(manifest: dict[str, Any], resource_type: str) -> dict[str, str]:
    """Return the compiled SQL of a kind of node (model, test, analysis), by node name; leave out what was not asked."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == resource_type]
    return {node["name"]: node["compiled_code"] for node in nodes if node.get("compiled")}
