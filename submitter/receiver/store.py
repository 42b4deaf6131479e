"""The children that the stand-in holds: keyed records, merged or replaced, purged and cleared."""

from __future__ import annotations

import json
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Child = dict[str, Any]
Mode = Literal["merge", "replace"]

_CHILD_ID = "la_child_id"
# The id of each array whose records are keyed; every other array is replaced whole.
_KEYS = {
    "social_care_episodes": "social_care_episode_id",
    "child_and_family_assessments": "child_and_family_assessment_id",
    "child_in_need_plans": "child_in_need_plan_id",
    "section_47_assessments": "section_47_assessment_id",
    "child_protection_plans": "child_protection_plan_id",
    "child_looked_after_placements": "child_looked_after_placement_id",
}


def applied(held: Child, sent: Mapping[str, Any], mode: Mode) -> Child:
    """Return what a record is after another version of it arrived.

    Keyed records and blocks that are not sent stay. A sent attribute replaces the one held, null clears it. An
    attribute that is not sent stays with mode `merge` and goes with mode `replace`. A list without ids
    (`care_worker_details`, `factors`, ...) is an attribute of its record: sent whole or not at all.
    """
    kept = {name: value for name, value in held.items() if mode == "merge" or name in _KEYS or isinstance(value, dict)}
    # In the order sent, so that a record sent whole is held exactly as it was sent.
    result: Child = {}
    for name, value in sent.items():
        if name in _KEYS and value is not None:
            new = _records(kept.get(name, []), value, _KEYS[name], mode)
            result |= {name: new} if new or not value else {}
        elif isinstance(value, dict):
            result |= {} if value.get("purge") is True else {name: applied(kept.get(name, {}), value, mode)}
        elif value is not None:
            result[name] = value
    return {**result, **{name: value for name, value in kept.items() if name not in sent}}


def _records(held: list[Child], sent: list[Child], key: str, mode: Mode) -> list[Child]:
    by_id = {record[key]: record for record in held}
    result: dict[str, Child] = {}
    for record in sent:
        if record.get("purge") is True:
            by_id.pop(record[key], None)
            result.pop(record[key], None)
        else:
            result[record[key]] = applied(by_id.pop(record[key], result.get(record[key], {})), record, mode)
    return [*result.values(), *by_id.values()]


def in_order_of_ids(child: Any) -> Any:  # noqa: ANN401 - parsed JSON
    """Return a child, or a part of one, with its keyed records in order of id: those are held by id, in no order."""
    if isinstance(child, list):
        return [in_order_of_ids(record) for record in child]
    if not isinstance(child, dict):
        return child
    return {
        name: sorted(in_order_of_ids(value), key=lambda record: str(record[_KEYS[name]]))
        if name in _KEYS and isinstance(value, list)
        else in_order_of_ids(value)
        for name, value in child.items()
    }


class ChildStore:
    """Children by `la_child_id`, each kept as JSON text: small, and nobody can change one by accident."""

    def __init__(self, mode: Mode = "merge") -> None:
        self._mode = mode
        self._children: dict[str, str] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._children)

    def ids(self) -> list[str]:
        """Return the ids held, in order."""
        return sorted(self._children)

    def get(self, la_child_id: str) -> Child | None:
        """Return a copy of one child, None when it is not held."""
        text = self._children.get(la_child_id)
        return None if text is None else json.loads(text)

    def receive(self, child: Child) -> None:
        """Take one valid child: purge it, or merge it into what is held."""
        la_child_id = child[_CHILD_ID]
        with self._lock:
            if child.get("purge") is True:
                self._children.pop(la_child_id, None)
                return
            held = self._children.get(la_child_id)
            new = applied(json.loads(held) if held else {}, child, self._mode)
            self._children[la_child_id] = json.dumps(new, ensure_ascii=False)
