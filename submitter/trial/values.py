"""Values of a return turned into values of the SSD; what is not understood becomes null and is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from submitter.trial.ssd import text_lengths

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:\d{2})?"
_DAY_FORMS = (
    re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}}){_TIME}"),
    re.compile(rf"(?P<day>\d{{1,2}})[/-](?P<month>\d{{1,2}})[/-](?P<year>\d{{4}}){_TIME}"),
)
# the first year that SQL Server's datetime, the SSD's type for dates, can hold
_FIRST_YEAR = 1753
_FLAGS = {"1": "Y", "y": "Y", "yes": "Y", "t": "Y", "true": "Y"} | {
    "0": "N",
    "n": "N",
    "no": "N",
    "f": "N",
    "false": "N",
}
_SEXES = {"1": "M", "m": "M", "male": "M", "2": "F", "f": "F", "female": "F"}
_UPN_UNKNOWN = re.compile(r"UN\d{1,2}", re.IGNORECASE)


@dataclass
class Tally:
    """What a reader noticed, as a number; filled while its records are taken.

    `not_understood` counts values left null: unreadable dates and numbers, text too long for its column.
    """

    not_understood: int = 0


def parse_day(text: str) -> date | None:
    """Return the date that `2024-03-31` or `31/03/2024` says (a time may follow); None when it is no such date."""
    for form in _DAY_FORMS:
        match = form.fullmatch(text.strip())
        if match:
            try:
                day = date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                return None
            return day if day.year >= _FIRST_YEAR else None
    return None


class Values:
    """Turns texts of a return into SSD values; blank is always null, and never counted."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def text(self, column: str, text: str | None) -> str | None:
        """Return the text without blanks around it; null when the column is too short for it."""
        stripped = (text or "").strip()
        length = text_lengths()[column]
        if length is not None and len(stripped) > length:
            self._tally.not_understood += 1
            return None
        return stripped or None

    def day(self, text: str | None) -> date | None:
        """Return the date; null when there is no such date."""
        if not text or not text.strip():
            return None
        day = parse_day(text)
        self._tally.not_understood += day is None
        return day

    def number(self, text: str | None) -> int | None:
        """Return the whole number; `1.0` is one."""
        stripped = (text or "").strip()
        if not stripped:
            return None
        match = re.fullmatch(r"(\d{1,9})(?:\.0+)?", stripped)
        self._tally.not_understood += match is None
        return int(match[1]) if match else None

    def flag(self, text: str | None) -> str | None:
        """Return `Y` or `N`."""
        stripped = (text or "").strip().lower()
        if not stripped:
            return None
        self._tally.not_understood += stripped not in _FLAGS
        return _FLAGS.get(stripped)

    def sex(self, text: str | None) -> str | None:
        """Return `M` for 1 and M, `F` for 2 and F, `U` for any other code (0, 3, 9, U)."""
        stripped = (text or "").strip().lower()
        return _SEXES.get(stripped, "U") if stripped else None

    def upn(self, upn: str | None, unknown_reason: str | None = None) -> dict[str, str | None]:
        """Return the two UPN columns of a person; a reason such as UN3 in place of a UPN goes where it belongs."""
        if upn and not (unknown_reason or "").strip() and _UPN_UNKNOWN.fullmatch(upn.strip()):
            upn, unknown_reason = None, upn
        return {
            "pers_upn": self.text("pers_upn", upn),
            "pers_upn_unknown": self.text("pers_upn_unknown", unknown_reason),
        }
