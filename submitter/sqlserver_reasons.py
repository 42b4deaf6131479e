"""What a refusal of SQL Server or its ODBC driver means, in one line with the next step.

A driver's own text may hold a login's name or a value of a row, so none of it is passed on but names of objects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from submitter.errors import DatabaseError

RUN_DBT = "Run dbt build first, on this same target."

DEADLOCK = 1205
_NO_LOGIN = {18452, 18456, 18470, 18486, 18487, 18488}
_NO_DATABASE = {911, 916, 4060, 4063}
_NO_PERMISSION = {229, 230, 262, 297, 300, 15247}
_NO_OBJECT = {207, 208}
# a lock or a snapshot that another transaction took away
_ONCE_MORE = {DEADLOCK, 1222, 3960}
# Azure SQL and availability groups while they move a database from one server to another
_SOON_BACK = {
    233,
    64,
    121,
    976,
    983,
    10053,
    10054,
    10060,
    10928,
    10929,
    40143,
    40197,
    40501,
    40613,
    49918,
    49919,
    49920,
}
# Windows' words for a certificate: not trusted, not for this name, expired
_CERTIFICATE = {-2146893019, -2146893022, -2146893016, -2146762487}


@dataclass(frozen=True)
class Refusal:
    """An ODBC error: its SQLSTATE, the numbers that stand in parentheses in its text, and the text."""

    state: str
    numbers: frozenset[int]
    text: str

    @staticmethod
    def of(error: Exception) -> Refusal:
        """Read what pyodbc raised: the SQLSTATE, then the texts of all that went wrong."""
        state = str(error.args[0]) if error.args else ""
        text = " ".join(str(part) for part in error.args)
        if not re.fullmatch(r"[0-9A-Z]{5}", state):  # the driver's own complaints have none
            state = "unknown"
        return Refusal(state, frozenset(int(number) for number in re.findall(r"\((-?\d+)\)", text)), text)

    @property
    def connection_is_gone(self) -> bool:
        """Whether the session ended, or could not begin for now."""
        return self.state[:2] == "08" or self.state in {"HYT00", "HYT01"} or bool(self.numbers & _SOON_BACK)

    @property
    def is_worth_another_try(self) -> bool:
        """Whether the same transaction may well succeed when it is tried again."""
        permanent = self.numbers & (_NO_LOGIN | _NO_DATABASE) or self._is_about_a_certificate
        return not permanent and (self.state == "40001" or bool(self.numbers & _ONCE_MORE) or self.connection_is_gone)

    @property
    def _is_about_a_certificate(self) -> bool:
        certificate = "certificate" in self.text.lower() or "ssl routines" in self.text.lower()
        return self.state[:2] == "08" and (certificate or bool(self.numbers & _CERTIFICATE))

    def reason(self, server: str, database: str) -> DatabaseError:
        """Return what to tell the user."""
        for applies, reason, next_step in (
            (
                self.numbers & _NO_DATABASE,
                f"There is no database {database} on {server}, or the login may not use it.",
                "Check the database's name, and that the login is a user of it.",
            ),
            (
                self.numbers & _NO_LOGIN or self.state == "28000",
                f"{server} refuses the login.",
                "Check user and password, or that the account of the job has a login there.",
            ),
            (
                self._is_about_a_certificate,
                f"The certificate of {server} is not trusted.",
                "Have its issuer added to this machine's certificate store, or set trust_cert: true if that is safe.",
            ),
            (
                self.state in {"IM002", "IM003", "IM004"},
                "The ODBC driver or data source that the connection names is not installed.",
                "Set driver to one that is, or leave it out.",
            ),
            (
                self.numbers & _NO_PERMISSION,
                f"The login has no permission on {self._object()}.",
                "Have a DBA run what csc-submit grants prints.",
            ),
            (
                self.numbers & _NO_OBJECT or self.state in {"42S02", "42S22"},
                f"The database lacks a table or column: {self._object()}.",
                RUN_DBT,
            ),
            (
                self.numbers & _ONCE_MORE or self.state == "40001",
                "Another session keeps the rows of the state table locked.",
                "Nothing was lost; see what else is running in the database, then try again.",
            ),
            (
                self.connection_is_gone,
                f"SQL Server {server} cannot be reached.",
                "Check host, port or instance name, the firewall, and that the server takes TCP/IP connections.",
            ),
        ):
            if applies:
                return DatabaseError(reason, next_step)
        number = next((f", error {number}" for number in sorted(self.numbers) if number > 0), "")
        return DatabaseError(
            f"SQL Server refused a statement (SQLSTATE {self.state}{number}).", "Nothing was lost; try again."
        )

    def _object(self) -> str:
        """Return the first name in quotes: the server's text names the object first, in every language."""
        found = re.search(r"['\"“«„]([\w.$# ]{1,128})['\"”»“]", self.text)
        return found[1] if found else "an object"
