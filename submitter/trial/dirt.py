"""Spoils some records the way real extracts are spoiled, without telling the rest.

None of it costs a child its payload: it is what the staging models are there to clean.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from typing import TYPE_CHECKING

from submitter.reference import ssd_tables
from submitter.trial.draw import Deck, Draw
from submitter.trial.ssd import Record, text_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from submitter.trial.ssd import Value

    # Takes a record and returns the columns it changes, none when this dirt does not fit the record.
    Spoiler = Callable[[Record, Draw], Mapping[str, Value]]

_SPOILED = 0.04
# people are few among the records, and most kinds of dirt are theirs
_SPOILED_PEOPLE = 0.1
_TWICE = 0.004

_CODES = {
    "pers_sex",
    "pers_ethnicity",
    "pers_upn_unknown",
    "disa_disability_code",
    "cine_referral_source_code",
    "cine_close_reason",
    "clae_cla_episode_start_reason",
    "clae_cla_episode_ceased_reason",
    "clap_cla_placement_type",
    "clap_cla_placement_change_reason",
    "clea_care_leaver_activity",
    "clea_care_leaver_accommodation",
}
# where case systems export the entry of a drop-down list with its words
_CODES_WITH_WORDS = {
    "cine_referral_source_code",
    "cine_close_reason",
    "clae_cla_episode_start_reason",
    "clae_cla_episode_ceased_reason",
    "clap_cla_placement_type",
}
_NAMES = {"pers_forename", "pers_surname", "prof_professional_name"}
_JSON = {
    "addr_address_json",
    "cine_referral_outcome_json",
    "cina_assessment_outcome_json",
    "cinf_assessment_factors_json",
    "s47e_s47_outcome_json",
    "icpc_icpc_outcome_json",
}
_PERIODS = {
    "ssd_address": ("addr_address_start_date", "addr_address_end_date"),
    "ssd_cin_episodes": ("cine_referral_date", "cine_close_date"),
    "ssd_cin_assessments": ("cina_assessment_start_date", "cina_assessment_auth_date"),
    "ssd_cin_plans": ("cinp_cin_plan_start_date", "cinp_cin_plan_end_date"),
    "ssd_cp_plans": ("cppl_cp_plan_start_date", "cppl_cp_plan_end_date"),
    "ssd_s47_enquiry": ("s47e_s47_start_date", "s47e_s47_end_date"),
    "ssd_cla_episodes": ("clae_cla_episode_start_date", "clae_cla_episode_ceased_date"),
    "ssd_cla_placement": ("clap_cla_placement_start_date", "clap_cla_placement_end_date"),
    "ssd_involvements": ("invo_involvement_start_date", "invo_involvement_end_date"),
    "ssd_immigration_status": ("immi_immigration_status_start_date", "immi_immigration_status_end_date"),
}
_NAME_DIRT = (
    "{} O'Beta",
    '"{}"\\',
    "\t{}\r\n",
    "{}\nBeta\tGamma",
    "{}\x01\x1f\x7f",
    "{} \N{GRINNING FACE}",
    "{}-\N{LATIN CAPITAL LETTER E WITH ACUTE}lo\N{LATIN SMALL LETTER I WITH DIAERESIS}se",
    "  {} </script> {{}} %s  ",
)
_AROUND_CODES = ("\t{}", "{}\r\n", " {} ", "\n{}\t")
_BAD_JSON = ('["1A", "2B"', "{", "not recorded", '{"CP_CONFERENCE_FLAG": Y}', "[]]", "null", '"1A"', "  ")
_WORDS = ("see case notes", "entered by the duty team", "as recorded (old list)")
_LONG_TEXT = 5_000


def soiled(records: Iterable[Record], seed: int | str) -> Iterator[Record]:
    """Yield the records, a few per cent of them spoiled and a few twice; the same for the same seed.

    Text keeps to the lengths of its columns, and primary keys are neither lost nor changed but for blanks.
    """
    draw = Draw(f"dirt {seed}")
    spoilers = Deck(draw, _SPOILERS)
    for record in records:
        share = _SPOILED_PEOPLE if record.table == "ssd_person" else _SPOILED
        spoiled = _spoiled(record, draw, spoilers) if draw.chance(share) else record
        yield spoiled
        if draw.chance(_TWICE):
            yield spoiled


def _spoiled(record: Record, draw: Draw, spoilers: Deck[Spoiler]) -> Record:
    # not every kind of dirt fits every table
    for _ in _SPOILERS:
        changes = spoilers.deal()(record, draw)
        if changes and all(_fits(column, value) for column, value in changes.items()):
            return Record(record.table, {**record.values, **changes})
    return record


@cache
def _primary_key(table: str) -> str:
    return next(column.name for column in ssd_tables()[table] if column.primary_key)


def _fits(column: str, value: Value) -> bool:
    length = text_lengths()[column]
    return length is None or not isinstance(value, str) or len(value) <= length


def _one_text(record: Record, draw: Draw, columns: set[str]) -> tuple[str, str] | None:
    """Return one of the record's columns, of those named, that holds text, and the text."""
    filled = [
        (column, value)
        for column, value in record.values.items()
        if column in columns and isinstance(value, str) and value
    ]
    return draw.pick(filled) if filled else None


