"""The schema takes a child with every attribute and refuses each attribute when it is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from submitter.receiver.schema import breaches, child_schema
from submitter.reference import Attribute, attributes, code_sets

BODY_ATTRIBUTES = [each for each in attributes() if each.number not in {"1", "2c"}]


def example(attribute: Attribute) -> object:
    """A value that the specification allows."""
    if attribute.type == "date":
        return "2025-02-28"
    if attribute.type == "integer":
        return 40
    if attribute.type == "boolean":
        return True
    if attribute.type == "array of string":
        return [code_sets()[attribute.values][0]]
    if attribute.values in code_sets():
        return code_sets()[attribute.values][0]
    return {"id": "A-1_b", "upn": "A123456789012", "postcode": "SW1A 1AA"}.get(attribute.values, "Text")


def place(child: dict[str, Any], path: str, value: object) -> None:
    *parents, name = path.split(".")
    node = child
    for parent in parents:
        node = node.setdefault(parent[:-2], [{}])[0] if parent.endswith("[]") else node.setdefault(parent, {})
    node[name.removesuffix("[]")] = value


def whole_child() -> dict[str, Any]:
    child: dict[str, Any] = {}
    for attribute in BODY_ATTRIBUTES:
        place(child, attribute.path, example(attribute))
    child["purge"] = False
    episode = child["social_care_episodes"][0]
    for node in (
        child["child_details"],
        child["health_and_wellbeing"],
        episode,
        episode["adoption"],
        episode["care_leavers"],
    ):
        node["purge"] = False
    for name in (
        "child_and_family_assessments",
        "child_in_need_plans",
        "section_47_assessments",
        "child_protection_plans",
        "child_looked_after_placements",
    ):
        episode[name][0]["purge"] = False
    return child


def test_a_child_with_every_attribute_is_valid() -> None:
    assert breaches(whole_child(), partial=False) == []
    assert breaches(whole_child(), partial=True) == []


def shown(path: str) -> str:
    """How a breach names a path: the first record of each array."""
    return path.removesuffix("[]").replace("[]", "[0]")


@pytest.mark.parametrize("attribute", BODY_ATTRIBUTES, ids=lambda each: f"{each.number} {each.path}")
def test_each_attribute_is_checked(attribute: Attribute) -> None:
    wrong_values: list[object] = [{"not": "a value"}]
    wrong: dict[str, list[object]] = {
        "date": ["2023-02-30", "2023-2-3", "20230203", "2023-02-03\n", ""],
        "integer": [41, -1, 1.5, "12"],
        "boolean": ["false", 0],
        "array of string": [["nonsense"], "MOB", [["MOB"]]],
        "string": [7],
    }
    wrong_values += wrong[attribute.type]
    if attribute.type == "string" and attribute.max_length:
        wrong_values.append("A" * (attribute.max_length + 1))
    if attribute.values in {"id", "upn", "postcode"}:
        wrong_values += ["bad!", "", "A" * 13 + "\n"]
    if attribute.values in code_sets() and attribute.type == "string":
        wrong_values += ["??", code_sets()[attribute.values][0].lower() + " "]
    for value in wrong_values:
        child = whole_child()
        place(child, attribute.path, value)
        found = breaches(child, partial=False)
        assert found, value
        assert all(breach.path.startswith(shown(attribute.path)) for breach in found), found
        assert "nonsense" not in " ".join(map(str, found))


@pytest.mark.parametrize("attribute", BODY_ATTRIBUTES, ids=lambda each: f"{each.number} {each.path}")
def test_only_mandatory_attributes_are_required(attribute: Attribute) -> None:
    child = whole_child()
    *parents, name = attribute.path.split(".")
    node: Any = child
    for parent in parents:
        node = node[parent.removesuffix("[]")]
        node = node[0] if parent.endswith("[]") else node
    del node[name.removesuffix("[]")]
    expected = [f"{shown(attribute.path)}: is required"] if attribute.mandatory else []
    assert [str(breach) for breach in breaches(child, partial=False)] == expected


def test_purge_belongs_to_objects_with_an_id_and_to_four_blocks() -> None:
    found: list[str] = []

    def walk(node: dict[str, Any], path: str) -> None:
        if "purge" in node["properties"]:
            found.append(path)
        for name, inner in node["properties"].items():
            target = inner.get("items", inner)
            if "properties" in target:
                walk(target, f"{path}.{name}".lstrip("."))

    walk(child_schema(partial=False), "")
    episode = "social_care_episodes"
    assert sorted(found) == sorted(
        [
            "",
            "child_details",
            "health_and_wellbeing",
            episode,
            *(
                f"{episode}.{name}"
                for name in (
                    "adoption",
                    "care_leavers",
                    "child_and_family_assessments",
                    "child_in_need_plans",
                    "section_47_assessments",
                    "child_protection_plans",
                    "child_looked_after_placements",
                )
            ),
        ]
    )


EPISODE = "social_care_episodes[0]"
KEYED = [
    f"{EPISODE}.{name}[0]"
    for name in (
        "child_and_family_assessments",
        "child_in_need_plans",
        "section_47_assessments",
        "child_protection_plans",
        "child_looked_after_placements",
    )
]
WITH_PURGE = [
    "",
    "child_details",
    "health_and_wellbeing",
    EPISODE,
    *KEYED,
    f"{EPISODE}.adoption",
    f"{EPISODE}.care_leavers",
]
WITHOUT_PURGE = ["health_and_wellbeing.sdq_assessments[0]", f"{EPISODE}.care_worker_details[0]"]


def node_at(child: dict[str, Any], path: str) -> dict[str, Any]:
    node: Any = child
    for part in path.replace("[0]", ".0").split(".") if path else []:
        node = node[0 if part == "0" else part]
    assert isinstance(node, dict)
    return node


@pytest.mark.parametrize("path", [*WITH_PURGE, *WITHOUT_PURGE])
def test_unknown_attributes_are_refused_without_being_quoted(path: str) -> None:
    child = whole_child()
    node_at(child, path)["nick_name"] = "Secret"
    for partial in (False, True):
        (breach,) = breaches(child, partial=partial)
        assert str(breach) == f"{path or 'child'}: has an attribute that the specification does not know"


@pytest.mark.parametrize("path", WITH_PURGE)
def test_purge_is_mandatory_where_it_belongs(path: str) -> None:
    child = whole_child()
    del node_at(child, path)["purge"]
    for partial in (False, True):
        assert [str(each) for each in breaches(child, partial=partial)] == [f"{path}.purge: is required".lstrip(".")]


@pytest.mark.parametrize("path", WITHOUT_PURGE)
def test_purge_is_unknown_elsewhere(path: str) -> None:
    child = whole_child()
    node_at(child, path)["purge"] = False
    assert [each.path for each in breaches(child, partial=True)] == [path]


@pytest.mark.parametrize("path", [f"{EPISODE}.care_worker_details", "health_and_wellbeing.sdq_assessments"])
def test_null_clears_a_list_without_ids_in_a_partial_payload_only(path: str) -> None:
    child = whole_child()
    parent, _, name = path.rpartition(".")
    node_at(child, parent)[name] = None
    assert breaches(child, partial=True) == []
    assert [str(each) for each in breaches(child, partial=False)] == [f"{path}: must be of type array"]


@pytest.mark.parametrize("path", [path for path in KEYED if path != EPISODE])
def test_null_clears_no_keyed_records(path: str) -> None:
    child = whole_child()
    parent, _, name = path.removesuffix("[0]").rpartition(".")
    node_at(child, parent)[name] = None
    assert [str(each) for each in breaches(child, partial=True)] == [f"{parent}.{name}: must be of type array"]


def test_a_purge_needs_only_ids() -> None:
    assert breaches({"la_child_id": "1", "purge": True}, partial=True) == []
    child = whole_child()
    child["social_care_episodes"] = [{"social_care_episode_id": "e", "purge": True}]
    assert breaches(child, partial=True) == []
    assert [str(each) for each in breaches({"la_child_id": "1", "purge": False}, partial=True)] == [
        "child_details: is required"
    ]


def test_null_clears_in_a_partial_payload_only() -> None:
    child = whole_child()
    child["child_details"]["ethnicity"] = None
    assert breaches(child, partial=True) == []
    assert breaches(child, partial=False)
    child["child_details"]["date_of_birth"] = 7
    assert "child_details.date_of_birth: must be of type string or null" in map(str, breaches(child, partial=True))
    child["child_details"]["date_of_birth"] = None
    mandatory = copy.deepcopy(child)
    mandatory["child_details"]["sex"] = None
    assert breaches(mandatory, partial=True)


def test_at_most_twelve_disabilities_none_twice() -> None:
    child = whole_child()
    child["child_details"]["disabilities"] = list(code_sets()["disability"])
    assert [breach.rule for breach in breaches(child, partial=False)] == ["must have at most 12 items"]
    child["child_details"]["disabilities"] = ["MOB", "MOB"]
    assert [breach.rule for breach in breaches(child, partial=False)] == ["must not repeat an item"]
    child["child_details"]["disabilities"] = []
    assert [breach.rule for breach in breaches(child, partial=False)] == ["must have at least 1 items"]
