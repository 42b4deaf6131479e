"""The dialect macros answer awkward values as they should; both engines are asked the same."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2
import pytest
from dialect_cases import CASES, CHARACTERS, OBJECT_CASES, Case, ObjectCase
from tsql_grammar import VERSIONS, refused

from submitter.project_files import project_root

if TYPE_CHECKING:
    from collections.abc import Callable

MACROS = project_root() / "macros"
TYPES = {
    "duckdb": {"text": "varchar", "flag": "boolean", "char": "chr({})", "long": "repeat('x', 5000)"},
    "sqlserver": {
        "text": "nvarchar(max)",
        "flag": "bit",
        "char": "nchar({})",
        "long": "replicate(cast(N'x' as nvarchar(max)), 5000)",
    },
}


class Dialect:
    """The project's own macro files, rendered for one engine the way dbt would."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
        texts = [path.read_text(encoding="utf-8") for path in sorted((MACROS / "dialect").glob("*.sql"))]
        self._module: Any = environment.from_string("\n".join(texts)).make_module(
            {"return": lambda value: value, "adapter": self}
        )

    def dispatch(self, name: str, _: str) -> Callable[..., object]:
        """Stand where dbt's dispatch stands: the engine's own body."""
        body: Callable[..., object] = getattr(self._module, f"{self.engine}__{name}")
        return body

    def sql(self, macro: str, *arguments: object) -> str:
        """Render one macro call."""
        return str(getattr(self._module, macro)(*[self.written(argument) for argument in arguments])).strip()

    def written(self, argument: object) -> object:
        """Write an argument's types and characters the engine's way."""
        if isinstance(argument, dict):
            return {name: self.written(value) for name, value in argument.items()}
        if not isinstance(argument, str):
            return argument
        types = TYPES[self.engine]
        text = argument.replace("replicate_x_5000", types["long"])
        for name, number in CHARACTERS.items():
            text = text.replace("{" + name + "}", types["char"].format(number))
        return text.replace("{text}", types["text"]).replace("{flag}", types["flag"])


DUCKDB, SQLSERVER = Dialect("duckdb"), Dialect("sqlserver")


def query(dialect: Dialect, case: Case) -> str:
    answer = dialect.sql(case.macro, *case.arguments)
    return f"select case when {answer} then 1 else 0 end as answer" if case.condition else f"select {answer} as answer"


def answer(sql: str) -> object:
    with duckdb.connect() as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.macro} {case.arguments}")
def test_macros_answer(case: Case) -> None:
    assert answer(query(DUCKDB, case)) == case.expected


@pytest.mark.parametrize("case", OBJECT_CASES, ids=lambda case: " ".join(case.attributes))
def test_json_objects_hold_what_they_were_given(case: ObjectCase) -> None:
    text = answer(f"select {DUCKDB.sql('json_object', case.attributes, case.nested)} as answer")
    assert json.loads(str(text)) == case.expected


def test_aggregates_keep_their_order() -> None:
    rows = "from (values ('b', 2), ('a\"', 2), ('c', 1)) as item (name, number)"
    array = DUCKDB.sql("json_array_agg", "number", "number desc, name")
    assert json.loads(str(answer(f"select {array} {rows}"))) == [2, 2, 1]
    texts = DUCKDB.sql("json_string_array", "name", "number desc, " + DUCKDB.sql("binary_order", "name"))
    assert json.loads(str(answer(f"select {texts} {rows}"))) == ['a"', "b", "c"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('["1A","2B"]', {"1A", "2B"}),
        ('[ " 1a - text" , "21" ]', {"1A", "21"}),
        ('["1A2", "x1A"]', set()),
        ('["said \\"1A\\" once"]', set()),
        ("[]", set()),
        ("[20]", set()),
    ],
)
def test_codes_are_found_in_a_json_array(text: str, codes: set[str]) -> None:
    prepared = DUCKDB.sql("json_array_codes", "$text")
    found = set()
    for code in ("1A", "2B", "20", "21", "2"):
        with duckdb.connect() as connection:
            row = connection.execute(
                f"select case when {DUCKDB.sql('json_array_has_code', prepared, '$code')} then 1 else 0 end",
                {"text": text, "code": code},
            ).fetchone()
        found |= {code} if row == (1,) else set()
    assert found == codes


def test_sha256_is_32_bytes_and_tells_texts_apart() -> None:
    one, other = (answer(f"select {DUCKDB.sql('sha256', text)}") for text in ("'a'", "'A'"))
    assert isinstance(one, bytes)
    assert len(one) == 32
    assert one != other


def test_the_clock() -> None:
    assert answer(f"select {DUCKDB.sql('today')} = current_date") is True
    seconds = answer(f"select abs(epoch({DUCKDB.sql('now_utc')}) - epoch(now()))")
    assert isinstance(seconds, float)
    assert seconds < 5


def test_every_macro_has_both_bodies_side_by_side() -> None:
    for path in (MACROS / "dialect").glob("*.sql"):
        names = set(re.findall(r"\{%-? macro (\w+)\(", path.read_text(encoding="utf-8")))
        bodies = {engine: {name for name in names if name.startswith(f"{engine}__")} for engine in TYPES}
        plain = {re.sub(r"^\w+?__", "", name) for name in bodies["duckdb"]}
        assert plain == {re.sub(r"^\w+?__", "", name) for name in bodies["sqlserver"]}, path.name
        assert plain, path.name


@pytest.mark.parametrize("version", VERSIONS)
def test_the_other_body_of_each_case_is_tsql(tmp_path_factory: pytest.TempPathFactory, version: str) -> None:
    folder = tmp_path_factory.mktemp("dialect")
    queries = [query(SQLSERVER, case) for case in CASES]
    queries += [f"select {SQLSERVER.sql('json_object', case.attributes, case.nested)} as a" for case in OBJECT_CASES]
    for number, sql in enumerate(queries):
        (folder / f"{number}.sql").write_text(sql, encoding="utf-8")
    assert refused(folder, version) == {}
