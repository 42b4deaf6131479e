"""A day's work in the case system: some per cent of the children in the SSD tables change, vanish, merge or come back.

Nobody is meant here either: whatever is new is invented.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from submitter.reference import code_sets, ssd_tables
from submitter.trial.draw import Deck, Draw
from submitter.trial.invent import invented_children
from submitter.trial.invent_records import UASC_STATUSES, Child, RecordMaker, Span, postcode, upn
from submitter.trial.ssd import Record, create_tables, load, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from duckdb import DuckDBPyConnection

    from submitter.trial.ssd import Value

_SHARE = 0.05
# Invented children begin with 1; who joins them has a number of millions, a thousand a day and more.
_FIRST_NUMBER = 5_000_000
_NUMBERS_A_DAY = 2_000
_MOST_A_DAY = _NUMBERS_A_DAY // 2
_PEOPLE = "ssd_person"
_DATES = (
    ("ssd_cin_episodes", "cine_referral_date"),
    ("ssd_cin_episodes", "cine_close_date"),
    ("ssd_cin_assessments", "cina_assessment_start_date"),
    ("ssd_cin_assessments", "cina_assessment_auth_date"),
    ("ssd_cin_plans", "cinp_cin_plan_start_date"),
    ("ssd_cin_plans", "cinp_cin_plan_end_date"),
    ("ssd_s47_enquiry", "s47e_s47_start_date"),
    ("ssd_s47_enquiry", "s47e_s47_end_date"),
    ("ssd_initial_cp_conference", "icpc_icpc_date"),
    ("ssd_cp_plans", "cppl_cp_plan_start_date"),
    ("ssd_cp_plans", "cppl_cp_plan_end_date"),
    ("ssd_cla_placement", "clap_cla_placement_start_date"),
    ("ssd_cla_placement", "clap_cla_placement_end_date"),
    ("ssd_permanence", "perm_matched_date"),
    ("ssd_permanence", "perm_placed_for_adoption_date"),
    ("ssd_care_leavers", "clea_care_leaver_latest_contact"),
    ("ssd_sdq_scores", "csdq_sdq_completed_date"),
    ("ssd_involvements", "invo_involvement_start_date"),
    ("ssd_involvements", "invo_involvement_end_date"),
    ("ssd_person", "pers_dob"),
)
_SCORES = tuple(str(score) for score in range(41))
_CODES = (
    ("ssd_person", "pers_sex", "sex"),
    ("ssd_person", "pers_ethnicity", "ethnicity"),
    ("ssd_cin_episodes", "cine_referral_source_code", "referral_source"),
    ("ssd_cin_episodes", "cine_close_reason", "closure_reason"),
    ("ssd_cla_placement", "clap_cla_placement_type", "placement_type"),
    ("ssd_cla_placement", "clap_cla_placement_change_reason", "placement_change_reason"),
    ("ssd_cla_episodes", "clae_cla_episode_start_reason", "cla_start_reason"),
    ("ssd_cla_episodes", "clae_cla_episode_ceased_reason", "cla_end_reason"),
    ("ssd_care_leavers", "clea_care_leaver_activity", "care_leaver_activity"),
    ("ssd_care_leavers", "clea_care_leaver_accommodation", "care_leaver_accommodation"),
    ("ssd_sdq_scores", "csdq_sdq_score", ""),
)
_EMPTIED = (
    *_DATES,
    *((table, column) for table, column, _ in _CODES),
    ("ssd_person", "pers_forename"),
    ("ssd_person", "pers_upn"),
    ("ssd_person", "pers_legacy_id"),
)
_DELETED = (
    *("ssd_cin_episodes", "ssd_cin_assessments", "ssd_cin_plans", "ssd_s47_enquiry", "ssd_cp_plans", "ssd_address"),
    *("ssd_cla_episodes", "ssd_cla_placement", "ssd_permanence", "ssd_care_leavers", "ssd_sdq_scores"),
    *("ssd_involvements", "ssd_disability", "ssd_immigration_status", "ssd_linked_identifiers"),
)


@dataclass(frozen=True)
class _Found:
    """A record of a child who has not changed yet today: its key and the child, as the SSD writes them."""

    key: str
    person_id: str


class SsdDays:
    """Changes the SSD tables of one schema, a day at a time; the same seed and tables give the same days.

    Children who leave the SSD wait in a schema of their own, made here, until they return.
    """

    def __init__(self, schema: str, gone_schema: str, seed: int) -> None:
        self._schema = schema
        self._gone = gone_schema
        self._seed = seed

    def begin(self, connection: DuckDBPyConnection) -> None:
        """Make the tables for children who leave."""
        create_tables(connection, self._gone)

    def work(self, connection: DuckDBPyConnection, number: int, today: date) -> int:
        """Do the day's changes; return how many children they are about.

        Every kind of change comes once before any comes again, as far as there is a child for it.
        """
        return _Day(connection, self._schema, self._gone, f"{self._seed} day {number}", number, today).work()


class _Day:
    def __init__(  # noqa: PLR0913, PLR0917 - what a day is made of
        self, connection: DuckDBPyConnection, schema: str, gone: str, seed: str, number: int, today: date
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._gone = gone
        self._seed = seed
        self._draw = Draw(seed)
        self._today = today
        self._numbers = _FIRST_NUMBER + number * _NUMBERS_A_DAY
        workers = self._count("ssd_professionals")
        self._workers = workers
        self._make = RecordMaker(self._draw, today, workers)
        self._changed: set[str] = set()
        self._waiting: dict[tuple[str, str], list[_Found]] = {}
        self._new: list[Record] = []

    def work(self) -> int:
        kinds: tuple[Callable[[], None], ...] = (
            *(self._refer, self._close, self._correct_date, self._correct_code, self._empty, self._move),
            *(self._change_upn, self._change_factors, self._change_flag, self._add_record, self._delete_record),
            *(self._delete_child, self._merge_children, self._return_child, self._new_child),
        )
        deck = Deck(self._draw, kinds)
        for _ in range(min(max(round(self._count(_PEOPLE) * _SHARE), len(kinds)), _MOST_A_DAY)):
            deck.deal()()
        load(self._connection, self._schema, self._new)
        return len(self._changed)

    # kinds of change; each does nothing where no child is left for it

    def _refer(self) -> None:
        if child := self._invented(_PEOPLE):
            start = self._draw.day(self._today - timedelta(3), self._today)
            self._new += self._make.referral(child, Span(start, None))

    def _close(self) -> None:
        if found := self._take("ssd_cin_episodes", "cine_close_date is null and cine_referral_date is not null"):
            reason = self._draw.pick(code_sets()["closure_reason"])
            self._set("ssd_cin_episodes", found, {"cine_close_date": self._today, "cine_close_reason": reason})

    def _correct_date(self) -> None:
        table, column = self._draw.deal(_DATES)
        if found := self._take(table, f"{column} is not null"):
            days = self._draw.pick((-30, -7, -1, 1, 7, 30))
            self._connection.execute(
                f"update {self._table(table)} set {column} = {column} + to_days(cast(? as integer)) "  # noqa: S608
                f"where {_key(table)} = ?",
                [days, found.key],
            )

    def _correct_code(self) -> None:
        table, column, code_set = self._draw.deal(_CODES)
        if found := self._take(table, f"{column} is not null"):
            self._set(table, found, {column: self._draw.pick(code_sets()[code_set] if code_set else _SCORES)})

    def _empty(self) -> None:
        table, column = self._draw.deal(_EMPTIED)
        if found := self._take(table, f"{column} is not null"):
            self._set(table, found, {column: None})

    def _move(self) -> None:
        if child := self._invented(_PEOPLE):
            address: Mapping[str, Value] = {
                "addr_table_id": child.new_id("AD"),
                "addr_person_id": child.person_id,
                "addr_address_type": "Home",
                "addr_address_start_date": self._today,
                "addr_address_postcode": postcode(self._draw),
            }
            self._new.append(Record("ssd_address", address))

    def _change_upn(self) -> None:
        if found := self._take(_PEOPLE):
            known = self._draw.chance(0.7)
            reason = None if known else self._draw.pick(code_sets()["upn_unknown_reason"])
            number = upn(self._draw, self._next_number()) if known else None
            self._set(_PEOPLE, found, {"pers_upn": number, "pers_upn_unknown": reason})

    def _change_factors(self) -> None:
        if found := self._take("ssd_assessment_factors"):
            factors = sorted({self._draw.pick(code_sets()["assessment_factor"]) for _ in range(self._draw.below(4))})
            self._set("ssd_assessment_factors", found, {"cinf_assessment_factors_json": json.dumps(factors)})

    def _change_flag(self) -> None:
        draw = self._draw
        flag = draw.pick(("Y", "N"))
        which = draw.deal(("no further action", "conference", "unaccompanied"))
        if which == "no further action":
            if found := self._take("ssd_cin_episodes"):
                self._set("ssd_cin_episodes", found, {"cine_referral_nfa": flag})
        elif which == "conference":
            if found := self._take("ssd_s47_enquiry"):
                outcome = json.dumps({"CP_CONFERENCE_FLAG": flag})
                self._set("ssd_s47_enquiry", found, {"s47e_s47_outcome_json": outcome})
        elif child := self._invented(_PEOPLE):
            self._new.append(self._make.immigration_status(child, draw.pick(UASC_STATUSES)))

    def _add_record(self) -> None:
        makers = {"ssd_sdq_scores": self._make.sdq_score, "ssd_care_leavers": self._make.care_leaver}
        # a child with one such record is one whose payload can show another
        table = self._draw.deal(tuple(makers))
        if child := self._invented(table):
            self._new.append(makers[table](child))

    def _delete_record(self) -> None:
        table = self._draw.deal(_DELETED)
        if found := self._take(table):
            self._connection.execute(f"delete from {self._table(table)} where {_key(table)} = ?", [found.key])  # noqa: S608

    def _delete_child(self) -> None:
        if found := self._take(_PEOPLE):
            self._carry(found.person_id, self._schema, self._gone)

    def _return_child(self) -> None:
        """Bring back a child who left on an earlier day."""
        people = f"{quoted(self._gone)}.{_PEOPLE}"
        rows = self._connection.execute(
            f"select distinct {_trimmed('pers_person_id')} from {people} order by all"  # noqa: S608
        ).fetchall()
        away = [str(row[0]) for row in rows if row[0] not in self._changed]
        if away:
            person_id = self._draw.pick(away)
            self._changed.add(person_id)
            self._carry(person_id, self._gone, self._schema)

    def _merge_children(self) -> None:
        """Make one child of two: the second's records become the first's, its person goes."""
        stays, goes = self._take(_PEOPLE), self._take(_PEOPLE)
        if stays is None or goes is None:
            return
        for table, column in _person_columns().items():
            where = f"{_trimmed(column)} = {_trimmed('?')}"
            if table == _PEOPLE:
                self._connection.execute(f"delete from {self._table(table)} where {where}", [goes.person_id])  # noqa: S608
            else:
                self._connection.execute(
                    f"update {self._table(table)} set {column} = ? where {where}",  # noqa: S608
                    [stays.person_id, goes.person_id],
                )

    def _new_child(self) -> None:
        number = self._next_number()
        records = invented_children(1, f"{self._seed} {number}", self._today, number, self._workers)
        # the workers are those who are there
        self._new += [record for record in records if record.table != "ssd_professionals"]
        self._changed.add(str(number))

    # the tables

    def _take(self, table: str, condition: str = "1 = 1") -> _Found | None:
        """Return a record, of those that meet a condition, of a child who has not changed yet today."""
        waiting = self._waiting.get((table, condition))
        if waiting is None:
            waiting = self._waiting[table, condition] = self._found(table, condition)
        while waiting:
            found = waiting.pop()
            person_id = found.person_id.strip()
            if person_id not in self._changed:
                self._changed.add(person_id)
                return found
        return None

    def _found(self, table: str, condition: str) -> list[_Found]:
        source, person = self._table(table), _person_columns().get(table)
        if person is None:  # factors: the child is the assessment's
            source += f" inner join {self._table('ssd_cin_assessments')} on cina_assessment_id = cinf_assessment_id"
            person = "cina_person_id"
        rows = self._connection.execute(
            f"select distinct {_key(table)}, {person} from {source} where {condition} "  # noqa: S608
            f"and {_key(table)} is not null and {person} is not null order by all"
        ).fetchall()
        found = [_Found(str(key), str(person_id)) for key, person_id in rows]
        self._draw.shuffle(found)
        return found

    def _invented(self, table: str) -> Child | None:
        """Return a child with a record in a table, ready to get invented ones."""
        found = self._take(table)
        if found is None:
            return None
        born = self._today - timedelta(days=365 * 12)
        return Child(self._next_number(), found.person_id, "in need", born, self._today - timedelta(days=100))

    def _set(self, table: str, found: _Found, values: Mapping[str, Value]) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        self._connection.execute(
            f"update {self._table(table)} set {changes} where {_key(table)} = ?",  # noqa: S608
            [*values.values(), found.key],
        )

    def _carry(self, person_id: str, source: str, destination: str) -> None:
        """Move all that names a child from one schema to another."""
        for table, column in _person_columns().items():
            where = f"where {_trimmed(column)} = {_trimmed('?')}"
            leaves, arrives = f"{quoted(source)}.{table}", f"{quoted(destination)}.{table}"
            self._connection.execute(f"insert into {arrives} select * from {leaves} {where}", [person_id])  # noqa: S608
            self._connection.execute(f"delete from {leaves} {where}", [person_id])  # noqa: S608

    def _count(self, table: str) -> int:
        row = self._connection.execute(f"select count(*) from {self._table(table)}").fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def _table(self, table: str) -> str:
        return f"{quoted(self._schema)}.{table}"

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers


def _trimmed(text: str) -> str:
    """Write what compares ids as the staging models do."""
    return f"trim({text}, chr(9) || chr(10) || chr(13) || chr(32) || chr(160))"


def _key(table: str) -> str:
    return next(column.name for column in ssd_tables()[table] if column.primary_key)


def _person_columns() -> dict[str, str]:
    """Return the column that names the child, of every table that has one."""
    return {
        table: column.name
        for table, columns in ssd_tables().items()
        for column in columns
        if column.name.endswith("_person_id")
    }
