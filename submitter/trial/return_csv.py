"""The CSV files of an SSDA903 return: finding them in a folder, and reading their rows."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitter.trial.errors import TrialError
from submitter.trial.files import open_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# The ends of file names that stand for each file, without blanks, hyphens and underscores.
_FILE_NAMES = {
    "header": ("header",),
    "episodes": ("episodes",),
    "uasc": ("uasc",),
    "oc2": ("oc2",),
    "oc3": ("oc3",),
    "ad1": ("ad1",),
    "placed_for_adoption": ("placedforadoption", "placedadoption"),
}
_MANDATORY_COLUMNS = {
    "header": ("CHILD", "SEX", "DOB"),
    "episodes": ("CHILD", "DECOM", "RNE", "PLACE", "DEC", "REC"),
    "uasc": ("CHILD", "DUC"),
    "oc2": ("CHILD", "SDQ_SCORE", "SDQ_REASON"),
    "oc3": ("CHILD", "IN_TOUCH", "ACTIV", "ACCOM"),
    "ad1": ("CHILD", "DATE_INT", "DATE_MATCH"),
    "placed_for_adoption": ("CHILD", "DATE_PLACED"),
}
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")


@dataclass(frozen=True)
class Row:
    """A row of a CSV file: where it stands, and its cells by column name in capitals."""

    file_name: str
    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """Return a cell without blanks around it, and `1` for `1.0`; blank when there is no such cell."""
        text = self.cells.get(column, "").strip()
        number = _WHOLE_NUMBER.fullmatch(text)
        return number[1] if number else text

    def error(self, what: str, remedy: str) -> TrialError:
        """Return an error that names this row."""
        return TrialError(f"{self.file_name}, line {self.line}: {what}: {remedy}")


def find_files(folder: Path) -> dict[str, Path]:
    """Return the known files of an SSDA903 return in a folder, by kind, header first; others are passed over.

    A file may have a prefix and any case: `SSDA903_Header.CSV`. Raises TrialError when there is no such folder,
    when it has neither a header nor an episodes file, and when two files could be the same one.
    """
    if not folder.is_dir():
        raise TrialError(f"{folder} is not a folder: name the folder that holds header.csv and episodes.csv")
    found: dict[str, Path] = {}
    workbooks = False
    for path in sorted(folder.iterdir()):
        name = re.sub(r"[^a-z0-9]", "", path.stem.lower())
        kind = next((kind for kind, ends in _FILE_NAMES.items() if name.endswith(ends)), None)
        if kind is None or path.is_dir():
            continue
        workbooks = workbooks or path.suffix.lower() in {".xls", ".xlsx"}
        if path.suffix.lower() != ".csv":
            continue
        if kind in found:
            raise TrialError(
                f"{found[kind].name} and {path.name} in {folder} could both be {kind}.csv: leave only one there"
            )
        found[kind] = path
    if not found.keys() & {"header", "episodes"}:
        remedy = "save each sheet as a CSV file" if workbooks else "name the folder of an SSDA903 return"
        raise TrialError(f"{folder} has neither header.csv nor episodes.csv: {remedy}")
    return {kind: found[kind] for kind in _FILE_NAMES if kind in found}


def read_rows(path: Path, kind: str) -> Iterator[Row]:
    """Yield the rows of a CSV file that hold anything, in order.

    Raises TrialError when the file is not a CSV file or lacks a mandatory column of that kind of file.
    """
    with open_text(path, f"the {kind} file of an SSDA903 return, a CSV file") as file:
        reader = csv.reader(file)
        try:
            columns = [name.strip().upper() for name in next(reader, [])]
            missing = [name for name in _MANDATORY_COLUMNS[kind] if name not in columns]
            if missing:
                raise TrialError(
                    f"{path.name} has no column {', '.join(missing)}: its first line must name the columns "
                    f"of the SSDA903 {kind} file, parted by commas"
                )
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Row(path.name, reader.line_num, dict(zip(columns, cells, strict=False)))
        except csv.Error as error:
            raise TrialError(
                f"{path.name}, line {reader.line_num}: not a line of a CSV file ({error}): export the file again"
            ) from error
