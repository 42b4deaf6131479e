"""What the macros must answer on every engine: one table, so that each engine is asked the same.

Arguments are SQL that both engines read. What they write differently stands in braces: a type (`{text}`, `{flag}`,
`{timestamp}`), a character of CHARACTERS (`{tab}`), or `{long}`, 5,000 times the letter x.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

CHARACTERS = {
    "tab": 9,
    "line_feed": 10,
    "return": 13,
    "nbsp": 160,
    "control": 1,
    "a_grave": 192,
    "e_acute": 233,
    "emoji": 0x1F600,
}
# How each engine writes a text as bytes before it hashes them.
HASHED_AS = {"duckdb": "utf-8", "sqlserver": "utf-16-le"}


@dataclass(frozen=True)
class Case:
    """A macro call and its answer; `condition` macros are asked through `case when ... then 1 else 0 end`."""

    macro: str
    arguments: tuple[object, ...]
    expected: object
    condition: bool = False
    source: str = ""


def said(*parts: str) -> str:
    """Concatenate SQL texts and characters, e.g. said("'a'", "{tab}")."""
    return "concat(" + ", ".join([*parts, "''"]) + ")"


def day(text: str) -> str:
    """Write a date, or a null of type date, e.g. day("2024-02-29")."""
    return f"cast('{text}' as date)" if text else "cast(null as date)"


NO_TEXT = "cast(null as {text})"
ID = "-A-Za-z0-9_"
WINDOW = f"from (select {day('2024-04-01')} as window_start, {day('2026-03-16')} as window_end) as cohort_window"

CASES = [
    Case("trimmed", (said("{tab}", "' a b '", "{line_feed}", "{return}", "{nbsp}"),), "a b"),
    Case("trimmed", (said("{tab}", "'  '", "{nbsp}"),), None),
    Case("trimmed", (said("' '", "{emoji}", "' '"),), "\N{GRINNING FACE}"),
    Case("trimmed", ("' it''s \"x\" \\ '",), 'it\'s "x" \\'),
    Case("trimmed", (said("' '", "{long}"),), "x" * 5000),
    Case("trimmed", (NO_TEXT,), None),
    Case("without_blanks", (said("' a '", "{tab}", "'b'", "{nbsp}", "{line_feed}", "'c '"),), "abc"),
    Case("without_blanks", ("'  '",), None),
    Case("without_blanks", (NO_TEXT,), None),
    Case("single_blanks", (said("'a   b'", "{tab}", "'  c'"),), "a b c"),
    Case("single_blanks", (said("'a'", "{nbsp}", "{return}", "{line_feed}", "'b'"),), "a b"),
    Case("single_blanks", (NO_TEXT,), None),
    Case("first_word", ("'LD-learning'",), "LD"),
    Case("first_word", ("'A4:placed'",), "A4"),
    Case("first_word", (said("'A4'", "{tab}", "'placed'"),), "A4"),
    Case("first_word", (said("'A4'", "{nbsp}", "'placed'"),), "A4"),
    Case("first_word", ("'A4'",), "A4"),
    Case("first_word", ("'- A4'",), ""),
    Case("first_word", ("''",), ""),
    Case("first_word", (NO_TEXT,), None),
    Case("first_chars", ("'abcdef'", 3), "abc"),
    Case("first_chars", ("'ab'", 3), "ab"),
    Case("first_chars", (NO_TEXT, 3), None),
    Case("contains_text", ("'former uAsC child'", "UASC"), 1, condition=True),
    Case("contains_text", (said("'u'", "{a_grave}", "'sc'"), "UASC"), 1, condition=True),
    Case("contains_text", ("'UAS C'", "UASC"), 0, condition=True),
    Case("contains_text", (NO_TEXT, "UASC"), 0, condition=True),
    Case("has_only", ("'Ab_-9'", ID, 1, 36), 1, condition=True),
    Case("has_only", ("'a b'", ID, 1, 36), 0, condition=True),
    Case("has_only", ("'a b'", "A-Za-z0-9 ", 1, 36), 1, condition=True),
    Case("has_only", (said("'a'", "{e_acute}"), ID, 1, 36), 0, condition=True),
    Case("has_only", (said("'a'", "{emoji}"), ID, 1, 36), 0, condition=True),
    Case("has_only", (said("'a'", "{line_feed}"), ID, 1, 36), 0, condition=True),
    Case("has_only", ("'a]'", ID, 1, 36), 0, condition=True),
    Case("has_only", ("''", ID, 1, 36), 0, condition=True),
    Case("has_only", ("'abcd'", ID, 1, 3), 0, condition=True),
    Case("has_only", (NO_TEXT, ID, 1, 3), 0, condition=True),
    Case("iso_date", ("'2024-02-29'",), date(2024, 2, 29)),
    Case("iso_date", ("cast('2024-02-29T23:59:59' as {timestamp})",), date(2024, 2, 29)),
    Case("iso_date", ("'2023-02-29'",), None),
    Case("iso_date", ("'unknown'",), None),
    Case("iso_date", (NO_TEXT,), None),
    Case("add_months", (day("2024-02-29"), 12), date(2025, 2, 28)),
    Case("add_months", (day("2024-03-31"), -1), date(2024, 2, 29)),
    Case("add_months", (day("2024-02-29"), -24), date(2022, 2, 28)),
    Case("add_months", (day(""), 12), None),
    Case("add_days", (day("2024-02-28"), 2), date(2024, 3, 1)),
    Case("add_days", (day("2024-01-01"), -1), date(2023, 12, 31)),
    Case("add_days", (day(""), 1), None),
    Case("calendar_date", ("2024", 3, 31), date(2024, 3, 31)),
    Case("json_value", ("'{\"F\": true}'", "$.F"), "true"),
    Case("json_value", ("'{\"F\": 1}'", "$.F"), "1"),
    Case("json_value", ('\'{"F": "Y"}\'', "$.F"), "Y"),
    Case("json_value", ('\'{"F": "it\'\'s \\"Y\\" \\\\ \\u00e9"}\'', "$.F"), 'it\'s "Y" \\ é'),
    Case("json_value", ("'{\"F\": null}'", "$.F"), None),
    Case("json_value", ('\'{"G": "Y"}\'', "$.F"), None),
    Case("json_value", ("'{\"F\": '", "$.F"), None),
    Case("json_value", ("''", "$.F"), None),
    Case("json_value", (NO_TEXT, "$.F"), None),
    Case("is_json_array", ("'[1]'",), 1, condition=True),
    Case("is_json_array", ("'[]'",), 1, condition=True),
    Case("is_json_array", ("'{\"a\": []}'",), 0, condition=True),
    Case("is_json_array", ("'[1'",), 0, condition=True),
    Case("is_json_array", ("'\"a\"'",), 0, condition=True),
    Case("is_json_array", ("''",), 0, condition=True),
    Case("is_json_array", (NO_TEXT,), 0, condition=True),
    Case("exact", (said("'aA'", "{e_acute}"),), "aA\N{LATIN SMALL LETTER E WITH ACUTE}"),
    Case("exact", (NO_TEXT,), None),
    Case("valid_json", ("'{\"a\":1}'",), '{"a":1}'),
    Case("valid_json", ("'{\"a\":1'",), None),
    Case("valid_json", ("''",), None),
    Case("valid_json", (NO_TEXT,), None),
    Case("json_joined", ("'{\"a\":1}'", '\'{"b":["}"]}\''), '{"a":1,"b":["}"]}'),
    Case("json_joined", ("'{\"a\":1}'", NO_TEXT), '{"a":1}'),
    Case("leading_code", ("'a4 - placed'", 2), "A4"),
    Case("leading_code", ("'A4-placed'", 6), "A4"),
    Case("leading_code", ("'a4: placed'", 6), "A4"),
    Case("leading_code", ("'rfcx'", 3), "RFC"),
    Case("leading_code", (NO_TEXT, 3), None),
    *(Case("yes_or_no", (f"'{yes}'",), expected=True) for yes in ("Y", "y", "T", "1", "true", "TRUE")),
    *(Case("yes_or_no", (f"'{no}'",), expected=False) for no in ("N", "n", "f", "0", "False")),
    *(Case("yes_or_no", (other,), None) for other in ("'yes'", "'2'", "''", NO_TEXT)),
    Case("is_id", ("'A-1_b'",), 1, condition=True),
    Case("is_id", ("'" + "a" * 36 + "'",), 1, condition=True),
    Case("is_id", ("'" + "a" * 37 + "'",), 0, condition=True),
    Case("is_id", ("'a b'",), 0, condition=True),
    Case("is_id", ("'a.b'",), 0, condition=True),
    Case("is_id", (NO_TEXT,), 0, condition=True),
    Case("postcode", (said("'sw1a '", "{tab}", "'  1aa '"),), "SW1A 1AA"),
    Case("postcode", ("'sw1a1aa'",), "SW1A1AA"),
    Case("postcode", ("'SW1A-1AA'",), None),
    Case("postcode", ("'AB1~ 2CD'",), None),
    Case("postcode", ("'AB1'",), None),
    Case("postcode", ("'AB12 3CD 4'",), None),
    Case("postcode", (NO_TEXT,), None),
    *(
        Case("has_upn_check_letter", (f"'{upn}'",), int(good), condition=True)
        for upn, good in (
            ("B801200005001", True),
            ("A801200005001", False),
            ("M80120000500A", True),
            ("M80120000500B", False),
            ("B80120000500I", False),
            ("B8012000O5001", False),
            ("B80120000500", False),
            ("1801200005001", False),
        )
    ),
    Case("has_upn_check_letter", (NO_TEXT,), 0, condition=True),
    Case("shown_code", ("'a4 - placed with Ann'",), "A4"),
    Case("shown_code", ("'Elizabeth'",), None),
    Case("shown_code", ("'01/02/2015'",), None),
    Case("shown_code", (said("'A'", "{e_acute}"),), None),
    Case("shown_code", (NO_TEXT,), None),
    Case("place_in", ("ABC", "'C'"), 3),
    Case("place_in", ("ABC", "'D'"), 0),
    Case("place_in", ("ABC", NO_TEXT), None),
    Case("text_bytes", ("'abc'",), 3),
    Case("text_bytes", ("{long}",), 5000),
    Case("text_bytes", (NO_TEXT,), None),
    Case("json_array_strings", ("'[]'",), 0),
    Case("json_array_strings", ('\'["1A", "2B"]\'',), 2),
    Case("json_array_strings", ('\'["a \\"q\\" b", "c\\\\"]\'',), 2),
    Case("json_array_strings", (NO_TEXT,), None),
    Case("json_string", (said("{e_acute}", "{emoji}"),), '"\u00e9\U0001f600"'),
    Case("json_string", ("'A4]_^'",), '"A4]_^"'),
    Case("json_string", (NO_TEXT,), None),
    Case("overlaps_window", (day("2020-01-01"), day("")), 1, condition=True, source=WINDOW),
    Case("overlaps_window", (day("2020-01-01"), day("2024-04-01")), 1, condition=True, source=WINDOW),
    Case("overlaps_window", (day("2020-01-01"), day("2024-03-31")), 0, condition=True, source=WINDOW),
    Case("overlaps_window", (day("2026-03-16"), day("2027-01-01")), 1, condition=True, source=WINDOW),
    Case("overlaps_window", (day("2026-03-17"), day("")), 0, condition=True, source=WINDOW),
    Case("overlaps_window", (day(""), day("")), 0, condition=True, source=WINDOW),
    Case("inside_window", (day("2024-04-01"),), 1, condition=True, source=WINDOW),
    Case("inside_window", (day("2026-03-16"),), 1, condition=True, source=WINDOW),
    Case("inside_window", (day("2026-03-17"),), 0, condition=True, source=WINDOW),
    Case("inside_window", (day(""),), 0, condition=True, source=WINDOW),
]


@dataclass(frozen=True)
class ObjectCase:
    """A JSON object made of attributes and nested JSON, and what it holds when it is read."""

    attributes: dict[str, str]
    nested: dict[str, str]
    expected: object


AWKWARD = said("'\"q\" \\ / ''s'' '", "{tab}", "{return}", "{line_feed}", "{control}", "{e_acute}", "{emoji}")
AWKWARD_READ = "\"q\" \\ / 's' \t\r\n\x01é\N{GRINNING FACE}"
OBJECT_CASES = [
    ObjectCase(
        {"id": "'1'", "none": NO_TEXT, "day": day("2024-02-29"), "number": "0"},
        {},
        {"id": "1", "day": "2024-02-29", "number": 0},
    ),
    ObjectCase({"yes": "cast(1 as {flag})", "no": "cast(0 as {flag})"}, {}, {"yes": True, "no": False}),
    ObjectCase({"none": "cast(null as {flag})", "day": day(""), "text": "''"}, {}, {"text": ""}),
    ObjectCase({"text": AWKWARD}, {}, {"text": AWKWARD_READ}),
    ObjectCase({"text": AWKWARD}, {"list": "'[\"}\"]'"}, {"text": AWKWARD_READ, "list": ["}"]}),
    ObjectCase(
        {"id": "'1'"},
        {"list": "'[{\"a\":1}]'", "none": NO_TEXT, "object": "'{\"b\":[]}'"},
        {"id": "1", "list": [{"a": 1}], "object": {"b": []}},
    ),
    ObjectCase({"id": "'1'"}, {"none": NO_TEXT}, {"id": "1"}),
    ObjectCase({"long": "{long}"}, {"list": "'[\"n\"]'"}, {"long": "x" * 5000, "list": ["n"]}),
]


# Rows of which arrays are made, and the arrays in the order of the names' code points, all in one and one a number.
ARRAY_ROWS = "select name, number from (values ('b', 2), ('a\"', 2), ('B', 2), ('c', 1)) as entered (name, number)"
ARRAY_OF_ALL = ["B", 'a"', "b", "c"]
ARRAYS = {1: ["c"], 2: ["B", 'a"', "b"]}


@dataclass(frozen=True)
class CodesCase:
    """A JSON array as an authority wrote it, and the codes of KNOWN_CODES that it holds."""

    text: str
    expected: frozenset[str]


KNOWN_CODES = ("1A", "2B", "20", "21", "2")
CODES_CASES = [
    CodesCase('["1A","2B"]', frozenset({"1A", "2B"})),
    CodesCase('[ " 1a - text" , "21" ]', frozenset({"1A", "21"})),
    CodesCase('["2B: it\'s text"]', frozenset({"2B"})),
    CodesCase('["1A2", "x1A"]', frozenset()),
    CodesCase('["said \\"1A\\" once"]', frozenset()),
    CodesCase('["1\\"A", "1\\\\A"]', frozenset()),
    CodesCase('["1A\\\\", "2B \\\\\\"x\\" y"]', frozenset({"1A", "2B"})),
    CodesCase('["   1A  -  x",\n"2B\N{NO-BREAK SPACE}y"]', frozenset({"1A", "2B"})),
    CodesCase("[]", frozenset()),
    CodesCase("[20]", frozenset()),
]

# An object and an array, and what json_members and json_elements make of each: rows in order of name or position.
MEMBERS_TEXT = (
    '{"t":"it\'s \\"q\\" \\\\ \\u0001 \\n","T":"","n":-1.5,"f":false,"z":null,'
    '"o":{"a":[1, {"b":"]"}]},"l":["x"],"e":{}}'
)
MEMBERS = [
    ("T", "", "scalar"),
    ("e", {}, "object"),
    ("f", False, "scalar"),
    ("l", ["x"], "array"),
    ("n", -1.5, "scalar"),
    ("o", {"a": [1, {"b": "]"}]}, "object"),
    ("t", 'it\'s "q" \\ \x01 \n', "scalar"),
    ("z", None, "scalar"),
]
ELEMENTS_TEXT = '[{"a":"]"}, 1, null, "{", [{"b":1}], {}, {"c":[{"d":2}]}]'
ELEMENTS = [(0, {"a": "]"}), (5, {}), (6, {"c": [{"d": 2}]})]

HASHED_TEXTS = ("'a'", "'A'", "''", said("{e_acute}", "{emoji}"), "{long}")

# Rows of which `duplicate_rank(['id'], ['day', 'name'])` keeps one an id.
DUPLICATES = """from (values
    ('1', cast('2024-01-01' as date), 'a')
    , ('1', cast('2024-01-02' as date), 'a')
    , ('1', cast('2024-01-02' as date), 'b')
    , ('2', cast(null as date), 'c')
    , ('2', cast(null as date), 'c')
) as entered (id, day, name)"""
KEPT = [("1", date(2024, 1, 2), "b"), ("2", None, "c")]
