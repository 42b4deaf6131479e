"""Every piece of SQL that the project can send to SQL Server is T-SQL, by Microsoft's own grammar; no server needed."""

from __future__ import annotations

import ast
import inspect
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from dbt_project_runner import compiled_for_sqlserver, compiled_texts, copied_project
from tsql_grammar import VERSIONS, aggregates_over_subqueries, refused, without_comments_and_texts

from submitter.audit.rejected import AT_ONCE, RejectedChildren
from submitter.audit.standing import standing
from submitter.audit.tables import Tables
from submitter.audit.trail import Trail
from submitter.connection import Statement
from submitter.diagnostics.database import LEVEL, SERVER, check_rights
from submitter.diagnostics.report import Report
from submitter.diagnostics.schema import check_schema
from submitter.project_files import project_root
from submitter.sqlserver_connection import LAST_RUN, LOCK, SESSION
from submitter.state import Answered, Attempt, Record, RunEnd, RunStart, Settlement, StateStore, Status, Verdict, now
from submitter.validation.pending import PAGE, PendingPayloads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_PARAMETERS = 2100
ROOT = project_root()
STATE = '"csc"."csc"."ssd_api_data_staging"'
NIGHTLY, FIRST_RUN = "is_incremental() if flags.INTROSPECT else true", "false"
# Models that look otherwise on the first run, or with variable csc_volatile_ids.
OTHER_FORMS = {"ssd_api_data_staging": "ssd_api_data_staging__first_run", "payload": "payload__volatile_ids"}
THE_SELECT = "the_select_of_the_node"
ANONYMISED = ("payload", "changed_child")
# What stands around the models: analyses of the altered copy, so that dbt itself renders the macros, its own and ours.
ANALYSES = {
    "state_strategy": """
        {%- set state = api.Relation.create(database='csc', schema='csc', identifier='ssd_api_data_staging') -%}
        {%- set changed = api.Relation.create(database='csc', schema='csc', identifier='changed') -%}
        {{ get_incremental_csc_state_sql({'target_relation': state, 'temp_relation': changed}) }}
    """,
    # while csc_audit_days is 0 there is none of it
    "retention": """
        {%- set state = api.Relation.create(database='csc', schema='csc', identifier='ssd_api_data_staging') -%}
        {%- set events = api.Relation.create(database='csc', schema='csc', identifier='submission_event') -%}
        {%- set runs = api.Relation.create(database='csc', schema='csc', identifier='submission_run') -%}
        {{ event_retention_sql(events, state, 400) }}
        {{ run_retention_sql(runs, events, state, 400) }}
    """,
    "view_around": f"""
        {{%- set view = api.Relation.create(database='csc', schema='csc', identifier='some_view', type='view') -%}}
        {{{{ get_create_view_as_sql(view, "{THE_SELECT}") }}}}
    """,
    "data_test_around": f"""
        {{{{ get_test_sql("{THE_SELECT}", 'count(*)', '!= 0', '!= 0', none) }}}}
    """,
    # load_csv_rows sends as it goes and needs a connection: this is its text, from the macros that it calls
    "seed_rows": """
        {%- set columns = ['code_set', 'code'] -%}
        insert into {{ api.Relation.create(database='csc', schema='csc', identifier='code_set') }}
        ({{ get_seed_column_quoted_csv({'config': {}}, columns) }}) values
        {% for row in range(calc_batch_size(columns | length)) -%}
            {{ ', ' if not loop.first }}({{ get_binding_char() }}, {{ get_binding_char() }})
        {%- endfor %}
    """,
}


