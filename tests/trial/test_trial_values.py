from __future__ import annotations

from datetime import date

import pytest

from submitter.trial.children import InventedIds
from submitter.trial.values import Tally, Values, parse_day


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def values(tally: Tally) -> Values:
    return Values(tally)


@pytest.mark.parametrize(
    "text",
    ["2024-02-29", "29/02/2024", "29-02-2024", "2024-02-29T00:00:00", "29/02/2024 00:00", " 2024-02-29Z "],
)
def test_days_as_returns_write_them(text: str) -> None:
    assert parse_day(text) == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["2023-02-29", "31/13/2024", "02/2024", "29 Feb 2024", "45351", "0024-02-29", "x"])
def test_texts_that_are_no_day(values: Values, tally: Tally, text: str) -> None:
    assert parse_day(text) is None
    assert values.day(text) is None
    assert tally.not_understood == 1


@pytest.mark.parametrize("text", [None, "", "  \t"])
def test_blank_is_null_and_not_counted(values: Values, tally: Tally, text: str | None) -> None:
    assert values.day(text) is None
    assert values.number(text) is None
    assert values.flag(text) is None
    assert values.sex(text) is None
    assert values.text("pers_upn", text) is None
    assert tally.not_understood == 0


@pytest.mark.parametrize(
    ("text", "sex"),
    [("1", "M"), ("m", "M"), ("2", "F"), ("F", "F"), ("0", "U"), ("9", "U"), ("U", "U"), ("other", "U")],
)
def test_sex(values: Values, text: str, sex: str) -> None:
    assert values.sex(text) == sex


@pytest.mark.parametrize(
    ("text", "flag"), [("1", "Y"), ("true", "Y"), ("Yes", "Y"), ("0", "N"), ("FALSE", "N"), ("n", "N")]
)
def test_flags(values: Values, text: str, flag: str) -> None:
    assert values.flag(text) == flag


def test_values_that_cannot_be_used_are_null_and_counted(values: Values, tally: Tally) -> None:
    assert values.flag("perhaps") is None
    assert values.number("twelve") is None
    assert values.number("12.5") is None
    assert values.text("cine_cin_primary_need_code", "N4 abuse") is None
    assert tally.not_understood == 4


def test_numbers(values: Values) -> None:
    assert values.number("0") == 0
    assert values.number(" 25.0 ") == 25


def test_long_text_fits_where_the_column_takes_any_length(values: Values) -> None:
    assert values.text("cinf_assessment_factors_json", "x" * 5_000) == "x" * 5_000


@pytest.mark.parametrize(
    ("upn", "reason", "expected"),
    [
        ("A123456789012", None, ("A123456789012", None)),
        ("UN3", None, (None, "UN3")),
        ("un10", "", (None, "un10")),
        (None, "UN4", (None, "UN4")),
        ("A123456789012345", None, (None, None)),
    ],
)
def test_upn_and_the_reason_for_none(
    values: Values, upn: str | None, reason: str | None, expected: tuple[str | None, str | None]
) -> None:
    columns = values.upn(upn, reason)
    assert (columns["pers_upn"], columns["pers_upn_unknown"]) == expected


def test_ids_are_the_same_for_the_same_record_and_differ_otherwise() -> None:
    def ids(child_id: str) -> list[str]:
        new = InventedIds(child_id).new
        return [new("REF", date(2024, 1, 1)), new("REF", date(2024, 1, 1)), new("REF", None), new("REF"), new("CLA")]

    assert ids("1") == ids("1")
    assert len({*ids("1"), *ids("2")}) == 10
