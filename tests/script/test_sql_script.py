"""The DBA's script: T-SQL of its own version, made from the models alone; no server needed."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
import yaml
from click.testing import CliRunner
from dbt_project_runner import compiled_for_sqlserver, compiled_texts
from tsql_grammar import OLDER_VERSIONS, VERSIONS, aggregates_over_subqueries, refused

from submitter.cli import cli
from submitter.errors import ConfigurationError
from submitter.project_files import project_root
from submitter.script.build import SERVERS, script, written
from submitter.script.compiled import Project, compiled
from submitter.script.sql_text import Column, batches, typed_columns, with_into

if TYPE_CHECKING:
    from pathlib import Path

ROOT = project_root()
MACROS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "macros").rglob("*.sql")}
KEPT = {"ssd_api_data_staging", "submission_run", "submission_event"}
# A script's SQL changes with these years only: the macros ask for no others.
YEARS_ASKED = {2016, 2017}
BODIES = (2012, 2016, 2017)
# What came with which SQL Server; names and words, in texts without comments and literals.
INTRODUCED = {
    2014: r"\bcreate table [^;]*\bindex\b",
    2016: r"\b(for json|at time zone|create or alter|if exists (?!\())"
    r"|\b(isjson|json_value|json_query|json_modify|openjson|string_escape|string_split|datediff_big|compress)\s*\("
    r"|\bhashbytes\(\s*,\s*cast\([\w.]+ as nvarchar\(max\)",
    2017: r"\b(string_agg|trim|concat_ws|translate)\s*\(",
    2019: r"\bapprox_count_distinct\s*\(",
    2022: r"\b(greatest|least|generate_series|date_bucket|datetrunc|json_object|json_array|json_path_exists"
    r"|approx_percentile_cont|bit_count|left_shift|right_shift)\s*\(|\bis (not )?distinct from\b|\bwindow \w+ as\b",
    2025: r"\|\||\b(json_objectagg|json_arrayagg|json_contains|regexp_\w+|base64_encode|base64_decode|unistr|product"
    r"|edit_distance\w*|current_date)\b",
}


@dataclass(frozen=True)
class Written:
    """The projects as compiled for each body of the SQL, the script of each version, and what dbt itself compiles."""

    projects: dict[int, Project]
    again: str
    elsewhere: str
    dbts: dict[str, str]

    def script(self, server: int) -> str:
        return written(self.projects[max(body for body in BODIES if body <= server)], server)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("dbt")
    with ThreadPoolExecutor(2) as pool:
        projects = {body: pool.submit(compiled, ROOT, body, "csc", {}) for body in BODIES}
        again = pool.submit(script, ROOT, 2017, "csc", {})
        variables = {
            "csc_ssd_schema": "read_there",
            "csc_person_ids": ["it's"],
            "csc_audit_days": 400,
            "csc_on_breach": "stop",
            "csc_volatile_ids": ["child_protection_plans"],
        }
        elsewhere = pool.submit(script, ROOT, 2016, "build_here", variables)
        written_before = (
            {body: project.result() for body, project in projects.items()},
            again.result(),
            elsewhere.result(),
        )
    dbts = compiled_for_sqlserver(ROOT, folder, "--select", "resource_type:model")
    return Written(*written_before, compiled_texts(dbts, "model"))


def plain(sql: str) -> str:
    """A text without comments, literals and quoted names, on one line."""
    return " ".join(re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\[[^\]]*\]", "", sql, flags=re.DOTALL).split())


def too_new(sql: str, server: int) -> list[str]:
    text = plain(sql)
    return [found[0] for year, words in INTRODUCED.items() if year > server for found in re.finditer(words, text)]


@pytest.mark.parametrize("server", SERVERS)
def test_a_script_is_tsql_of_its_version(made: Written, tmp_path: Path, server: int) -> None:
    assert refused(tmp_path, str(server), {"script": made.script(server)}) == {}
    assert aggregates_over_subqueries(made.script(server)) == []


def test_every_version_has_its_grammar() -> None:
    assert [str(server) for server in SERVERS] == [*OLDER_VERSIONS, *VERSIONS]


@pytest.mark.parametrize("server", SERVERS)
def test_a_script_holds_nothing_newer_than_its_version(made: Written, server: int) -> None:
    assert too_new(made.script(server), server) == []


def test_what_is_newer_is_seen(made: Written) -> None:
    assert {"for json", "isjson(", "string_agg(", "trim("} <= set(too_new(made.script(2017), 2012))
    assert {"string_agg(", "trim("} <= set(too_new(made.script(2017), 2016))
    assert too_new("drop table if exists t; select hashbytes('sha2_256', cast(a.b as nvarchar(max)))", 2014)
    assert too_new("if exists (select 1) select 'trim(' -- string_agg(", 2012) == []


def test_the_macros_ask_for_no_other_years() -> None:
    asked = {int(year) for text in MACROS.values() for year in re.findall(r"sql_server_before\((\d+)\)", text)}
    assert asked == YEARS_ASKED


@pytest.mark.parametrize("server", SERVERS)
def test_every_model_is_made_once_and_nothing_else(made: Written, server: int) -> None:
    text = made.script(server)
    names = sorted(path.stem for path in (ROOT / "models").rglob("*.sql"))
    making = r"\b(?:create view|create table|into) \[csc\]\.\[(\w+)\](?! \([^)]*\)\n *(?:values|select))"
    assert sorted(re.findall(making, text)) == sorted([*names, "code_set"])
    assert f"SQL Server {server}," in text
    assert "csc_submit_sql_script" not in text
    assert "dbt_tmp" not in text


def test_the_selects_are_those_of_dbt(made: Written) -> None:
    text = " ".join(made.script(2017).split())
    assert len(made.dbts) == len(list((ROOT / "models").rglob("*.sql")))
    for name, sql in made.dbts.items():
        wanted = " ".join(re.sub(r'"csc"\."(\w+)"\."(\w+)"', r"[\1].[\2]", sql).split())
        target = "#changed" if name == "ssd_api_data_staging" else f"[csc].[{name}]"
        in_procedure = text.replace(f" into {target}", "")
        if name in KEPT - {"ssd_api_data_staging"}:
            assert wanted.endswith("where 1 = 0")
        else:
            assert wanted in in_procedure, name


def test_a_policy_of_stop_fails_the_procedure_before_the_state(made: Written, tmp_path: Path) -> None:
    assert "throw" not in plain(made.script(2017))
    procedure = next(batch for batch in batches(made.elsewhere) if "create procedure" in batch)
    preflight, stop, state = (
        procedure.index(part) for part in ("into [build_here].[preflight_issue]", "throw 50000", "into #changed")
    )
    assert preflight < stop < state
    assert refused(tmp_path, "2016", {"script": made.elsewhere}) == {}


def test_the_same_models_give_the_same_script(made: Written) -> None:
    assert made.again == made.script(2017)


def test_batches_are_what_sqlcmd_sends(made: Written) -> None:
    sent = batches(made.script(2017))
    assert all(re.search(r"^GO\b", batch, flags=re.MULTILINE) is None for batch in sent)
    for batch in sent:
        lines = [line for line in batch.splitlines() if not line.startswith("--")]
        # T-SQL wants these first in their batch, and alone
        assert lines[0].startswith(("create view", "create procedure")) or "create view" not in batch
        assert len(re.findall(r"^create (?:view|procedure)", batch, flags=re.MULTILINE)) <= 1
    assert sum(batch.count("create procedure") for batch in sent) == 1


def test_tables_that_are_kept_are_never_dropped(made: Written) -> None:
    text = made.script(2014)
    for name in KEPT:
        assert f"drop table [csc].[{name}]" not in text
        assert text.count(f"if object_id(N'[csc].[{name}]', N'U') is null\ncreate table") == 1
        described = yaml.safe_load((ROOT / "models" / "state" / f"{name}.yml").read_text(encoding="utf-8"))
        (model,) = described["models"]
        added = re.findall(rf"alter table \[csc\]\.\[{name}\] add (\w+)", text)
        assert added == [column["name"] for column in model["columns"]]


def test_the_state_changes_last_and_in_one_transaction(made: Written) -> None:
    procedure = next(batch for batch in batches(made.script(2017)) if "create procedure" in batch)
    verbs = r"^ *(set xact_abort on|begin transaction|update state|insert into|delete from|commit transaction)"
    last = procedure.rindex("into #changed")
    assert re.findall(verbs, procedure[:last], flags=re.MULTILINE) == ["set xact_abort on"]
    said = [verb for verb in re.findall(verbs, procedure[last:], flags=re.MULTILINE) if verb != "set xact_abort on"]
    assert said == ["begin transaction", "update state", "insert into", "delete from", "commit transaction"]


def test_variables_and_schemas_reach_the_script(made: Written, tmp_path: Path) -> None:
    text = made.elsewhere
    assert refused(tmp_path, "2016", {"script": text}) == {}
    assert "child_protection_plans_content" in text
    assert "[read_there].[ssd_person]" in text
    assert "create procedure [build_here].[csc_refresh]" in text
    assert "'it''s'" in text
    assert "[csc]" not in text


@pytest.mark.parametrize("server", SERVERS)
def test_old_rows_of_the_audit_trail_go_where_days_are_given(made: Written, tmp_path: Path, server: int) -> None:
    kept, shortened = (
        re.findall(r"delete from \[\w+\]\.\[(\w+)\]\s+where (\w+) < dateadd\(day, -(\d+),", text)
        for text in (made.script(2017), made.elsewhere)
    )
    assert kept == []
    assert shortened == [("submission_event", "occurred_at", "400"), ("submission_run", "started_at", "400")]
    procedure = next(batch for batch in batches(made.elsewhere) if "create procedure" in batch)
    assert procedure.index("commit transaction") < procedure.index("delete from [build_here].[submission_event]")
    with_them = made.script(server).replace("commit transaction;", "commit transaction;" + retention(procedure))
    assert refused(tmp_path, str(server), {"script": with_them}) == {}


def retention(procedure: str) -> str:
    """The part of a refresh that lets old rows go."""
    return procedure[procedure.index("delete from [build_here].[submission_event]") :].rpartition("end;")[0]


# --- The older bodies


def test_the_names_say_the_types_that_the_specification_says() -> None:
    with (ROOT / "submitter" / "reference" / "payload_attributes.csv").open(encoding="utf-8") as file:
        attributes = [(row["path"].split(".")[-1].removesuffix("[]"), row["type"]) for row in csv.DictReader(file)]
    for kind, listed in (("boolean", "flags"), ("integer", "integers")):
        (names,) = re.findall(rf"set {listed} = (\[.*?\])", MACROS["json.sql"])
        assert set(yaml.safe_load(names)) == {name for name, type_ in attributes if type_ == kind}
    (endings,) = re.findall(r"name\.endswith\(\((.*?)\)\)", MACROS["json.sql"])
    ends = tuple(yaml.safe_load(f"[{endings}]"))
    assert {name for name, _ in attributes if name.endswith(ends)} == {
        name for name, type_ in attributes if type_ == "date"
    }


def test_a_list_of_factors_has_room_for_every_code(made: Written) -> None:
    (seed,) = made.projects[2012].seeds
    factors = sum(code_set == "assessment_factor" for code_set, _ in seed.rows)
    (model,) = (model for model in made.projects[2012].models if model.name == "child_and_family_assessments")
    places = [int(place) for place in re.findall(r"ranked_factor\.position = (\d+)", model.sql)]
    assert places == list(range(1, len(places) + 1))
    assert 0 < factors <= len(places)


@pytest.mark.parametrize("wrong", ["2013", "", "latest", [2017]])
def test_an_unknown_sql_server_is_a_clear_error(wrong: object) -> None:
    class Exceptions:
        def raise_compiler_error(self, message: str) -> None:
            raise ValueError(message)

    known: dict[str, Any] = {"return": lambda value: value, "var": lambda *_: wrong, "exceptions": Exceptions()}
    settings = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False).from_string(MACROS["settings.sql"])
    module: Any = settings.make_module(known)
    with pytest.raises(
        ValueError, match=r"csc_sql_server is .*: write one of 2012, 2014, 2016, 2017, 2019, 2022, 2025"
    ):
        module.sql_server_before(2017)


# --- Reading T-SQL


TRICKY = """with a as (select 'from' as b from t) -- select, from
select
    cast(null as nvarchar(36)) as c /* from */
    , cast((select max(d) from u) as decimal(38, 0)) as e
    , cast([from] as int) as f