@dataclass(frozen=True)
class Compiled:
    """The project compiled for SQL Server: SQL by node name, and what the manifest says of the nodes."""

    models: dict[str, str]
    data_tests: dict[str, str]
    analyses: dict[str, str]
    manifest: dict[str, Any]
    other_forms: dict[str, str]
    around: dict[str, str]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    manifest = compiled_for_sqlserver(ROOT, tmp_path_factory.mktemp("nightly"))
    # Without a server dbt cannot learn that the state table is missing: the copy's macro says so instead.
    copy = copied_project(ROOT, tmp_path_factory.mktemp("copy"))
    macro = copy / "macros" / "state.sql"
    text = macro.read_text(encoding="utf-8")
    assert text.count(NIGHTLY) == 1
    macro.write_text(text.replace(NIGHTLY, FIRST_RUN), encoding="utf-8")
    (copy / "dbt_project" / "analyses").mkdir(exist_ok=True)
    for name, analysis in ANALYSES.items():
        (copy / "dbt_project" / "analyses" / f"{name}.sql").write_text(analysis, encoding="utf-8")
    altered = compiled_for_sqlserver(
        copy,
        tmp_path_factory.mktemp("altered"),
        *("--vars", json.dumps({"csc_volatile_ids": ["social_care_episodes", "child_in_need_plans"]})),
        *("--select", *OTHER_FORMS, *ANALYSES),
    )
    forms = {OTHER_FORMS[name]: sql for name, sql in compiled_texts(altered, "model").items()}
    anonymised = compiled_for_sqlserver(
        ROOT, tmp_path_factory.mktemp("anonymised"), *("--vars", "{csc_anonymise: true}"), *("--select", *ANONYMISED)
    )
    forms |= {f"{name}__anonymised": sql for name, sql in compiled_texts(anonymised, "model").items()}
    return Compiled(
        compiled_texts(manifest, "model"),
        compiled_texts(manifest, "test"),
        compiled_texts(manifest, "analysis"),
        manifest,
        forms,
        compiled_texts(altered, "analysis"),
    )


@dataclass
class Recorder:
    """Stands where a SQL Server session would, and keeps what the submitter says to it and which function said it."""

    engine: str = "sqlserver"
    statements: list[tuple[str, int]] = field(default_factory=list)
    speakers: set[str] = field(default_factory=set)
    rows: Sequence[tuple[Any, ...]] = ((1, 2),)

    def transaction(self, *statements: Statement) -> list[tuple[Any, ...]]:
        for statement in statements:
            self.statements.append((statement.sql, len(statement.parameters)))
        self.speakers.add(inspect.stack(0)[1].function)
        return list(self.rows) if statements[-1].sql.startswith("select") else []

    def close(self) -> None:
        """Do nothing."""


def spoken() -> Recorder:
    """Every statement of the submitter, for a full batch of 100 children."""
    recorder = Recorder()
    recorder.transaction(Statement(SESSION), Statement(LOCK, ("lock", 0)), Statement(LAST_RUN.format(schema="csc")))
    store = StateStore(recorder, "csc", "ssd_api_data_staging")
    people = [f"{number:036d}" for number in range(100)]
    records = [Record(person_id, "{}", "new", b"hash") for person_id in people]
    attempt = Attempt("run", "batch", 1, 200, "request", 5)
    store.check()
    store.waiting(Status.PENDING, Status.ERROR)
    for status in Status:
        store.next_children(status, now(), "", 100)
    quiet = StateStore(replace(recorder, rows=()), "csc", "ssd_api_data_staging")
    quiet.take_off("batch", people)
    quiet.take_off_together({f"batch {number}": [f"{number}{each}" for each in people] for number in range(8)})
    quiet.in_flight("batch")
    store.batches_in_flight()
    for verdict in Verdict:
        store.settle(attempt, [Answered(record, verdict, "text") for record in records])
    one_each = [
        Settlement(replace(attempt, number=number), [Answered(record, Verdict.ACCEPTED, "text")])
        for number, record in enumerate(records * 8)
    ]
    store.settle_together(one_each)
    store.land("batch", people, Status.ERROR)
    store.start_run(RunStart("run", "host", "user", "1", "https://x", "999", "full"), 5)
    store.end_run("run", RunEnd(1, 2, 3, "done", 1))
    audit(store, Recorder(statements=recorder.statements, speakers=recorder.speakers, rows=()))
    look(recorder.statements)
    return recorder


