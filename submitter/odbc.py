"""ODBC connection strings, taken apart and put together, and the driver found that reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from submitter.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PART = re.compile(r"[;\s]*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)")
_OTHER_NAMES = {"ADDR": "SERVER", "ADDRESS": "SERVER", "NETWORK ADDRESS": "SERVER"}


def parts_of(text: str) -> dict[str, str]:
    """Return the parts of a connection string under their names in capitals.

    Raises ConfigurationError, without quoting the text, when it is none.
    """
    parts: dict[str, str] = {}
    position = 0
    while text[position:].strip("; \t\r\n"):
        found = _PART.match(text, position)
        if not found:
            raise ConfigurationError(
                "DB_CONNECTION_STRING is no ODBC connection string.", "Write NAME=value;NAME={va;lue}; and so on."
            )
        name, value = found[1].upper(), found[2].strip()
        if value.startswith("{"):
            value = value[1:-1].replace("}}", "}")
        parts.setdefault(_OTHER_NAMES.get(name, name), value)  # as ODBC: the first of two counts
        position = found.end()
    return parts


def text_of(parts: Mapping[str, object]) -> str:
    """Return the connection string of these parts."""
    return "".join(f"{name}={_wrapped(str(value))};" for name, value in parts.items())


def _wrapped(value: str) -> str:
    """Wrap a value that ODBC would take apart."""
    return "{" + value.replace("}", "}}") + "}" if any(sign in value for sign in ";{}=[]()?*!@ ") else value


def with_driver(parts: Mapping[str, str], installed: Sequence[str]) -> dict[str, str]:
    """Return the parts with a driver: the one they name, else the newest of Microsoft's, and encryption unless refused.

    Raises DatabaseError when that driver, or any, is not installed.
    """
    microsoft = sorted((name for name in installed if re.fullmatch(r"ODBC Driver \d+ for SQL Server", name)), key=_age)
    complete = {"ENCRYPT": "yes", **parts}  # driver 17 would not encrypt of itself
    if "DSN" in parts or "FILEDSN" in parts:
        return complete
    wanted = parts.get("DRIVER")
    # A driver may also be named by the path of its library.
    if wanted and (wanted.lower() in {name.lower() for name in installed} or re.search(r"[\\/]", wanted)):
        return complete
    if not microsoft:
        raise DatabaseError(
            f"The ODBC driver {wanted!r} is not installed, nor any other of Microsoft's for SQL Server."
            if wanted
            else "No ODBC driver of Microsoft's for SQL Server is installed.",
            "Install ODBC Driver 18 for SQL Server.",
        )
    if wanted:
        raise DatabaseError(
            f"The ODBC driver {wanted!r} is not installed.",
            f"Set driver to one that is ({', '.join(microsoft)}), or leave it out.",
        )
    return {"DRIVER": microsoft[-1], **complete}


def _age(driver: str) -> int:
    return int(re.sub(r"\D", "", driver))