from a
where b in (select b from v)"""


def test_a_table_is_named_before_the_final_selects_from() -> None:
    assert with_into(TRICKY, "[x].[y]") == TRICKY.replace("as f\nfrom a", "as f\ninto [x].[y]\nfrom a")
    assert with_into("select 1 as a", "#t") == "select 1 as a\ninto #t"
    union = "select a from t union all select a from u"
    assert with_into(union, "#t") == "select a\ninto #t\nfrom t union all select a from u"


def test_columns_are_read_with_their_types() -> None:
    without_comment = TRICKY.replace(" /* from */", "")
    assert typed_columns(without_comment) == [
        Column("c", "nvarchar(36)"),
        Column("e", "decimal(38, 0)"),
        Column("f", "int"),
    ]


@pytest.mark.parametrize("sql", ["select a from t", "select cast(a as int) as b, c from t", "(select 1 as a)"])
def test_columns_without_a_type_are_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError):
        typed_columns(sql)


# --- The command


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["sql-script", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--server'"),
        (("--server", "2008"), "'2008' is not one of '2012', '2014'"),
        (("--server", "2017", "--schema", "csc; drop"), "write a schema's name in letters, digits and underscores"),
        (("--server", "2017", "--ssd-schema", "[ssd]"), "write a schema's name in letters, digits and underscores"),
        (("--server", "2017", "--vars", "{a: "), "write variables as dbt takes them"),
        (("--server", "2017", "--vars", "text"), "write variables as dbt takes them"),
        (("--server", "2017", "--vars", "{csc_anonymise: true}"), "A script builds real payloads only."),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], said: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert said in output


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    code, output = run("--server", "2017", "--project-dir", str(tmp_path))
    assert code == 2
    assert "There is no dbt_project.yml in" in output


def test_what_dbt_refuses_is_said_and_no_file_written(tmp_path: Path) -> None:
    file = tmp_path / "script.sql"
    code, output = run("--server", "2017", "--vars", "{csc_run_date: soon}", "--output", str(file))
    assert code == 2
    assert "csc_run_date is 'soon': write a day as YYYY-MM-DD" in output
    assert "Traceback" not in output
    assert not file.exists()


def test_a_file_is_written_as_it_is_for_every_system(
    made: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submitter.script.command.script", lambda *_: made.again)
    monkeypatch.chdir(tmp_path)
    code, output = run("--server", "2017")
    assert code == 0
    assert "csc_refresh_2017.sql is written" in output
    assert (tmp_path / "csc_refresh_2017.sql").read_bytes() == made.again.encode("ascii")
    assert run("--server", "2017", "--output", "-") == (0, " ".join(made.again.split()))
    code, output = run("--server", "2017", "--output", str(tmp_path / "missing" / "script.sql"))
    assert code == 2
    assert "cannot be written" in output


def test_the_nightly_path_does_not_load_it() -> None:
    asked = "import sys, submitter.cli; print([name for name in sys.modules if name.startswith('submitter.script')])"
    finished = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
