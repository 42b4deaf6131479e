"""Any child the specification allows, drawn from the attribute table: it is valid, and held exactly as it was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from submitter.receiver.schema import breaches
from submitter.receiver.store import ChildStore, Mode
from submitter.reference import Attribute, attributes, code_sets

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

MODES: list[Mode] = ["merge", "replace"]
LETTERS = "ABCXYZabcxyz0189"


def scalars(attribute: Attribute) -> SearchStrategy[Any]:
    if attribute.values in code_sets():
        return st.sampled_from(code_sets()[attribute.values])
    kinds: dict[str, SearchStrategy[Any]] = {
        "date": st.dates().map(str),
        "boolean": st.booleans(),
        "integer": st.integers(0, 40),
    }
    texts: dict[str, SearchStrategy[Any]] = {
        "id": st.text(LETTERS + "_-", min_size=1, max_size=attribute.max_length),
        "upn": st.text(LETTERS, min_size=13, max_size=13),
        "postcode": st.text(LETTERS + " ", min_size=5, max_size=8),
    }
    free = st.text(st.characters(codec="utf-8"), max_size=attribute.max_length)
    return kinds.get(attribute.type, texts.get(attribute.values, free))


def value(draw: DrawFn, attribute: Attribute) -> object:
    if attribute.type != "array of string":
        return draw(scalars(attribute))
    least, most = (1, 12) if attribute.mandatory else (0, 20)
    return draw(st.lists(scalars(attribute), unique=attribute.mandatory, min_size=least, max_size=most))


def filled(draw: DrawFn, prefix: str) -> dict[str, Any]:
    """Draw the object whose attributes have paths that begin with `prefix`."""
    under = [each for each in attributes() if each.number not in {"1", "2c"} and each.path.startswith(prefix)]
    own = [each for each in under if "." not in each.path.removeprefix(prefix)]
    result: dict[str, Any] = {
        each.path.removeprefix(prefix).removesuffix("[]"): value(draw, each)
        for each in own
        if each.mandatory or draw(st.booleans())
    }
    name = prefix.rstrip(".").rpartition(".")[2]
    if name not in {"sdq_assessments[]", "care_worker_details[]"}:
        result["purge"] = False
    inner = dict.fromkeys(each.path.removeprefix(prefix).partition(".")[0] for each in under if each not in own)
    for part in inner:
        if part != "child_details" and not draw(st.booleans()):
            continue
        if not part.endswith("[]"):
            result[part] = filled(draw, f"{prefix}{part}.")
        else:
            result[part[:-2]] = records(draw, f"{prefix}{part}.")
    return result


def records(draw: DrawFn, prefix: str) -> list[dict[str, Any]]:
    drawn = [filled(draw, prefix) for _ in range(draw(st.integers(0, 2)))]
    key = next((name for name in drawn[0] if name.endswith("_id") and name != "worker_id"), None) if drawn else None
    return list({record[key]: record for record in drawn}.values()) if key else drawn


@st.composite
def children(draw: DrawFn) -> dict[str, Any]:
    return filled(draw, "")


@given(children(), st.sampled_from(MODES))
def test_any_child_sent_whole_is_valid_and_held_exactly(child: dict[str, Any], mode: Mode) -> None:
    assert breaches(child, partial=False) == []
    assert breaches(child, partial=True) == []
    store = ChildStore(mode)
    sent = json.dumps(child)
    for _ in range(2):
        store.receive(child)
        assert store.get(child["la_child_id"]) == json.loads(sent)
    assert json.dumps(child) == sent
    store.receive({"la_child_id": child["la_child_id"], "purge": True})
    assert len(store) == 0
