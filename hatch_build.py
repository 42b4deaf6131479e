"""Puts the dbt project into the wheel, so that the demo also runs where only the package is installed."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DbtProjectInWheel(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
    """Adds the dbt project as `submitter/project`; an editable install finds it beside the package instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each part of the dbt project to its place in a standard wheel."""
        if version == "standard":
            for part in ("dbt_project.yml", "profiles.example.yml", "models", "macros", "dbt_project"):
                build_data["force_include"][part] = f"submitter/project/{part}"
