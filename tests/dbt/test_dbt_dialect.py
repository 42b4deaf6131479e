"""The dialect macros answer awkward values as they should; both engines are asked the same."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2
import pytest
from dialect_cases import (
    ARRAY_OF_ALL,
    ARRAY_ROWS,
    CASES,
    CHARACTERS,
    CODES_CASES,
    DUPLICATES,
    ELEMENTS,
    ELEMENTS_TEXT,
    HASHED_AS,
    HASHED_TEXTS,
    KEPT,
    KNOWN_CODES,
    MEMBERS,
    MEMBERS_TEXT,
    NOTE_ROWS,
    NOTES,
    NOTES_BY_CONTENT,
    OBJECT_CASES,
    Case,
    CodesCase,
    ObjectCase,
)
from tsql_grammar import OLDER_VERSIONS, VERSIONS, refused

from submitter.project_files import project_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MACROS = project_root() / "macros"
ENGINES = ("duckdb", "sqlserver")
LONG = {"duckdb": "repeat('x', 5000)", "sqlserver": "replicate(cast(N'x' as nvarchar(max)), 5000)"}


class Dialect:
    """The project's own macro files, rendered for one engine, and for one SQL Server, the way dbt would.

    `volatile` blocks are those whose ids do not count.
    """

    def __init__(self, engine: str, server: int = 2017, volatile: tuple[str, ...] = ()) -> None:
        self.engine = engine
        self.server = server
        self.volatile = volatile
        self.dispatched: set[str] = set()
        environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
        paths = [*sorted((MACROS / "dialect").glob("*.sql")), MACROS / "codes.sql", MACROS / "rows.sql"]
        self._module: Any = environment.from_string(
            "\n".join(path.read_text(encoding="utf-8") for path in paths)
        ).make_module(
            {
                "return": lambda value: value,
                "adapter": self,
                "sql_server_before": self._is_before,
                "volatile_blocks": lambda: volatile,
                "has_content": lambda block: block in volatile,
                "nested_content": lambda nested: nested,
            }
        )
        self._words = {"text": self.sql("text_type"), "flag": self.sql("flag_type")}
        self._words |= {"timestamp": self.sql("timestamp_type"), "long": LONG[engine]}
        self._words |= {name: self._character(number) for name, number in CHARACTERS.items()}

    def dispatch(self, name: str, _: str) -> Callable[..., object]:
        """Stand where dbt's dispatch stands: the engine's own body."""
        self.dispatched.add(name)
        body: Callable[..., object] = getattr(self._module, f"{self.engine}__{name}")
        return body

    def _is_before(self, year: int) -> bool:
        return self.server < year

    def sql(self, macro: str, *arguments: object) -> str:
        """Render one macro call."""
        return str(getattr(self._module, macro)(*arguments)).strip()

    def call(self, macro: str, *arguments: object) -> str:
        """Render one macro call whose arguments are written as the cases write them."""
        return self.sql(macro, *[self._written(argument) for argument in arguments])

    def _written(self, argument: object) -> object:
        if isinstance(argument, dict):
            return {name: self._written(value) for name, value in argument.items()}
        if not isinstance(argument, str):
            return argument
        # A JSON text has braces too: only words are replaced.
        return re.sub(r"\{([a-z_]+)\}", lambda word: self._words[word[1]], argument)

    def _character(self, number: int) -> str:
        if self.engine == "duckdb":
            return f"chr({number})"
        # above 65,535 nchar takes what a literal writes only where the database's collation knows such characters
        return f"nchar({number})" if number < 0x10000 else f"N'{chr(number)}'"


DUCKDB, SQLSERVER = Dialect("duckdb"), Dialect("sqlserver")
OLDER_SQL_SERVERS = {version: Dialect("sqlserver", int(version)) for version in OLDER_VERSIONS}


def case_query(dialect: Dialect, case: Case) -> str:
    asked = dialect.call(case.macro, *case.arguments)
    return f"select {f'case when {asked} then 1 else 0 end' if case.condition else asked} as answer {case.source}"


def object_query(dialect: Dialect, case: ObjectCase) -> str:
    made = dialect.call("json_object", case.attributes, case.nested)
    return f"select cast({made} as {dialect.sql('text_type')}) as answer"


def aggregate_query(dialect: Dialect) -> str:
    order = f"number desc, {dialect.sql('binary_order', 'name')}"
    return f"select {dialect.sql('json_array_agg', 'number', order)} as answer from ({ARRAY_ROWS}) as item"


def short_array_query(dialect: Dialect) -> str:
    place = f"row_number() over (order by {dialect.sql('binary_order', 'name')})"
    item = (
        f"select {dialect.sql('json_string', 'entered.name')} as json, {place} as place from ({ARRAY_ROWS}) as entered"
    )
    return f"select {dialect.sql('json_short_array', 'item.json', 'item.place', 5)} as answer from ({item}) as item"


def arrays_query(dialect: Dialect) -> str:
    attributes = {"id": "item.id", "kind": "'n'", "note": "item.note"}
    arrays = dialect.sql(
        "json_arrays", "item", "number", attributes, "item.number", dialect.sql("binary_order", "item.id")
    )
    return f"with item as ({NOTE_ROWS}) {arrays}"


def members_query(dialect: Dialect, text: str) -> str:
    literal = "'" + text.replace("'", "''") + "'"
    source = f"from (select cast({literal} as {dialect.sql('text_type')}) as text) as entered"
    join = dialect.sql("json_members", "entered.text", "member")
    return f"select member.name, member.json, member.kind {source} {join}"


def elements_query(dialect: Dialect, text: str) -> str:
    literal = "'" + text.replace("'", "''") + "'"
    source = f"from (select cast({literal} as {dialect.sql('text_type')}) as text) as entered"
    return f"select element.position, element.json {source} {dialect.sql('json_elements', 'entered.text', 'element')}"


def object_agg_query(dialect: Dialect) -> str:
    order = dialect.sql("binary_order", "item.name")
    item = f"select {dialect.sql('json_string', 'entered.name')} as json, entered.name from ({ARRAY_ROWS}) as entered"
    return f"select {dialect.sql('json_object_agg', 'item.name', 'item.json', order)} as answer from ({item}) as item"


def codes_query(dialect: Dialect, case: CodesCase) -> str:
    literal = "'" + case.text.replace("'", "''") + "'"
    found = dialect.sql("json_array_has_code", "prepared.codes", "known.code")
    known = ", ".join(f"('{code}')" for code in KNOWN_CODES)
    return (
        f"select known.code from (select {dialect.sql('json_array_codes', literal)} as codes) as prepared "
        f"inner join (values {known}) as known (code) on {found}"
    )


def hash_query(dialect: Dialect, text: str) -> str:
    return f"select {dialect.call('sha256', text)} as answer"


def duplicates_query(dialect: Dialect) -> str:
    rank = dialect.sql("duplicate_rank", ["id"], ["day", "name"])
    return f"select id, day, name from (select id, day, name, {rank} as place {DUPLICATES}) as ranked where place = 1"


def all_queries(dialect: Dialect) -> list[str]:
    """Return every question of this file, for the engine that is not asked here."""
    return [
        *(case_query(dialect, case) for case in CASES),
        *(object_query(dialect, case) for case in OBJECT_CASES),
        *([] if dialect in OLDER_SQL_SERVERS.values() else newer_queries(dialect)),
        short_array_query(dialect),
        arrays_query(dialect),
        arrays_query(Dialect(dialect.engine, dialect.server, volatile=("item",))),
        *(codes_query(dialect, case) for case in CODES_CASES),
        *(hash_query(dialect, text) for text in HASHED_TEXTS),
        duplicates_query(dialect),
        *(f"select {dialect.sql(clock)} as answer" for clock in ("today", "now_utc")),
        f"select {dialect.sql('days_ago_utc', 99_999)} as answer",
        *(f"select cast(null as {dialect.sql(kind, *length)}) as answer" for kind, length in TYPE_CALLS),
        *(f"select {dialect.call('hex_sha256', text)} as answer" for text in HASHED_TEXTS),
        *(f"select {dialect.call('hash_number', text, 90)} as answer" for text in HASHED_TEXTS),
        dialect.sql("made_salt_sql", "salt"),
    ]


def newer_queries(dialect: Dialect) -> list[str]:
    """Return the questions that only SQL Server 2017 and later understand; models spare the older ones."""
    return [
        aggregate_query(dialect),
        members_query(dialect, MEMBERS_TEXT),
        elements_query(dialect, ELEMENTS_TEXT),
        object_agg_query(dialect),
    ]


TYPE_CALLS: list[tuple[str, tuple[int, ...]]] = [
    *(("text_type", ()), ("text_type", (48,))),
    *(("flag_type", ()), ("hash_type", ()), ("timestamp_type", ())),
]


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def answer(sql: str) -> object:
    ((value,),) = rows(sql)
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.macro} {str(case.arguments)[:60]}")
def test_macros_answer(case: Case) -> None:
    assert answer(case_query(DUCKDB, case)) == case.expected


@pytest.mark.parametrize("case", OBJECT_CASES, ids=lambda case: " ".join([*case.attributes, *case.nested]))
def test_json_objects_hold_what_they_were_given(case: ObjectCase) -> None:
    assert json.loads(str(answer(object_query(DUCKDB, case)))) == case.expected


def test_arrays_keep_their_order() -> None:
    assert json.loads(str(answer(aggregate_query(DUCKDB)))) == [2, 2, 2, 1]
    assert json.loads(str(answer(short_array_query(DUCKDB)))) == ARRAY_OF_ALL
    assert {number: json.loads(array) for number, array in rows(arrays_query(DUCKDB))} == NOTES
    found = rows(arrays_query(Dialect("duckdb", volatile=("item",))))
    assert {number: (json.loads(array), json.loads(content)) for number, array, content in found} == NOTES_BY_CONTENT


def test_json_is_taken_apart() -> None:
    found = sorted(rows(members_query(DUCKDB, MEMBERS_TEXT)))
    assert [(name, json.loads(text), kind) for name, text, kind in found] == MEMBERS
    found = sorted(rows(elements_query(DUCKDB, ELEMENTS_TEXT)))
    assert [(position, json.loads(text)) for position, text in found] == ELEMENTS
    assert rows(members_query(DUCKDB, ELEMENTS_TEXT)) == rows(elements_query(DUCKDB, MEMBERS_TEXT)) == []


def test_json_is_put_together() -> None:
    found = str(answer(object_agg_query(DUCKDB)))
    assert list(json.loads(found).items()) == [(name, name) for name in sorted(["b", 'a"', "B", "c"])]


@pytest.mark.parametrize("case", CODES_CASES, ids=lambda case: case.text)
def test_codes_are_found_in_a_json_array(case: CodesCase) -> None:
    assert {row[0] for row in rows(codes_query(DUCKDB, case))} == case.expected


def test_sha256_is_the_hash_of_the_text() -> None:
    for text, read in zip(HASHED_TEXTS, ("a", "A", "", "é\N{GRINNING FACE}", "x" * 5000), strict=True):
        assert answer(hash_query(DUCKDB, text)) == hashlib.sha256(read.encode(HASHED_AS["duckdb"])).digest()


def test_a_hash_is_written_and_drawn_from() -> None:
    for text in HASHED_TEXTS:
        written = answer(f"select {DUCKDB.call('hex_sha256', text)} as answer")
        assert bytes.fromhex(str(written)) == answer(hash_query(DUCKDB, text))
        assert str(written).isupper()
        assert answer(f"select {DUCKDB.call('hash_number', text, 90)} as answer") == int(str(written)[:6], 16) % 90


def test_one_of_several_duplicates_is_kept() -> None:
    assert sorted(rows(duplicates_query(DUCKDB))) == KEPT


def test_the_clock() -> None:
    assert answer(f"select {DUCKDB.sql('today')} = current_date") is True
    seconds = answer(f"select abs(epoch({DUCKDB.sql('now_utc')}) - epoch(now()))")
    assert isinstance(seconds, float)
    assert seconds < 5
    days = answer(f"select epoch({DUCKDB.sql('now_utc')} - {DUCKDB.sql('days_ago_utc', 99_999)}) / 86400")
    assert days == 99_999


def test_every_question_can_be_asked_here_too() -> None:
    for sql in all_queries(DUCKDB):
        rows(sql)


def test_every_macro_has_both_bodies_side_by_side() -> None:
    for path in (MACROS / "dialect").glob("*.sql"):
        text = path.read_text(encoding="utf-8")
        dispatched = re.findall(r"adapter\.dispatch\('(\w+)', 'csc_submit'\)", text)
        bodies = re.findall(r"\{%-? macro (\w+?)__(\w+)\(", text)
        older = [(server, name) for server, name in bodies if re.fullmatch(r"sqlserver_\d{4}", server)]
        for server, name in older:
            bodies.remove((server, name))
            assert f"{server}__{name}(" in text.split(f"macro sqlserver__{name}(")[1].split("endmacro")[0], name
        assert dispatched, path.name
        assert sorted(bodies) == sorted((engine, name) for engine in ENGINES for name in dispatched), path.name


def test_every_dispatched_macro_is_asked() -> None:
    dialect = Dialect("duckdb")
    dialect.dispatched.clear()
    all_queries(dialect)
    texts = [path.read_text(encoding="utf-8") for path in (MACROS / "dialect").glob("*.sql")]
    known = set(re.findall(r"adapter\.dispatch\('(\w+)'", "\n".join(texts)))
    # what the state strategy answers is a table, asked where whole nights are played; what an index is, no query asks;
    # whether JSON can be taken apart, the server is asked; its catalogue, where the source contract is tested
    asked_elsewhere = {"csc_state_sql", "clustered_by", "takes_json_apart", "catalogue_columns"}
    assert known - dialect.dispatched == asked_elsewhere


@pytest.mark.parametrize("version", [*OLDER_VERSIONS, *VERSIONS])
def test_the_other_body_of_each_case_is_tsql(tmp_path: Path, version: str) -> None:
    queries = all_queries(OLDER_SQL_SERVERS.get(version, SQLSERVER))
    assert refused(tmp_path, version, {str(number): sql for number, sql in enumerate(queries)}) == {}
