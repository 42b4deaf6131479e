"""Entra ID logins that need a token of their own: those of the Azure CLI, the environment, or whatever is there."""

from __future__ import annotations

import struct
from typing import Any

from submitter.errors import ConfigurationError, DatabaseError

_SQL_COPT_SS_ACCESS_TOKEN = 1256
_SCOPE = "https://database.windows.net/.default"
CREDENTIALS = {
    "cli": "AzureCliCredential",
    "environment": "EnvironmentCredential",
    "auto": "DefaultAzureCredential",
}


def token_attributes(source: str | None) -> dict[int, bytes]:
    """Return pyodbc's `attrs_before` with a token from one of CREDENTIALS; empty when `source` is none.

    Raises ConfigurationError when azure-identity is not installed, DatabaseError when no token is to be had.
    """
    if source is None:
        return {}
    try:
        from azure import identity  # noqa: PLC0415 - an extra
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"authentication: {source} needs azure-identity, which is not installed.",
            "Run: pip install csc-submit[entra]",
        ) from error
    credential: Any = getattr(identity, CREDENTIALS[source])()
    try:
        token = credential.get_token(_SCOPE).token
    except ClientAuthenticationError as error:
        raise DatabaseError(
            f"Entra ID gives no token for the database ({CREDENTIALS[source]}).",
            "Log in (az login), or set the variables that azure-identity reads.",
        ) from error
    as_utf_16 = token.encode("utf-16-le")
    return {_SQL_COPT_SS_ACCESS_TOKEN: struct.pack(f"<i{len(as_utf_16)}s", len(as_utf_16), as_utf_16)}
