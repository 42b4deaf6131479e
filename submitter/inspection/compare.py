"""What differs between two versions of a child, a record at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from submitter.reference import attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]

# A worker may be named twice: the list of workers is one attribute.
_NO_RECORDS_ID = "worker_id"


class Fate(str, Enum):
    """What became of a record."""

    NEW = "new"
    CHANGED = "changed"
    PURGED = "purged"


@dataclass(frozen=True)
class AttributeChange:
    """An attribute with another value; None: without one. `path` is as in the specification: `child_details.sex`."""

    path: str
    name: str
    held: object
    current: object


@dataclass(frozen=True)
class RecordChange:
    """A record that is new, changed or gone; `where` names it with the ids of the records that it is in.

    A record that is new or gone is so with all that is under it, of which it says how many there are.
    """

    where: str
    fate: Fate
    attributes: tuple[AttributeChange, ...] = ()
    contents: tuple[tuple[str, int], ...] = ()


def parsed(text: str | None) -> Json | None:
    """Return a payload's JSON object; None when the text holds none."""
    try:
        child = json.loads(text or "")
    except ValueError:
        return None
    return child if isinstance(child, dict) else None


def changes(held: Json | None, current: Json | None) -> list[RecordChange]:
    """Return every record that differs, in the order of the payload."""
    return list(_record("child", "", held, current))


@cache
def _ids() -> Mapping[str, str]:
    """Return the id attribute of each list whose records are told apart by one."""
    found = {}
    for attribute in attributes():
        *parents, name = attribute.path.split(".")
        if parents and attribute.values == "id" and attribute.mandatory and name != _NO_RECORDS_ID:
            found[parents[-1].removesuffix("[]")] = name
    return found


def _record(where: str, path: str, held: Json | None, current: Json | None) -> Iterator[RecordChange]:
    if held is None and current is None:
        return
    if held is None or current is None:
        fate = Fate.NEW if held is None else Fate.PURGED
        yield RecordChange(where, fate, contents=_contents(held or current or {}))
        return
    changed = []
    below: list[RecordChange] = []
    prefix = f"{path}." if path else ""
    for name in dict.fromkeys([*current, *held]):
        before, after = held.get(name), current.get(name)
        if name in _ids():
            former, latter = _by_id(name, before), _by_id(name, after)
            for item in dict.fromkeys([*latter, *former]):
                inner = _inside(where, f"{name} {item}")
                below += _record(inner, f"{prefix}{name}[]", former.get(item), latter.get(item))
        elif isinstance(before, dict) or isinstance(after, dict):
            below += _record(_inside(where, name), f"{prefix}{name}", _object(before), _object(after))
        elif before != after:
            changed.append(AttributeChange(f"{prefix}{name}", name, before, after))
    if changed:
        yield RecordChange(where, Fate.CHANGED, tuple(changed))
    yield from below


def _inside(where: str, name: str) -> str:
    return name if where == "child" else f"{where}, {name}"


def _object(value: object) -> Json | None:
    return value if isinstance(value, dict) else None


def _by_id(name: str, records: object) -> dict[str, Json]:
    if not isinstance(records, list):
        return {}
    return {str(record.get(_ids()[name])): record for record in records if isinstance(record, dict)}


def _contents(record: Json) -> tuple[tuple[str, int], ...]:
    """Count the records under a record, those in them too."""
    counts: dict[str, int] = {}
    for name, value in record.items():
        inner = list(_by_id(name, value).values()) if name in _ids() else [value] if isinstance(value, dict) else []
        if inner:
            counts[name] = counts.get(name, 0) + len(inner)
        for each in inner:
            for below, number in _contents(each):
                counts[below] = counts.get(below, 0) + number
    return tuple(counts.items())
