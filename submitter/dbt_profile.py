"""The database connection that dbt uses, read from its own `profiles.yml`, so that it is said once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.nativetypes import NativeEnvironment

from submitter.entra import CREDENTIALS
from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DuckDbTarget:
    """A DuckDB file and the schema that dbt builds in."""

    path: Path
    schema: str

    def told(self) -> dict[str, str]:
        """Return what the audit trail says of it: the file's name, because a folder may have a person's."""
        return {"engine": "duckdb", "database": self.path.name, "schema": self.schema}


@dataclass(frozen=True)
class SqlServerTarget:
    """The parts of an ODBC connection string, the schema dbt builds in, and where an Entra ID token comes from."""

    parts: Mapping[str, str] = field(repr=False)  # a password may be among them
    schema: str
    token_from: str | None = None

    def told(self) -> dict[str, str]:
        """Return what the audit trail says of it: no login and no password."""
        server, database = self.parts.get("SERVER", ""), self.parts.get("DATABASE", "")
        return {"engine": "sqlserver", "server": server, "database": database, "schema": self.schema}


def _env_var(environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - a function for jinja
    def env_var(name: str, default: str | None = None) -> str:
        value = environment.get(name, default)
        if value is None:
            raise ConfigurationError(f"The dbt profile wants environment variable {name}, which is not set.", "Set it.")
        return value

    return env_var


def _rendered(value: object, jinja: NativeEnvironment) -> object:
    """Render the templates of a profile the way dbt does: text, or a number where the template casts to one."""
    if isinstance(value, dict):
        return {key: _rendered(part, jinja) for key, part in value.items()}
    if isinstance(value, str) and "{{" in value:
        return jinja.from_string(value).render()
    return value


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # The error's own text may quote a line with a password.
        raise ConfigurationError(f"{path} is not a YAML file that can be read.", "Run dbt debug, mend it.") from error
    return content if isinstance(content, dict) else {}


def _profiles_file(project: Path, given: Path | None, environment: Mapping[str, str]) -> Path:
    """Find `profiles.yml` in dbt's order."""
    named = given or (Path(environment["DBT_PROFILES_DIR"]) if environment.get("DBT_PROFILES_DIR") else None)
    folders = [named] if named else [project, Path.cwd(), Path.home() / ".dbt"]
    for folder in folders:
        if (folder / "profiles.yml").is_file():
            return folder / "profiles.yml"
    raise ConfigurationError(
        f"There is no profiles.yml in {' or '.join(str(folder) for folder in folders)}.",
        "Copy profiles.example.yml to profiles.yml and fill it in, or set DB_CONNECTION_STRING.",
    )


def read_target(
    project: Path,
    profiles_dir: Path | None = None,
    target: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> DuckDbTarget | SqlServerTarget:
    """Return the connection of the dbt target.

    Raises ConfigurationError when the project, the profile or the target is not there, or lacks a part.
    """
    if not (project / "dbt_project.yml").is_file():
        raise ConfigurationError(
            f"There is no dbt_project.yml in {project}.",
            "Start csc-submit in the project's folder or give --project-dir.",
        )
    profile_name = _yaml(project / "dbt_project.yml").get("profile")
    path = _profiles_file(project, profiles_dir, environment)
    profile = _yaml(path).get(str(profile_name))
    if not isinstance(profile, dict):
        raise ConfigurationError(f"{path} has no profile {profile_name}.", "Compare it with profiles.example.yml.")

    jinja = NativeEnvironment(undefined=StrictUndefined)
    jinja.globals["env_var"] = _env_var(environment)
    jinja.filters.update(as_number=float, as_bool=lambda text: str(text).lower() == "true", as_text=str, as_native=str)
    try:
        chosen = target or _rendered(profile.get("target", "default"), jinja)
        output = (profile.get("outputs") or {}).get(str(chosen))
        if not isinstance(output, dict):
            raise ConfigurationError(f"{path} has no target {chosen}.", "Give --target one of those it has.")
        rendered = {key: _rendered(value, jinja) for key, value in output.items()}
    except TemplateError as error:
        raise ConfigurationError(f"{path} holds a template that cannot be read.", "Run dbt debug, mend it.") from error
    return _target(rendered, f"Target {chosen} of {path}", project)


def _target(output: Mapping[str, Any], where: str, project: Path) -> DuckDbTarget | SqlServerTarget:
    kind = output.get("type")
    if kind == "duckdb" and output.get("path"):
        return DuckDbTarget(project / str(output["path"]), str(output.get("schema") or "main"))
    if kind == "sqlserver" and _first(output, "host", "server") and output.get("database") and output.get("schema"):
        return _sqlserver(output, where)
    raise ConfigurationError(
        f"{where} is not complete.",
        "It needs type, schema, and path (duckdb) or host and database (sqlserver); see profiles.example.yml.",
    )


def _first(output: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401 - whatever the profile says
    return next((output[name] for name in names if output.get(name) is not None), None)


# Entra ID modes of dbt-sqlserver that the driver knows under another name; the rest of them are tokens (see entra).
_DRIVERS_WORD = {"msi": "ActiveDirectoryMsi", "serviceprincipal": "ActiveDirectoryServicePrincipal"}


def _sqlserver(output: Mapping[str, Any], where: str) -> SqlServerTarget:
    """Return the connection of a dbt-sqlserver output, under dbt-sqlserver's names and aliases."""
    host = str(_first(output, "host", "server"))
    port = output.get("port")
    # A named instance is found by name, not by port.
    server = host if "\\" in host or "," in host or not port else f"{host},{int(port)}"
    parts = {"SERVER": server, "DATABASE": str(output["database"])}
    if output.get("driver"):
        parts = {"DRIVER": str(output["driver"]).strip("{}"), **parts}
    authentication = str(_first(output, "authentication", "auth") or "sql")
    word = re.sub("[ _]", "", authentication).lower()
    if _first(output, "windows_login", "trusted_connection"):
        parts["TRUSTED_CONNECTION"] = "yes"
    elif word not in CREDENTIALS:
        if word != "sql" and not word.startswith("activedirectory") and word not in _DRIVERS_WORD:
            raise ConfigurationError(f"{where} has an unknown authentication: {authentication}.", "Run dbt debug.")
        if word != "sql":
            parts["AUTHENTICATION"] = _DRIVERS_WORD.get(word, authentication)
        user = _first(output, "user", "username", "UID", "client_id", "app_id")
        password = _first(output, "password", "pass", "PWD", "client_secret", "app_secret")
        parts.update({name: str(value) for name, value in (("UID", user), ("PWD", password)) if value is not None})
    parts["ENCRYPT"] = "no" if output.get("encrypt") is False else "yes"
    parts["TRUSTSERVERCERTIFICATE"] = "yes" if _first(output, "trust_cert", "TrustServerCertificate") else "no"
    return SqlServerTarget(parts, str(output["schema"]), word if word in CREDENTIALS else None)
