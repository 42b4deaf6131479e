"""Every piece of SQL that the project can send to SQL Server is T-SQL, by Microsoft's own grammar; no server needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tsql_grammar import VERSIONS, refused

from submitter.project_files import project_root
from submitter.state import Answered, Attempt, RunEnd, RunStart, StateStore, Status, Verdict, now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_PARAMETERS = 2100
ROOT = project_root()
# Everything around the models that dbt sends: the statements that keep the state, in this project's own macros.
STATE_STATEMENTS = """
{%- set state = api.Relation.create(database='csc', schema='csc', identifier='ssd_api_data_staging', type='table') -%}
{%- set changed = api.Relation.create(database='csc', schema='csc', identifier='changed', type='table') -%}
{{ get_incremental_csc_state_sql({'target_relation': state, 'temp_relation': changed}) }}
{{ empty_state() }}
"""


@dataclass(frozen=True)
class Compiled:
    """The project compiled for SQL Server: SQL by node name, and what the manifest says of the nodes."""

    models: dict[str, str]
    data_tests: dict[str, str]
    state_statements: str
    manifest: dict[str, Any]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("tsql")
    output = {"type": "sqlserver", "backend": "mssql-python", "host": "localhost", "database": "csc", "schema": "csc"}
    profile = {"csc": {"target": "sqlserver", "outputs": {"sqlserver": {**output, "user": "x", "password": "x"}}}}
    (folder / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")

    def dbt(*arguments: str) -> str:
        finished = subprocess.run(
            [
                *(sys.executable, "-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
                *("--no-use-colors", "--quiet", "compile", "--no-introspect", "--no-populate-cache"),
                *("--project-dir", str(ROOT), "--profiles-dir", str(folder)),
                *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), *arguments),
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    dbt()
    manifest: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    texts: dict[str, dict[str, str]] = {"model": {}, "test": {}}
    for node in manifest["nodes"].values():
        if node["resource_type"] in texts:
            path = folder / "target" / "compiled" / "csc_submit" / node["original_file_path"]
            if node["resource_type"] == "test":
                path = path / node["path"]
            texts[node["resource_type"]][node["name"]] = path.read_text(encoding="utf-8")
    return Compiled(texts["model"], texts["test"], dbt("--inline", STATE_STATEMENTS), manifest)


@dataclass
class Recorder:
    """Stands where a SQL Server session would, and keeps what the submitter says to it."""

    engine: str = "sqlserver"
    statements: list[tuple[str, int]] = field(default_factory=list)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.statements.append((sql, len(parameters)))
        return [(1, 2)] if sql.startswith("select") else []

    def commit(self) -> None:
        """Do nothing."""

    def rollback(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def submitter_statements() -> list[tuple[str, int]]:
    """Every statement of the submitter, for a full batch of 100 children."""
    recorder = Recorder()
    store = StateStore(recorder, "csc", "ssd_api_data_staging")
    people = [f"{number:036d}" for number in range(100)]
    attempt = Attempt("run", "batch", 1, 200, "request", 5)
    store.check()
    store.waiting(Status.PENDING, Status.ERROR)
    for status in Status:
        store.next_children(status, now(), "", 100)
    store.take_off("batch", people)
    store.in_flight("batch")
    store.batches_in_flight()
    for verdict in Verdict:
        store.settle(attempt, [Answered(person_id, verdict, "text") for person_id in people])
    store.land("batch", people, Status.ERROR)
    store.start_run(RunStart("run", "host", "user", "1", "https://x", "999", "full"), 5)
    store.end_run("run", RunEnd(1, 2, 3, "done", 1))
    return recorder.statements


def all_tsql(compiled: Compiled) -> dict[str, str]:
    """Every text, in the forms in which it is sent.

    dbt-sqlserver makes a view of each model and each data test, fills a table from that view, and makes a seed's
    table from its column types.
    """
    texts = {"state_statements": compiled.state_statements}
    for number, sql in enumerate(compiled.data_tests.values()):
        texts[f"data_test_{number:03d}"] = f"create view [csc].[testview_{number}] as {sql}"
    for name, sql in compiled.models.items():
        texts[f"{name}__select"] = sql
        texts[f"{name}__view"] = f"create or alter view [csc].[{name}] as {sql}"
        texts[f"{name}__table"] = f"select * into [csc].[{name}] from [csc].[{name}__dbt_tmp_vw]"
    for node in compiled.manifest["nodes"].values():
        if node["resource_type"] == "seed":
            columns = ", ".join(f"[{name}] {kind}" for name, kind in node["config"]["column_types"].items())
            texts[f"{node['name']}__seed"] = f"create table [csc].[{node['name']}] ({columns})"
    for number, (sql, _) in enumerate(submitter_statements()):
        texts[f"submitter_{number:02d}"] = re.sub(r"\?", "@p", sql)
    return texts


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_parses(compiled: Compiled, tmp_path: Path, version: str) -> None:
    texts = all_tsql(compiled)
    for name, sql in texts.items():
        (tmp_path / f"{name}.sql").write_text(sql, encoding="utf-8")
    assert len(list(tmp_path.glob("*.sql"))) == len(texts)
    (tmp_path / "broken.sql").write_text("select a from t limit 5", encoding="utf-8")
    assert list(refused(tmp_path, version)) == ["broken.sql"]


def test_nothing_is_left_out(compiled: Compiled) -> None:
    kinds = [node["resource_type"] for node in compiled.manifest["nodes"].values()]
    assert len(compiled.models) == kinds.count("model") > 35
    assert len(compiled.data_tests) == kinds.count("test") > 50
    assert all(text.strip() for text in (*compiled.models.values(), *compiled.data_tests.values()))
    # the state model in its nightly form reads itself; the first run's form is the empty state instead
    assert '"csc"."csc"."ssd_api_data_staging"' in compiled.models["ssd_api_data_staging"]
    for part in ("update state", "insert into", "delete from", "begin transaction", "where 1 = 0"):
        assert part in compiled.state_statements


@pytest.mark.parametrize(
    "broken",
    [
        "select a from t limit 5",
        "select (a = b) as c from t",
        "select (a from t",
        "select a from t where a is true",
        "create or replace view v as select 1 as a",
        "select distinct on (a) a from t",
        "insert into t values (1) returning a",
        "select string_agg(a, ',' order by a) from t",
        "select a from t where a ilike 'x'",
    ],
)
def test_broken_tsql_is_caught(tmp_path: Path, broken: str) -> None:
    (tmp_path / "good.sql").write_text("select a from t", encoding="utf-8")
    (tmp_path / "broken.sql").write_text(broken, encoding="utf-8")
    for version in VERSIONS:
        assert list(refused(tmp_path, version)) == ["broken.sql"]


def test_what_only_newer_servers_know_is_caught(tmp_path: Path) -> None:
    (tmp_path / "concatenation.sql").write_text("select a || b from t", encoding="utf-8")
    assert [bool(refused(tmp_path, version)) for version in VERSIONS] == [True, True, False, False]


def test_no_statement_of_a_full_batch_has_too_many_parameters() -> None:
    statements = submitter_statements()
    assert len(statements) > 10
    for sql, parameters in statements:
        assert sql.count("?") == parameters
        assert parameters < MOST_PARAMETERS
        assert "merge" not in sql.lower()


def test_model_text_is_ascii(compiled: Compiled) -> None:
    for folder in ("models", "macros", "dbt_project"):
        for path in (ROOT / folder).rglob("*.sql"):
            assert path.read_text(encoding="utf-8").isascii(), path
    for name, sql in compiled.models.items():
        assert sql.isascii(), name


def without_comments_and_texts(sql: str) -> str:
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", sql)


def outside_parentheses(sql: str) -> str:
    """The text of a query that is in no parentheses: its final select and the names of its CTEs."""
    depth = 0
    kept = []
    for sign in sql:
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            kept.append(sign)
    return "".join(kept)


def test_models_keep_to_the_portable_style(compiled: Compiled) -> None:
    problems = []
    for name, sql in compiled.models.items():
        text = without_comments_and_texts(sql)
        final = outside_parentheses(text).rsplit("select", 1)[-1]
        if re.search(r"(^|[\s,.])\*", final):
            problems.append(f"{name}: select * in the final select")
        if re.search(r"\border by\b", outside_parentheses(text)):
            problems.append(f"{name}: order by in a view")
        if re.search(r"group by \d", text):
            problems.append(f"{name}: group by a number")
        if re.search(r"(?<!^)\(\s*with\b", text):
            problems.append(f"{name}: a CTE inside a subquery")
    assert problems == []


def test_models_hold_no_engine_of_their_own() -> None:
    forbidden = re.compile(
        r"\|\||::|\blimit\b|\bsqlserver\b|\bduckdb\b|target\.type|\bisnull\(|\bgetdate\(|\bnvarchar\b|\bvarchar\b"
        r"|\bhashbytes\b|\bstring_agg\b|\bdatefromparts\b|\bmake_date\b|\bfor json\b|\bcollate\b|\bdateadd\b|\bnolock\b"
    )
    problems = []
    for path in (ROOT / "models").rglob("*.sql"):
        text = re.sub(r"\{#.*?#\}|--[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        problems += [f"{path.name}: {match[0]}" for match in forbidden.finditer(text)]
        if re.search(r"\b(SELECT|FROM|WHERE|JOIN|AND|CASE|AS|CAST)\b", text):
            problems.append(f"{path.name}: capitals")
        if re.search(r",[ \t]*\n", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)):
            problems.append(f"{path.name}: a comma at the end of a line")
    assert problems == []
