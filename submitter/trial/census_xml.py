"""The Child elements of a CIN census file, one at a time, with their line numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from xml.parsers import expat

from submitter.trial.errors import TrialError
from submitter.trial.files import open_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_EXPECTED = "a CIN census XML file"
_BLOCK = 1 << 16
_CAPTURED = {"child", "header"}


@dataclass
class Element:
    """An XML element: its name in lower case and without namespace, the line it starts on, what it holds."""

    name: str
    line: int
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Return the elements of that name directly inside, in order; the name in any case."""
        wanted = name.lower()
        return [child for child in self.children if child.name == wanted]

    def group(self, name: str) -> Element:
        """Return the first element of that name directly inside, an empty one when there is none."""
        return next(iter(self.all(name)), Element(name.lower(), self.line))

    def text(self, name: str) -> str | None:
        """Return what the first non-blank element of that name directly inside says; None when none does."""
        return next((text for child in self.all(name) if (text := child.own_text())), None)

    def own_text(self) -> str:
        """Return the element's own text without blanks around it."""
        return "".join(self.pieces).strip()


def children(path: Path) -> Iterator[Element]:
    """Yield each Child element of a CIN census file, in order, holding one at a time.

    Names count whatever their case and namespace; text between elements is passed over. Raises TrialError when
    the file is not XML, is broken, has a document type declaration, is another return, or has no Child.
    """
    # Attacks through XML (entities that grow, or name other files) need a document type declaration: refused below.
    parser = expat.ParserCreate()
    parser.buffer_text = True
    collector = _Collector(path.name, parser)
    found = False
    with open_text(path, _EXPECTED) as file:
        try:
            for block in iter(partial(file.read, _BLOCK), ""):
                parser.Parse(block, False)  # noqa: FBT003 - takes no keyword
                for child in collector.take():
                    found = True
                    yield child
            parser.Parse("", True)  # noqa: FBT003
        except expat.ExpatError as error:
            raise TrialError(
                f"{path.name}, line {error.lineno}: the XML is broken ({expat.ErrorString(error.code)}): "
                "export the CIN census again, or mend the line"
            ) from error
    if not found:
        raise TrialError(f"{path.name} has no Child element: export {_EXPECTED} with children in it")


class _Collector:
    """Builds the elements that are wanted, and refuses files that are something else."""

    def __init__(self, file_name: str, parser: expat.XMLParserType) -> None:
        self._file_name = file_name
        self._parser = parser
        self._open: list[Element] = []
        self._finished: list[Element] = []
        self._at_root = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def take(self) -> list[Element]:
        finished, self._finished = self._finished, []
        return finished

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        local_name = name.rpartition(":")[2].lower()
        if self._at_root and local_name != "message":
            raise TrialError(
                f"{self._file_name}, line {self._parser.CurrentLineNumber}: the outermost element is not Message, "
                f"so this is not {_EXPECTED}: name the file that was made for the CIN census"
            )
        self._at_root = False
        if self._open or local_name in _CAPTURED:
            element = Element(local_name, self._parser.CurrentLineNumber)
            if self._open:
                self._open[-1].children.append(element)
            self._open.append(element)

    def _end(self, _name: str) -> None:
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            return
        if element.name == "child":
            self._finished.append(element)
        else:
            self._check_header(element)

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].pieces.append(text)

    def _check_header(self, header: Element) -> None:
        collection = header.group("CollectionDetails").text("Collection")
        if collection and not collection.upper().startswith("CIN"):
            raise TrialError(
                f"{self._file_name}, line {header.line}: its Collection is not CIN, so this is another return: "
                f"name {_EXPECTED}"
            )

    def _doctype(self, *_: object) -> None:
        raise TrialError(
            f"{self._file_name}, line {self._parser.CurrentLineNumber}: it has a document type declaration "
            "(<!DOCTYPE …>), which a CIN census never has and which can hide an attack: "
            "export the CIN census again"
        )
