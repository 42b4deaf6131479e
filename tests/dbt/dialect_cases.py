"""What the dialect macros must answer on every engine: one table, so that each engine is asked the same.

Arguments are SQL that both engines read. An awkward character is an argument of its own: `{tab}`, `{nbsp}` and so on
stand for the engine's way to write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

CHARACTERS = {"tab": 9, "line_feed": 10, "return": 13, "nbsp": 160, "control": 1, "e_acute": 233}


@dataclass(frozen=True)
class Case:
    """A macro call and its answer; `condition` macros are asked through `case when ... then 1 else 0 end`."""

    macro: str
    arguments: tuple[object, ...]
    expected: object
    condition: bool = False


def said(*parts: str) -> str:
    """Concatenate SQL texts and characters, e.g. said("'a'", "{tab}")."""
    return "concat(" + ", ".join([*parts, "''"]) + ")"


CASES = [
    Case("trimmed", (said("{tab}", "' a b '", "{line_feed}", "{return}", "{nbsp}"),), "a b"),
    Case("trimmed", (said("{tab}", "'  '", "{nbsp}"),), None),
    Case("trimmed", ("cast(null as {text})",), None),
    Case("without_blanks", (said("' a '", "{tab}", "'b'", "{nbsp}", "{line_feed}", "'c '"),), "abc"),
    Case("without_blanks", ("'  '",), None),
    Case("single_blanks", (said("'a   b'", "{tab}", "'  c'"),), "a b c"),
    Case("first_word", ("'LD-learning'",), "LD"),
    Case("first_chars", ("'abcdef'", 3), "abc"),
    Case("first_chars", ("'ab'", 3), "ab"),
    Case("contains_text", ("'former uAsC child'", "UASC"), 1, condition=True),
    Case("contains_text", ("'UAS C'", "UASC"), 0, condition=True),
    Case("contains_text", ("cast(null as {text})", "UASC"), 0, condition=True),
    Case("has_only", ("'Ab_-9'", "A-Za-z0-9_-", 1, 36), 1, condition=True),
    Case("has_only", ("'a b'", "A-Za-z0-9_-", 1, 36), 0, condition=True),
    Case("has_only", ("'a b'", "A-Za-z0-9 ", 1, 36), 1, condition=True),
    Case("has_only", (said("'a'", "{e_acute}"), "A-Za-z0-9_-", 1, 36), 0, condition=True),
    Case("has_only", ("''", "A-Za-z0-9_-", 1, 36), 0, condition=True),
    Case("has_only", ("'abcd'", "A-Za-z0-9_-", 1, 3), 0, condition=True),
    Case("iso_date", ("'2024-02-29'",), date(2024, 2, 29)),
    Case("iso_date", ("'2023-02-29'",), None),
    Case("iso_date", ("''",), None),
    Case("add_months", ("cast('2024-02-29' as date)", 12), date(2025, 2, 28)),
    Case("add_months", ("cast('2024-03-31' as date)", -1), date(2024, 2, 29)),
    Case("add_days", ("cast('2024-02-28' as date)", 2), date(2024, 3, 1)),
    Case("calendar_date", ("2024", 3, 31), date(2024, 3, 31)),
    Case("json_value", ("'{\"F\": true}'", "$.F"), "true"),
    Case("json_value", ("'{\"F\": 1}'", "$.F"), "1"),
    Case("json_value", ('\'{"F": "Y"}\'', "$.F"), "Y"),
    Case("json_value", ('\'{"G": "Y"}\'', "$.F"), None),
    Case("json_value", ("'{\"F\": '", "$.F"), None),
    Case("json_value", ("''", "$.F"), None),
    Case("is_json_array", ("'[1]'",), 1, condition=True),
    Case("is_json_array", ("'{\"a\": []}'",), 0, condition=True),
    Case("is_json_array", ("'[1'",), 0, condition=True),
    Case("is_json_array", ("'\"a\"'",), 0, condition=True),
]


@dataclass(frozen=True)
class ObjectCase:
    """A JSON object made of attributes and nested JSON, and what it holds when it is read."""

    attributes: dict[str, str]
    nested: dict[str, str]
    expected: object


AWKWARD = said("'\"q\" \\ / '", "{tab}", "{control}", "{e_acute}")
OBJECT_CASES = [
    ObjectCase(
        {"id": "'1'", "none": "cast(null as {text})", "day": "cast('2024-02-29' as date)", "number": "0"},
        {},
        {"id": "1", "day": "2024-02-29", "number": 0},
    ),
    ObjectCase({"yes": "cast(1 as {flag})", "no": "cast(0 as {flag})"}, {}, {"yes": True, "no": False}),
    ObjectCase({"text": AWKWARD}, {}, {"text": '"q" \\ / \t\x01é'}),
    ObjectCase(
        {"id": "'1'"},
        {"list": "'[{\"a\":1}]'", "none": "cast(null as {text})", "object": "'{\"b\":[]}'"},
        {"id": "1", "list": [{"a": 1}], "object": {"b": []}},
    ),
    ObjectCase({"long": "replicate_x_5000"}, {"list": "'[\"n\"]'"}, {"long": "x" * 5000, "list": ["n"]}),
]
