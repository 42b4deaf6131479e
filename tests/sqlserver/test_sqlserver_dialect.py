"""The dialect macros answer on a live server as the cases say, which are those that DuckDB is asked."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from dialect_cases import (
    ARRAY_OF_ALL,
    CASES,
    CODES_CASES,
    HASHED_AS,
    HASHED_TEXTS,
    KEPT,
    NOTES,
    NOTES_BY_CONTENT,
    OBJECT_CASES,
    Case,
    CodesCase,
    ObjectCase,
)
from test_dbt_dialect import (
    SQLSERVER,
    Dialect,
    aggregate_query,
    arrays_query,
    case_query,
    codes_query,
    duplicates_query,
    hash_query,
    object_query,
    short_array_query,
)

if TYPE_CHECKING:
    from live_server import LiveDatabase


# Babelfish makes concat varchar, hands json_value's text out as it is written, null as a word, and escapes UTF-8 bytes.
BABELFISH_ERRS = {
    ("trimmed", "concat(' ', {emoji}, ' ', '')"),
    ("json_value", """'{"F": "it''s \\"Y\\" \\\\ \\u00e9"}'"""),
    ("json_value", """'{"F": null}'"""),
    ("json_string", "concat({e_acute}, {emoji}, '')"),
}


def answer(database: LiveDatabase, sql: str) -> object:
    ((value,),) = database.execute(sql)
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.macro} {str(case.arguments)[:60]}")
def test_macros_answer(database: LiveDatabase, case: Case) -> None:
    if database.is_babelfish and (case.macro, case.arguments[0]) in BABELFISH_ERRS:
        pytest.xfail("Babelfish answers otherwise than SQL Server documents")
    assert answer(database, case_query(SQLSERVER, case)) == case.expected


@pytest.mark.parametrize("case", OBJECT_CASES, ids=lambda case: " ".join([*case.attributes, *case.nested]))
def test_json_objects_hold_what_they_were_given(database: LiveDatabase, case: ObjectCase) -> None:
    assert json.loads(str(answer(database, object_query(SQLSERVER, case)))) == case.expected


def test_arrays_keep_their_order(database: LiveDatabase) -> None:
    assert json.loads(str(answer(database, aggregate_query(SQLSERVER)))) == [2, 2, 2, 1]
    assert json.loads(str(answer(database, short_array_query(SQLSERVER)))) == ARRAY_OF_ALL
    found = database.execute(arrays_query(SQLSERVER))
    assert {number: json.loads(array) for number, array in found} == NOTES
    found = database.execute(arrays_query(Dialect("sqlserver", volatile=("item",))))
    assert {number: (json.loads(array), json.loads(content)) for number, array, content in found} == NOTES_BY_CONTENT


@pytest.mark.parametrize("case", CODES_CASES, ids=lambda case: case.text)
def test_codes_are_found_in_a_json_array(database: LiveDatabase, case: CodesCase) -> None:
    assert {row[0] for row in database.execute(codes_query(SQLSERVER, case))} == case.expected


def test_sha256_is_the_hash_of_the_text(database: LiveDatabase) -> None:
    for text, read in zip(HASHED_TEXTS, ("a", "A", "", "é\N{GRINNING FACE}", "x" * 5000), strict=True):
        # Babelfish keeps text as PostgreSQL does
        encoding = HASHED_AS["duckdb" if database.is_babelfish else "sqlserver"]
        expected = hashlib.sha256(read.encode(encoding)).digest()
        assert answer(database, hash_query(SQLSERVER, text)) == expected


def test_one_of_several_duplicates_is_kept(database: LiveDatabase) -> None:
    assert sorted(database.execute(duplicates_query(SQLSERVER))) == KEPT