def audit(store: StateStore, connection: Recorder) -> None:
    """Everything that status, history, errors and retry say, for a full thousand of children."""
    tables = Tables.of(connection, "csc", "ssd_api_data_staging")
    standing(store, connection, tables, batch_size=100, lock="lock")
    trail = Trail(connection, tables)
    trail.runs(now())
    trail.run("run")
    trail.batches("run")
    assert list(trail.events_of_run("run")) == list(trail.events_of_child("child", now())) == []
    rejected = RejectedChildren(connection, tables)
    people = [f"{number:036d}" for number in range(AT_ONCE)]
    assert list(rejected.all()) == []
    assert rejected.ids() == rejected.among(people) == []
    rejected.put_back(people)


def look(statements: list[tuple[str, int]]) -> None:
    """Everything that test-db-connection, test-schema and validate say, the latter for a full page of children."""
    check_schema(Recorder(statements=statements, rows=()), "ssd", (), Report(lambda _: None))
    check_rights(Recorder(statements=statements), Tables.of(Recorder(), "csc", "t"), Report(lambda _: None))
    statements += [(SERVER, 0), (LEVEL, 0)]
    page: list[tuple[Any, ...]] = [(f"{number:036d}", "no JSON", 1, b"", "pending") for number in range(PAGE)]
    pages = iter(
        [page, [(*row[:1], json.dumps({"la_child_id": row[0], "purge": True}), 1, b"", "held") for row in page]]
    )

    class Pages(Recorder):
        def transaction(self, *spoken: Statement) -> list[tuple[Any, ...]]:
            super().transaction(*spoken)
            return next(pages, []) if spoken[-1].sql.startswith("select") else []

    tables = Tables.of(Recorder(), "csc", "t")
    summary = PendingPayloads(Pages(statements=statements), tables, sends_deltas=True).validate(dry_run=False)
    assert (summary.invalid, summary.released) == (PAGE, PAGE)


def with_marks_named(sql: str) -> str:
    """Write a driver's question marks as parameters, which the grammar knows."""
    return sql.replace("?", "@p")


def inner_batches(sql: str) -> list[str]:
    """Return what a text hands to exec('...'), which the grammar takes for a mere string."""
    return [text.replace("''", "'") for text in re.findall(r"exec\s*\('((?:[^']|'')*)'\)", sql, flags=re.IGNORECASE)]


def all_tsql(compiled: Compiled) -> dict[str, str]:
    """Every text, in the forms in which it is sent.

    dbt-sqlserver makes a view of each model and each data test, in the words of its own macros, and fills a table from
    that view. The macro for the table (`sqlserver__create_table_as`) and dbt's for a seed's table need a connection:
    their texts are built here from the same pieces.
    """
    texts = {name: with_marks_named(sql) for name, sql in compiled.around.items()}
    (view,) = [batch for batch in inner_batches(compiled.around["view_around"]) if THE_SELECT in batch]
    (test,) = [batch for batch in inner_batches(compiled.around["data_test_around"]) if THE_SELECT in batch]
    models = {**compiled.models, **compiled.other_forms}
    for name, sql in models.items():
        texts[f"{name}__select"] = sql
        texts[f"{name}__view"] = view.replace(THE_SELECT, sql)
        texts[f"{name}__table"] = f'select * into "csc"."csc"."{name}" from "csc"."csc"."{name}__dbt_tmp_vw"'
    for number, sql in enumerate(compiled.data_tests.values()):
        texts[f"data_test_{number:03d}"] = test.replace(THE_SELECT, sql)
    for name, sql in compiled.analyses.items():
        texts[f"{name}__analysis"] = sql
    for node in compiled.manifest["nodes"].values():
        if node["resource_type"] == "seed":
            columns = ", ".join(f"{name} {kind}" for name, kind in node["config"]["column_types"].items())
            texts[f"{node['name']}__seed"] = f'create table "csc"."csc"."{node["name"]}" ({columns})'
    for number, (sql, _) in enumerate(spoken().statements):
        texts[f"submitter_{number:02d}"] = with_marks_named(sql)
    return texts


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_parses(compiled: Compiled, tmp_path: Path, version: str) -> None:
    assert refused(tmp_path, version, all_tsql(compiled)) == {}


