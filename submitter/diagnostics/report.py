"""What a check found, line by line, and how the whole ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from submitter.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from submitter.errors import SubmitError


@dataclass
class Report:
    """Prints findings through `say` as they come; `code` is that of the first failure."""

    say: Callable[[str], None]
    code: ExitCode = ExitCode.DONE
    told: list[str] = field(default_factory=list)

    def ok(self, what: str, found: str) -> None:
        """Tell what is as it should be."""
        self._tell("ok  ", what, found)

    def note(self, what: str, found: str) -> None:
        """Tell what is neither right nor wrong."""
        self._tell("note", what, found)

    def failed(self, what: str, reason: str, code: ExitCode) -> None:
        """Tell what is wrong, with the next step."""
        self._tell("FAIL", what, reason)
        if self.code is ExitCode.DONE:
            self.code = code

    def stopped(self, what: str, error: SubmitError) -> None:
        """Tell the failure that kept a check from going on."""
        self.failed(what, str(error), ExitCode(error.exit_code))

    def _tell(self, mark: str, what: str, found: str) -> None:
        self.told.append(f"{mark} {what}: {found}")
        self.say(self.told[-1])
