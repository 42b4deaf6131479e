"""Where the dbt project is: beside the package in a checkout, inside it when installed from a wheel."""

from __future__ import annotations

from pathlib import Path


def project_root() -> Path:
    """Return the folder that holds `dbt_project.yml`.

    Raises FileNotFoundError when the installation is broken and neither place has it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent, package / "project"):
        if (folder / "dbt_project.yml").is_file():
            return folder
    raise FileNotFoundError(f"no dbt_project.yml beside or inside {package}: install csc-submit again")