def test_nothing_is_left_out(compiled: Compiled) -> None:
    kinds = [node["resource_type"] for node in compiled.manifest["nodes"].values()]
    assert len(compiled.models) == kinds.count("model") == len(list((ROOT / "models").rglob("*.sql")))
    assert len(compiled.data_tests) == kinds.count("test") > 50
    analyses = list((ROOT / "dbt_project" / "analyses").glob("*.sql"))
    assert len(compiled.analyses) == kinds.count("analysis") == len(analyses) > 3
    assert set(compiled.around) - set(compiled.analyses) == set(ANALYSES)
    for texts in (compiled.models, compiled.data_tests, compiled.analyses, compiled.around):
        assert all(text.strip() for text in texts.values())
    assert {"state_strategy", "ssd_api_data_staging__first_run__view", "code_set__seed"} < set(all_tsql(compiled))


def test_the_state_is_read_from_the_second_run_on(compiled: Compiled) -> None:
    assert STATE in compiled.models["ssd_api_data_staging"]
    first_run = compiled.other_forms["ssd_api_data_staging__first_run"]
    assert STATE not in first_run
    assert "where 1 = 0" in first_run
    assert STATE.replace("staging", "staging_anon") in compiled.other_forms["changed_child__anonymised"]


def test_the_state_is_kept_without_a_merge_in_one_transaction(compiled: Compiled) -> None:
    verbs = r"^ *(begin transaction|update|insert into|delete from|truncate|drop|merge|commit transaction)\b"
    said = re.findall(verbs, compiled.around["state_strategy"], flags=re.MULTILINE)
    assert said == ["begin transaction", "update", "insert into", "delete from", "commit transaction"]


def test_every_method_of_the_state_store_speaks() -> None:
    methods = {name for name, _ in inspect.getmembers(StateStore, inspect.isfunction) if not name.startswith("_")}
    said_through_another = {"take_off", "settle"}
    assert methods - said_through_another <= spoken().speakers


def test_every_function_of_the_audit_speaks() -> None:
    speaking = set()
    for path in (ROOT / "submitter" / "audit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and "Statement(" in ast.unparse(node):
                speaking.add(node.name)
    assert len(speaking) > 8
    assert speaking <= spoken().speakers


@pytest.mark.parametrize(
    "broken",
    [
        "select a from t limit 5",
        "select (a = b) as c from t",
        "select (a from t",
        "select a, from t",
        "select a from t where a is true",
        "select a from t where true",
        "select case when a then 1 end from t",
        "select a from t inner join u using (a)",
        "create or replace view v as select 1 as a",
        "create or alter view v as select a from t order by a",
        "select distinct on (a) a from t",
        "insert into t values (1) returning a",
        "select string_agg(a, ',' order by a) from t",
        "select count(*) filter (where a = 1) from t",
        "select a from t where a ilike 'x'",
        "select a from (with c as (select 1 as a) select a from c) as d",
    ],
)
def test_broken_tsql_is_caught(tmp_path: Path, broken: str) -> None:
    for version in VERSIONS:
        assert list(refused(tmp_path, version, {"good": "select a from t", "broken": broken})) == ["broken"]


def test_what_only_newer_servers_know_is_caught(tmp_path: Path) -> None:
    texts = {"concatenation": "select a || b from t"}
    assert [bool(refused(tmp_path, version, texts)) for version in VERSIONS] == [True, True, False, False]


def test_no_statement_has_too_many_parameters(compiled: Compiled) -> None:
    statements = spoken().statements
    for sql, parameters in statements:
        assert sql.count("?") == parameters < MOST_PARAMETERS
        assert "merge" not in sql.lower()
    assert max(parameters for _, parameters in statements) > 100  # a full batch was among them
    assert 2 < compiled.around["seed_rows"].count("?") < MOST_PARAMETERS


def test_model_text_is_ascii(compiled: Compiled) -> None:
    for folder in ("models", "macros", "dbt_project"):
        for path in (ROOT / folder).rglob("*.sql"):
            assert path.read_text(encoding="utf-8").isascii(), path
    for texts in (compiled.models, compiled.data_tests, compiled.analyses, compiled.around, compiled.other_forms):
        for name, sql in texts.items():
            assert sql.isascii(), name


def outside_parentheses(sql: str) -> str:
    """The text of a query that is in no parentheses: its final select and the names of its CTEs."""
    depth = 0
    kept = []
    for sign in sql:
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            kept.append(sign)
    return "".join(kept)


def orders_outside_windows(sql: str) -> int:
    """Count each `order by` whose own parenthesis is no `over (...)` and no `within group (...)`."""
    found = 0
    openings = [""]
    for token in re.finditer(r"\(|\)|\border\s+by\b", sql):
        if token[0] == "(":
            openings.append(sql[: token.start()].rstrip())
        elif token[0] == ")":
            openings.pop()
        else:
            found += not re.search(r"\b(over|within\s+group)$", openings[-1])
    return found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select max(a) as b from t where c in (select min(c) from u)", []),
        ("select sum(count(*)) over () as b from t", []),
        ("select string_agg(json, N',') within group (order by a) as b from (select (select 1 as c) as json) as t", []),
        ("select string_agg(cast((select a for json path) as nvarchar(max)), N',') as b from t", ["string_agg"]),
        ("select max(case when exists (select 1 from u) then 1 end) as b from t", ["max"]),
        ("select SUM ((SELECT 1)) as b from t", ["SUM"]),
        ("select max(min(a)) as b from t", ["max"]),
    ],
)
def test_aggregates_over_subqueries_are_caught(sql: str, found: list[str]) -> None:
    assert aggregates_over_subqueries(sql) == found


