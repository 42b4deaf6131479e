"""test-db-connection and test-schema over a real DuckDB file, and what the contract of columns holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from audit_stage import asked, held

from submitter.diagnostics.report import Report
from submitter.diagnostics.schema import dbt_variables, family_of
from submitter.errors import ConfigurationError, DatabaseError, ExitCode
from submitter.project_files import project_root
from submitter.reference import attributes, column_use, ssd_tables
from submitter.trial.ssd import create_tables

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State, Submit


@pytest.fixture
def ssd(state: State) -> State:
    """The SSD tables beside the state."""
    import duckdb  # noqa: PLC0415 - an extra

    with duckdb.connect(str(state.path)) as connection:
        create_tables(connection, "ssd")
    return state


def failures(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("FAIL")]


# --- the database


def test_a_database_that_is_ready(state: State, submit: Submit) -> None:
    said = asked(submit, "test-db-connection")
    assert re.findall(r"^ok   (\w+):", said, flags=re.MULTILINE) == ["driver", "database", "tables", "rights"]
    assert str(state.path) in said


def test_what_the_database_lacks_is_said(state: State, submit: Submit, tmp_path: Path) -> None:
    state.execute("alter table csc.ssd_api_data_staging drop column partial_hash")
    (line,) = failures(asked(submit, "test-db-connection", code=3))
    assert "partial_hash" in line
    assert "dbt build" in line
    missing = {"DB_CONNECTION_STRING": f"duckdb:///{tmp_path / 'none.duckdb'}"}
    assert "does not exist" in asked(submit, "test-db-connection", code=3, changes=missing)
    with held(state, "writing"):
        assert len(failures(asked(submit, "test-db-connection", code=6))) == 1


def test_a_sql_server_that_is_not_there(submit: Submit) -> None:
    where = {"DB_CONNECTION_STRING": "DRIVER={Not A Driver};SERVER=127.0.0.1,9;UID=u;PWD=Planted-1;"}
    said = asked(submit, "test-db-connection", code=3, changes=where)
    assert len(failures(said)) == 1
    assert "Planted" not in said


# --- the SSD


@pytest.mark.usefixtures("ssd")
def test_an_ssd_that_has_everything(submit: Submit) -> None:
    said = asked(submit, "test-schema", "--ssd-schema", "ssd")
    assert len(re.findall(r"^ok   ssd_\w+: \d+ columns$", said, flags=re.MULTILINE)) == len(ssd_tables()) == 19
    assert failures(said) == []


def test_what_is_missing_is_named_with_the_attributes_that_need_it(ssd: State, submit: Submit) -> None:
    ssd.execute("drop table ssd.ssd_sdq_scores")
    ssd.execute("alter table ssd.ssd_person drop column pers_upn")
    ssd.execute("alter table ssd.ssd_person drop column pers_dob")
    ssd.execute("alter table ssd.ssd_cin_plans alter cinp_cin_plan_end_date set data type varchar")
    assert failures(asked(submit, "test-schema", "--ssd-schema", "ssd", code=3)) == [
        "FAIL ssd_person.pers_upn: the column is missing; attributes 3, 5 need it.",
        "FAIL ssd_person.pers_dob: the column is missing; every child needs it.",
        "FAIL ssd_cin_plans.cinp_cin_plan_end_date: is varchar, and must be a date; attributes 26-28, 53-55 need it.",
        (
            "FAIL ssd_sdq_scores: the table is missing; attributes 45, 46 need it. Make it, or declare it absent "
            "(csc_absent_tables)."
        ),
    ]


def test_a_score_kept_as_text_is_none_of_these(ssd: State, submit: Submit) -> None:
    ssd.execute("alter table ssd.ssd_sdq_scores alter csdq_sdq_score set data type varchar")
    assert failures(asked(submit, "test-schema", "--ssd-schema", "ssd")) == []


def test_a_table_declared_absent_is_reported_and_no_failure(ssd: State, submit: Submit) -> None:
    ssd.execute("drop table ssd.ssd_sdq_scores")
    ssd.execute("drop table ssd.ssd_care_leavers")
    (submit.folder / "dbt_project.yml").write_text(
        "name: csc_submit\nvars:\n  csc_ssd_schema: ssd\n  csc_absent_tables: [SSD_SDQ_Scores]\n", encoding="utf-8"
    )
    said = asked(submit, "test-schema", "--absent", "ssd_care_leavers", "--absent", "ssd_permanence")
    assert "note ssd_sdq_scores: declared absent: attributes 45, 46 are left out." in said
    assert "note ssd_care_leavers: declared absent: attributes 50, 51, 52 are left out." in said
    assert "ssd_permanence: declared absent: attributes 47, 48, 49 are left out. It is there" in said
    assert "read by no model: ssd_nonsense" in asked(submit, "test-schema", "--absent", "ssd_nonsense", code=2)


@pytest.mark.usefixtures("state")
def test_a_schema_without_any_ssd_table_is_one_failure(submit: Submit) -> None:
    (line,) = failures(asked(submit, "test-schema", "--ssd-schema", "elsewhere", code=3))
    assert "schema elsewhere" in line
    assert "login that runs dbt" in line
    assert "dbt_project.yml cannot be read" in asked(submit, "test-schema", code=2)


def test_variables_of_the_project_itself_come_first(tmp_path: Path) -> None:
    assert dbt_variables(project_root())["csc_ssd_schema"] == "ssd"
    (tmp_path / "dbt_project.yml").write_text("name: a\nvars:\n  x: 1\n  a:\n    x: 2\n", encoding="utf-8")
    assert dbt_variables(tmp_path)["x"] == 2
    with pytest.raises(ConfigurationError, match="cannot be read"):
        dbt_variables(tmp_path / "none")


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("NVARCHAR(48)", "text"),
        ("TIMESTAMP WITH TIME ZONE", "date"),
        ("DECIMAL(9,2)", "number"),
        ("datetime2", "date"),
        ("BOOLEAN", "boolean"),
    ],
)
def test_types_have_families(kind: str, family: str) -> None:
    assert family_of(kind) == family


# --- the contract


def _columns_of_models() -> dict[tuple[str, str], str]:
    text = (project_root() / "models" / "staging" / "ssd.yml").read_text(encoding="utf-8")
    tables: list[dict[str, Any]] = yaml.safe_load(text)["sources"][0]["tables"]
    return {(table["name"], column["name"]): column["description"] for table in tables for column in table["columns"]}


def test_the_contract_has_every_column_that_the_models_read_and_no_other() -> None:
    assert [(use.table, use.column) for use in column_use()] == list(_columns_of_models())


def test_the_contract_names_the_attributes_that_the_models_and_the_specification_name() -> None:
    uses = {(use.table, use.column): use for use in column_use()}
    for key, description in _columns_of_models().items():
        for number in re.findall(r"\(attribute (\w+)\)", description):
            assert number in uses[key].needed_by(), key
    for attribute in attributes():
        if "." in attribute.ssd_source:
            table, _, column = attribute.ssd_source.partition(".")
            assert attribute.number in uses[table, column].needed_by(), attribute.number
    known = {attribute.number for attribute in attributes()}
    assert all(use.needed_by() and use.needed_by() <= known for use in column_use())


def test_the_contracts_families_are_those_of_the_ssd() -> None:
    types = {(column.table, column.name): column.type for columns in ssd_tables().values() for column in columns}
    assert [use for use in column_use() if family_of(types[use.table, use.column]) not in use.families] == []


def test_a_report_ends_with_its_first_failure() -> None:
    said: list[str] = []
    report = Report(said.append)
    report.ok("a", "b")
    codes = [report.code]
    report.stopped("c", DatabaseError("Broken.", "Mend it."))
    report.failed("d", "e", ExitCode.AUTHENTICATION)
    assert [*codes, report.code] == [ExitCode.DONE, ExitCode.DATABASE]
    assert said == ["ok   a: b", "FAIL c: Broken. Mend it.", "FAIL d: e"] == report.told
