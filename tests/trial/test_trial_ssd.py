from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from submitter.reference import ssd_tables
from submitter.trial.errors import TrialError
from submitter.trial.ssd import Record, create_tables, load

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection, "ssd")
        yield connection


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from ssd.{table}").fetchone()
    assert row is not None
    return int(row[0])


def test_every_ssd_table_is_made_with_its_columns_in_order(connection: duckdb.DuckDBPyConnection) -> None:
    made = connection.execute(
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_schema = 'ssd' order by table_name, ordinal_position"
    ).fetchall()
    assert [(table, column) for table, column, _ in made] == [
        (table, column.name) for table in sorted(ssd_tables()) for column in ssd_tables()[table]
    ]
    types = {column: kind for _, column, kind in made}
    assert types["pers_dob"] == "TIMESTAMP"
    assert types["csdq_sdq_score"] == "INTEGER"
    assert types["prof_full_time_equivalency"] == "DOUBLE"
    assert types["cinf_assessment_factors_json"] == "VARCHAR"


def test_making_the_tables_again_empties_them(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, "ssd", [Record("ssd_person", {"pers_person_id": "1"})])
    create_tables(connection, "ssd")
    assert count(connection, "ssd_person") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "NULL",
        "007",
        "1e5",
        "2024-03-31",
        'say "so"',
        "back\\slash \\n",
        "tab\tline\nend\r\nreturn\r",
        "control \x00\x01\x1f\x7f\x85\u2028",
        "smile \N{GRINNING FACE} Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}",
        '["1A", "2B"',
        "{}",
        "x" * 5_000,
    ],
)
def test_text_arrives_exactly(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    load(connection, "ssd", [Record("ssd_assessment_factors", {"cinf_assessment_factors_json": text})])
    arrived = connection.execute("select cinf_assessment_factors_json from ssd.ssd_assessment_factors").fetchall()
    assert arrived == [(text,)]


def test_null_is_not_an_empty_string_and_columns_left_out_are_null(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, "ssd", [Record("ssd_person", {"pers_person_id": "", "pers_upn": None})])
    arrived = connection.execute("select pers_person_id, pers_upn, pers_dob from ssd.ssd_person").fetchall()
    assert arrived == [("", None, None)]


def test_days_times_and_numbers_arrive(connection: duckdb.DuckDBPyConnection) -> None:
    person = {"pers_dob": date(2015, 2, 28), "pers_expected_dob": datetime(2015, 2, 27, 23, 59)}  # noqa: DTZ001
    records = [
        Record("ssd_person", person),
        Record("ssd_sdq_scores", {"csdq_sdq_score": 0}),
        Record("ssd_cla_placement", {"clap_cla_placement_distance": 1.5}),
    ]
    assert {table: rows for table, rows in load(connection, "ssd", records).items() if rows} == {
        "ssd_person": 1,
        "ssd_sdq_scores": 1,
        "ssd_cla_placement": 1,
    }
    assert connection.execute(
        "select pers_dob, pers_expected_dob, csdq_sdq_score, clap_cla_placement_distance "
        "from ssd.ssd_person, ssd.ssd_sdq_scores, ssd.ssd_cla_placement"
    ).fetchall() == [
        (datetime(2015, 2, 28), datetime(2015, 2, 27, 23, 59), 0, 1.5)  # noqa: DTZ001
    ]


def test_many_rows_are_loaded_in_parts_and_all_arrive_once(connection: duckdb.DuckDBPyConnection) -> None:
    rows = 230_000
    records = (Record("ssd_disability", {"disa_table_id": str(number)}) for number in range(rows))
    assert load(connection, "ssd", records)["ssd_disability"] == rows
    assert connection.execute("select count(*), count(distinct disa_table_id) from ssd.ssd_disability").fetchall() == [
        (rows, rows)
    ]


def test_a_schema_may_have_any_name() -> None:
    with duckdb.connect() as connection:
        create_tables(connection, 'my "ssd" data')
        assert load(connection, 'my "ssd" data', [Record("ssd_person", {})])["ssd_person"] == 1


def test_a_load_that_fails_leaves_nothing_behind(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, "ssd", [Record("ssd_person", {"pers_person_id": "before"})])

    def failing() -> Iterator[Record]:
        for number in range(100_001):
            yield Record("ssd_person", {"pers_person_id": str(number)})
        raise TrialError("a broken line")

    with pytest.raises(TrialError, match="a broken line"):
        load(connection, "ssd", failing())
    assert count(connection, "ssd_person") == 1


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record("ssd_persons", {}), "no table ssd_persons"),
        (Record("ssd_person", {"pers_name": "x"}), "no column pers_name in table ssd_person"),
    ],
)
def test_records_of_no_ssd_table_are_refused(
    connection: duckdb.DuckDBPyConnection, record: Record, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(connection, "ssd", [record])
