"""Opening the files of a return as text, whatever program saved them."""

from __future__ import annotations

import codecs
from functools import partial
from typing import TYPE_CHECKING, TextIO

from submitter.trial.errors import TrialError

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20
_EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def open_text(path: Path, expected: str) -> TextIO:
    """Open a text file in the encoding it is in: UTF-8 or UTF-16 with its mark, UTF-8, or Windows-1252.

    `expected` names what the file should be, for the message: `a CIN census XML file`. Line ends stay as they
    are. Raises TrialError when the file cannot be read, is an Excel workbook or zip file, or is not text.
    """
    try:
        encoding = _encoding(path, expected)
        return path.open(encoding=encoding, newline="")
    except IsADirectoryError as error:
        raise TrialError(f"{path} is a folder: name the file, {expected}") from error
    except FileNotFoundError as error:
        raise TrialError(f"{path} does not exist: check the name of the file, {expected}") from error
    except OSError as error:
        raise TrialError(f"{path} cannot be read ({error.strerror}): check that you may open it") from error


def _encoding(path: Path, expected: str) -> str:
    if path.is_dir():  # Windows answers "permission denied" to opening one
        raise IsADirectoryError
    with path.open("rb") as file:
        start = file.read(4)
    if start in _EXCEL:
        raise TrialError(
            f"{path.name} is an Excel workbook or a zip file, not {expected}: "
            "save it in that format (or unzip it) first"
        )
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        if _decodes(path, encoding, expected):
            return encoding
    raise TrialError(f"{path.name} is neither UTF-8 nor Windows-1252 text: save {expected} again with encoding UTF-8")


def _decodes(path: Path, encoding: str, expected: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            for block in iter(partial(file.read, _BLOCK), b""):
                if b"\0" in block:
                    raise TrialError(f"{path.name} is not a text file: it should be {expected}, in UTF-8")
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