def _rewritten(columns: set[str], rewrite: Callable[[str, Draw], str]) -> Spoiler:
    def spoil(record: Record, draw: Draw) -> Mapping[str, Value]:
        found = _one_text(record, draw, columns)
        return {} if found is None else {found[0]: rewrite(found[1], draw)}

    return spoil


def _blank(record: Record, draw: Draw) -> Mapping[str, Value]:
    texts = {column for column, value in record.values.items() if isinstance(value, str)}
    found = _one_text(record, draw, texts - _keys(record))
    return {} if found is None else {found[0]: draw.pick(("", " "))}


def _null(record: Record, draw: Draw) -> Mapping[str, Value]:
    filled = [column for column, value in record.values.items() if value is not None]
    columns = [column for column in filled if column not in _keys(record)]
    return {draw.pick(columns): None} if columns else {}


def _keys(record: Record) -> set[str]:
    return {column for column in record.values if column.endswith("_person_id")} | {_primary_key(record.table)}


def _blanks_around_id(record: Record, draw: Draw) -> Mapping[str, Value]:
    column = draw.pick([column for column in record.values if column.endswith("_id")])
    value = record.values[column]
    return {column: draw.pick((" {}", "{} ", "  {}  ")).format(value)} if isinstance(value, str) else {}


def _end_before_start(record: Record, _draw: Draw) -> Mapping[str, Value]:
    first, last = _PERIODS.get(record.table, ("", ""))
    start, end = record.values.get(first), record.values.get(last)
    return {first: end, last: start} if start is not None and end is not None else {}


def _time_of_day(record: Record, draw: Draw) -> Mapping[str, Value]:
    days = [(column, value) for column, value in record.values.items() if isinstance(value, date)]
    if not days:
        return {}
    column, day = draw.pick(days)
    return {column: datetime.combine(day, time(draw.below(24), draw.below(60)))}


def _reason_in_upn(record: Record, _draw: Draw) -> Mapping[str, Value]:
    return {"pers_upn": "UN3"} if record.table == "ssd_person" else {}


def _long_text(record: Record, _draw: Draw) -> Mapping[str, Value]:
    factors = record.values.get("cinf_assessment_factors_json")
    if not isinstance(factors, str):
        return {}
    return {"cinf_assessment_factors_json": factors[:-1] + " " * (_LONG_TEXT - len(factors)) + factors[-1:]}


def _around_code(code: str, draw: Draw) -> str:
    return draw.deal(_AROUND_CODES).format(code)


def _inside_code(code: str, draw: Draw) -> str:
    return code[:1] + draw.pick(("\t", "\r\n", " ")) + code[1:]


def _code_with_words(code: str, draw: Draw) -> str:
    return f"{code} - {draw.pick(_WORDS)}"


def _dirty_name(name: str, draw: Draw) -> str:
    return draw.deal(_NAME_DIRT).format(name)


_SPOILERS: Sequence[Spoiler] = (
    _blank,
    _null,
    _blanks_around_id,
    _end_before_start,
    _time_of_day,
    _reason_in_upn,
    _long_text,
    _rewritten(_CODES, lambda code, _draw: code.lower()),
    _rewritten(_CODES, _around_code),
    _rewritten(_CODES, _inside_code),
    _rewritten(_CODES_WITH_WORDS, _code_with_words),
    _rewritten(_NAMES, _dirty_name),
    _rewritten(_JSON, lambda _json, draw: draw.deal(_BAD_JSON)),
)