def test_no_aggregate_holds_a_subquery(compiled: Compiled) -> None:
    found = {name: aggregates_over_subqueries(sql) for name, sql in all_tsql(compiled).items()}
    assert {name: aggregates for name, aggregates in found.items() if aggregates} == {}


NOT_IN_MODELS = {
    "limit": r"\blimit\b",
    "||": r"\|\|",
    "::": r"::",
    "a boolean value": r"\b(true|false|boolean)\b",
    "group by a number": r"\bgroup\s+by\s+([^()\s]+\s*,\s*)*\d+\b",
    "a CTE inside a subquery": r"\(\s*with\b",
    "merge": r"\bmerge\b",
    "capitals": r"\b(SELECT|FROM|WHERE|JOIN|LEFT|INNER|ON|AND|OR|NOT|NULL|CASE|WHEN|THEN|ELSE|END|AS|CAST|IN|IS|GROUP"
    r"|ORDER|BY|HAVING|UNION|ALL|WITH|EXISTS|OVER|PARTITION|DISTINCT|BETWEEN|LIKE|COALESCE|UPPER|LOWER|MAX|MIN|COUNT)\b",
}


def style_problems(sql: str) -> list[str]:
    """What a model's compiled text has that the grammar takes and the design does not."""
    text = without_comments_and_texts(sql)
    problems = [problem for problem, pattern in NOT_IN_MODELS.items() if re.search(pattern, text)]
    for select in re.split(r"\bselect\b", outside_parentheses(text))[1:]:
        items = re.split(r"\bfrom\b", select)[0].split(",")
        if any(re.search(r"(^|\.|\bdistinct\s+)\*$", item.strip()) for item in items):
            problems.append("select * in the final select")
    if orders_outside_windows(text):
        problems.append("order by in a view")
    return problems


@pytest.mark.parametrize(
    ("sql", "problems"),
    [
        ("with a as (select * from t) select a.b, count(*) as c, a.d * 2 as e from a group by a.b, a.d", []),
        ("select row_number() over (partition by a order by b) as n from t -- limit || order by", []),
        ("select string_agg(a, ',') within group (order by b) as c, 'limit || TRUE' as d from t", []),
        ("select a from t limit 5", ["limit"]),
        ("select a || b as c from t", ["||"]),
        ("select a::int as b from t", ["::"]),
        ("select true as a from t", ["a boolean value"]),
        ("select a, b from t group by a, 2", ["group by a number"]),
        ("select a from (with b as (select 1 as a) select a from b) as c", ["a CTE inside a subquery"]),
        ("SELECT a from t", ["capitals"]),
        ("with a as (select b from t) select * from a", ["select * in the final select"]),
        ("select b from t union all select distinct * from t", ["select * in the final select"]),
        ("with a as (select b from t) select a.b, c.* from a", ["select * in the final select"]),
        ("select a from t order by a", ["order by in a view"]),
        ("with a as (select b from t order by b) select b from a", ["order by in a view"]),
        ("select max(a) over (partition by (select b from u order by b)) as c from t", ["order by in a view"]),
    ],
)
def test_style_problems_are_caught(sql: str, problems: list[str]) -> None:
    assert style_problems(sql) == problems


