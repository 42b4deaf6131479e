"""The JSON Schema of one child, made from the project's own copy of the attribute table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker

from submitter.reference import attributes, code_sets, patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

    from submitter.reference import Attribute

Schema = dict[str, Any]

_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST_DISABILITIES = 12
# Attribute 2c: these carry a purge of their own though they have no id.
_BLOCKS_WITH_PURGE = {"child_details", "health_and_wellbeing", "adoption", "care_leavers"}
_NO_PURGE_ID = "worker_id"
# Names are free text, but JSON can write half of a surrogate pair, which no UTF-8 can carry further.
_TEXT = r"^[^\ud800-\udfff]*$"

_dates = FormatChecker(formats=())


@_dates.checks("date", raises=ValueError)
def _is_calendar_date(value: object) -> bool:
    if isinstance(value, str):
        date.fromisoformat(value)
    return True


@dataclass(frozen=True)
class Breach:
    """One rule that a child breaks: where (`social_care_episodes[0].referral_source`) and which, never the value."""

    path: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


def _leaf(attribute: Attribute, *, nullable: bool) -> Schema:
    schema = _array(attribute) if attribute.type == "array of string" else _scalar(attribute)
    return _or_null(schema) if nullable and not attribute.mandatory else schema


def _or_null(schema: Schema) -> Schema:
    """Let null pass too. Of the other keywords only `enum` looks at it."""
    wider = {**schema, "type": [schema["type"], "null"]}
    return {**wider, "enum": [*schema["enum"], None]} if "enum" in schema else wider


def _array(attribute: Attribute) -> Schema:
    schema: Schema = {"type": "array", "items": _scalar(attribute)}
    if attribute.mandatory:  # attribute 12; nothing is said of repeated factors (25)
        schema |= {"minItems": 1, "maxItems": _MOST_DISABILITIES, "uniqueItems": True}
    return schema


def _scalar(attribute: Attribute) -> Schema:
    kinds = {
        "string": "string",
        "array of string": "string",
        "date": "string",
        "integer": "integer",
        "boolean": "boolean",
    }
    schema: Schema = {"type": kinds[attribute.type]}
    if attribute.max_length:
        schema["maxLength"] = attribute.max_length
    if attribute.type == "date":
        schema |= {"pattern": _whole(patterns()["date"]), "format": "date"}
    elif attribute.values in patterns():
        schema["pattern"] = _whole(patterns()[attribute.values])
    elif attribute.values in code_sets():
        schema["enum"] = list(code_sets()[attribute.values])
    elif found := _RANGE.fullmatch(attribute.values):
        schema |= {"minimum": int(found[1]), "maximum": int(found[2])}
    elif attribute.type == "string":
        schema["pattern"] = _whole(_TEXT)
    return schema


def _whole(pattern: str) -> str:
    """Python's `$` also matches before a last line end, the specification's does not."""
    return pattern.removesuffix("$") + r"\Z"


def _new_object() -> Schema:
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _place(root: Schema, attribute: Attribute, *, nullable: bool) -> None:
    """Put an attribute where its path says, making the objects and arrays on the way."""
    *parents, name = attribute.path.split(".")
    node = root
    for parent in parents:
        key = parent.removesuffix("[]")
        is_array = parent.endswith("[]")
        if key not in node["properties"]:
            inner = _new_object()
            node["properties"][key] = {"type": "array", "items": inner} if is_array else inner
            if key == "child_details":
                node["required"].append(key)
        node = node["properties"][key]["items"] if is_array else node["properties"][key]
    key = name.removesuffix("[]")
    node["properties"][key] = _leaf(attribute, nullable=nullable)
    if attribute.mandatory:
        node["required"].append(key)


def _add_purge(node: Schema, name: str, *, nullable: bool) -> None:
    """Give `purge` to every object that carries one; `purge: true` needs nothing but the object's ids beside it.

    A list whose records carry none is always sent whole, so a partial payload clears it with null.
    """
    for key, inner in node["properties"].items():
        if "properties" in inner:
            _add_purge(inner, key, nullable=nullable)
        elif "properties" in inner.get("items", {}):
            _add_purge(inner["items"], key, nullable=nullable)
            if nullable and "purge" not in inner["items"]["properties"]:
                node["properties"][key] = _or_null(inner)
    ids = [key for key in node["required"] if key.endswith("_id") and key != _NO_PURGE_ID]
    if not ids and name not in _BLOCKS_WITH_PURGE:
        return
    node["properties"]["purge"] = {"type": "boolean"}
    required = list(dict.fromkeys([*node.pop("required"), "purge"]))
    node |= {
        "if": {"properties": {"purge": {"const": True}}, "required": ["purge"]},
        "then": {"required": [*ids, "purge"]},
        "else": {"required": required},
    }


def child_schema(*, partial: bool) -> Schema:
    """Return the schema (draft 2020-12) of one child.

    The one for partial payloads takes every full one, and null besides, which clears an optional attribute.
    """
    root = _new_object()
    for attribute in attributes():
        if attribute.number not in {"1", "2c"}:  # the LA code is part of the URL; purge is added everywhere below
            _place(root, attribute, nullable=partial)
    _add_purge(root, "", nullable=partial)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}


@cache
def _validator(*, partial: bool) -> Draft202012Validator:
    return Draft202012Validator(child_schema(partial=partial), format_checker=_dates)


def breaches(child: object, *, partial: bool) -> list[Breach]:
    """Return every rule that a child (parsed JSON) breaks, each with its path; empty when it is valid."""
    found = [breach for error in _validator(partial=partial).iter_errors(child) for breach in _told(error)]
    return list(dict.fromkeys(found))


def _told(error: ValidationError) -> Iterator[Breach]:
    path = ""
    for part in error.absolute_path:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if error.validator == "required":
        present = error.instance if isinstance(error.instance, dict) else {}
        missing = [name for name in list(error.validator_value or ()) if name not in present]  # type: ignore[arg-type,unused-ignore]
        yield from (Breach(f"{path}.{name}".lstrip("."), "is required") for name in missing)
    elif error.validator == "additionalProperties":
        yield Breach(path or "child", "has an attribute that the specification does not know")
    else:
        yield Breach(path or "child", _rule(str(error.validator), error.validator_value))


def _rule(name: str, value: Any) -> str:  # noqa: ANN401 - whatever the schema holds there
    rules = {
        "type": f"must be of type {' or '.join(value) if isinstance(value, list) else value}",
        "maxLength": f"must have at most {value} characters",
        "pattern": "does not match the pattern",
        "format": "is not a date that exists",
        "enum": "is not in the code set",
        "minimum": f"must be at least {value}",
        "maximum": f"must be at most {value}",
        "minItems": f"must have at least {value} items",
        "maxItems": f"must have at most {value} items",
        "uniqueItems": "must not repeat an item",
    }
    return rules.get(name, f"breaks the rule {name}")
