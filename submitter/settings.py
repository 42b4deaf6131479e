"""What a run is told: environment variables and `.env`, under the names that authorities already use."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from submitter.errors import ConfigurationError
from submitter.key_store import SECRET_NAMES, KeyStore, SystemKeyStore

TEST_ENDPOINT = "https://pp-api.education.gov.uk/children-in-social-care-data-receiver-test/1"
LARGEST_BATCH = 100
MOST_WORKERS = 16
# What the audit trail says of a run's settings. A list of its own, so that no new setting gets there by itself.
_TOLD = (
    "api_endpoint",
    "la_code",
    "token_endpoint",
    "scope",
    "table_name",
    "batch_size",
    "max_batch_bytes",
    "use_partial_payload",
    "csc_live",
    "csc_user_agent",
    "csc_connect_timeout_seconds",
    "csc_read_timeout_seconds",
    "csc_max_attempts",
    "csc_backoff_seconds",
    "csc_workers",
    "csc_max_minutes",
    "csc_os_certificates",
    "csc_verify_tls",
)
_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")

Text = Annotated[str, Field(min_length=1)]


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _has_port_or_none(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


class DatabaseSettings(BaseSettings):
    """Where the state table is, when the dbt profile does not say it. Field names in capitals are the variables."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8-sig", hide_input_in_errors=True
    )

    table_name: Text = "ssd_api_data_staging"
    db_connection_string: SecretStr | None = None
    sql_conn_str: SecretStr | None = None
    csc_duckdb_memory: Annotated[str, Field(pattern=r"^[0-9]+(MB|GB)$")] = "1GB"

    @field_validator("table_name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError("must be a table name, or schema.table, of letters, digits and underscores")
        return name

    @property
    def connection_string(self) -> str | None:
        """Return the connection string that stands in for the dbt profile, if one is set."""
        for secret in (self.db_connection_string, self.sql_conn_str):
            if secret is not None:
                return secret.get_secret_value()
        return None


class Settings(DatabaseSettings):
    """One run's configuration."""

    api_endpoint: Text = TEST_ENDPOINT
    la_code: Annotated[str, Field(pattern=r"^[0-9]{3}$")]
    token_endpoint: Text
    client_id: Text
    client_secret: SecretStr
    scope: Text
    supplier_key: SecretStr

    batch_size: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = LARGEST_BATCH
    max_batch_bytes: Annotated[int, Field(ge=1)] = 5_000_000
    use_partial_payload: bool = True

    csc_live: bool = False
    csc_user_agent: Text = "csc-submit"
    csc_connect_timeout_seconds: Annotated[float, Field(gt=0)] = 10
    csc_read_timeout_seconds: Annotated[float, Field(gt=0)] = 120
    csc_max_attempts: Annotated[int, Field(ge=1)] = 5
    csc_backoff_seconds: Annotated[float, Field(ge=0)] = 1
    csc_workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 4
    csc_max_minutes: Annotated[float, Field(gt=0)] | None = None

    csc_proxy: SecretStr | None = None  # credentials may be part of it
    csc_proxy_user: Text | None = None
    csc_proxy_password: SecretStr | None = None
    no_proxy: str | None = None
    csc_ca_file: Path | None = None
    csc_os_certificates: bool = True
    csc_verify_tls: bool = True

    @field_validator("api_endpoint", "token_endpoint")
    @classmethod
    def _encrypted(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or not _has_port_or_none(url):
            raise ValueError("must be an https:// address")
        if parts.scheme == "http" and not is_loopback(url):
            raise ValueError("must begin with https:// (http:// is for a receiver on this machine only)")
        # Whatever else an address may hold would make it unclear where children go, or hold a secret.
        if parts.username is not None or re.search(r"[?#\\\s\x00-\x1f]", unquote(url)):
            raise ValueError("must be an address without user, ?, #, backslash or blank")
        if {".", ".."} & set(unquote(parts.path).split("/")):
            raise ValueError("must be an address without . or .. in its path")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _live_means_checked(self) -> Settings:
        if self.is_live and not self.csc_verify_tls:
            raise ConfigurationError(
                "CSC_VERIFY_TLS=false is not for a live receiver: certificates are always checked there.",
                "Remove it; name the root certificate of a firewall that inspects TLS in CSC_CA_FILE.",
            )
        return self

    def told(self) -> dict[str, object]:
        """Return the settings that the audit trail keeps: no secret, nobody's name."""
        return self.model_dump(mode="json", include=set(_TOLD))

    @property
    def children_url(self) -> str:
        """Return where children are posted (attribute 1 is part of it)."""
        return f"{self.api_endpoint}/children_social_care_data/{self.la_code}/children"

    @property
    def is_live(self) -> bool:
        """Whether the endpoint takes real children: any that is neither a test receiver nor on this machine.

        A test receiver has a part of its path that ends in `-test`.
        """
        parts = urlsplit(self.api_endpoint).path.lower().split("/")
        return not is_loopback(self.api_endpoint) and not any(part.endswith("-test") for part in parts)

    def allow_live(self) -> None:
        """Raise ConfigurationError when the endpoint is live and nobody said that this is meant."""
        if self.is_live and not self.csc_live:
            raise ConfigurationError(
                "API_ENDPOINT is a live receiver, where real children are sent.",
                "Give --live (or CSC_LIVE=true) if that is meant, or set the test receiver's address.",
            )


Chosen = TypeVar("Chosen", bound=DatabaseSettings)


def load_settings(
    kind: type[Chosen],
    env_file: Path | None = None,
    *,
    key_store: KeyStore | None = None,
    **overrides: Any,  # noqa: ANN401 - whatever the fields take
) -> Chosen:
    """Read the settings of a kind: command line (`overrides`), environment, `env_file`, and for secrets the key store.

    Raises ConfigurationError naming every variable that is missing or wrong, and never its value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        given |= _from_key_store(kind, {*given, *where_set(kind, env_file)}, key_store or SystemKeyStore())
        return kind(_env_file=env_file, **given)  # type: ignore[call-arg,unused-ignore]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{env_file} cannot be read ({type(error).__name__}).", "Save it as UTF-8 text."
        ) from None
    except ValidationError as error:
        wrong = [
            f"{str(part['loc'][0]).upper()} {_what_is_wrong(part['type'], part['msg'])}" for part in error.errors()
        ]
        raise ConfigurationError(
            f"The configuration is not complete: {'; '.join(wrong)}.",
            "Set these as environment variables or in the .env file; .env.example explains each. Secrets may also be "
            "in the key store (csc-submit secret).",
        ) from None


def where_set(kind: type[DatabaseSettings], env_file: Path | None) -> dict[str, str]:
    """Return for each field that has a value which source it comes from, by name: `environment` or the file's name."""
    in_file = DotEnvSettingsSource(kind, env_file=env_file)()
    in_environment = EnvSettingsSource(kind)()
    return {**dict.fromkeys(in_file, str(env_file)), **dict.fromkeys(in_environment, "environment")}


def _from_key_store(kind: type[DatabaseSettings], known: set[str], key_store: KeyStore) -> dict[str, str]:
    """Return the secrets that no other place has; a proxy's password only where a proxy's user is set."""
    wanted = [
        name
        for name in (secret.lower() for secret in SECRET_NAMES)
        if name in kind.model_fields
        and name not in known
        and (kind.model_fields[name].is_required() or "csc_proxy_user" in known)
    ]
    found = {name: key_store.get(name.upper()) for name in wanted}
    return {name: value for name, value in found.items() if value is not None}


def _what_is_wrong(kind: str, message: str) -> str:
    if kind in {"missing", "string_too_short"}:
        return "is missing"
    return message.removeprefix("Value error, ")[:1].lower() + message.removeprefix("Value error, ")[1:]