def test_models_keep_to_the_portable_style(compiled: Compiled) -> None:
    found = {name: style_problems(sql) for name, sql in {**compiled.models, **compiled.other_forms}.items()}
    # an analysis is a query, which may have an order
    of_analyses = {name: style_problems(sql) for name, sql in compiled.analyses.items()}
    found |= {
        name: [each for each in problems if each != "order by in a view"] for name, problems in of_analyses.items()
    }
    assert {name: problems for name, problems in found.items() if problems} == {}


# Whatever differs between the engines has a macro.
ONE_ENGINES_OWN = re.compile(
    r"\|\||::|\blimit\b|\bsqlserver\b|\bduckdb\b|\btarget\s*\.|\badapter\b|\bn?varchar\b|\bdatetime2?\b|\btimestamp\b"
    r"|\bboolean\b|\bbit\b|\bblob\b|\bbinary\b|\b(true|false)\b(?=\s*(,|as\b|then\b|$))|\bfor json\b|\bcollate\b"
    r"|\bnolock\b|\bmerge\b|\bcurrent_date\b|\bgroup by \d"
    r"|\b(isnull|ifnull|iif|if|getdate|getutcdate|sysutcdatetime|now|hashbytes|sha256|md5|string_agg|listagg|concat_ws"
    r"|datefromparts|make_date|dateadd|date_add|datediff|date_diff|date_trunc|date_part|convert|try_convert"
    r"|charindex|patindex|strpos|contains|regexp_\w+|len|length|trim|ltrim|rtrim|left|right|isjson|to_json|json_extract\w*"
    r"|openjson|json_query|epoch\w*|nchar|chr|strip_accents)\s*\("
)


def engine_problems(text: str, own_macros: set[str]) -> list[str]:
    """The words of one engine in a raw model, outside comments, its config and the project's own macro calls."""
    text = re.sub(r"\{#.*?#\}|--[^\n]*|\{\{\s*config\(.*?\)\s*\}\}", "", text, flags=re.DOTALL)
    found = [match[0] for match in ONE_ENGINES_OWN.finditer(text)]
    return [word for word in found if word.rstrip(" (") not in own_macros]


@pytest.fixture(scope="module")
def own_macros() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "macros").rglob("*.sql")]
    return set(re.findall(r"\{%-? macro (\w+)\(", "\n".join(texts)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ config(materialized='table' if target.type == 'duckdb' else 'view') }} select 1 as a -- getdate()", []),
        ("select {{ sha256('a') }} as b, case when a = 1 then b end as c from t left join u on 1 = 1", []),
        ("{% if target.type == 'sqlserver' %} select 1 as a {% endif %}", ["target.", "sqlserver"]),
        ("select getdate() as a, cast(b as nvarchar(5)) as c from t", ["getdate(", "nvarchar"]),
        ("select left(a, 2) as b from t", ["left("]),
        ("select a || b as c from t limit 5", ["||", "limit"]),
        ("select true as a from t", ["true"]),
    ],
)
def test_engine_words_are_caught(own_macros: set[str], text: str, words: list[str]) -> None:
    assert engine_problems(text, own_macros) == words


def test_models_hold_no_engine_of_their_own(own_macros: set[str]) -> None:
    problems = []
    for path in [*(ROOT / "models").rglob("*.sql"), *(ROOT / "dbt_project").rglob("*.sql")]:
        text = path.read_text(encoding="utf-8")
        problems += [f"{path.name}: {word}" for word in engine_problems(text, own_macros)]
        without_jinja = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL)
        if re.search(NOT_IN_MODELS["capitals"], without_comments_and_texts(without_jinja)):
            problems.append(f"{path.name}: capitals")
        if re.search(r",[ \t]*\n", without_comments_and_texts(without_jinja)):
            problems.append(f"{path.name}: a comma at the end of a line")
    assert problems == []
