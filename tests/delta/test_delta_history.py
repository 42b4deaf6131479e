"""The histories of the law leave nothing out that the payload reads."""

from __future__ import annotations

import re
from functools import cache

from history import HISTORIES, SLOTS, History
from hypothesis import given

from submitter.project_files import project_root
from submitter.reference import ssd_tables


@cache
def columns_read() -> dict[str, set[str]]:
    """Return the columns of the SSD that the staging models name, by table."""
    found = {}
    for path in (project_root() / "models" / "staging").glob("*.sql"):
        sql = path.read_text(encoding="utf-8")
        (table,) = re.findall(r"ssd_table\('(\w+)'\)", sql)
        found[table] = {column.name for column in ssd_tables()[table] if re.search(rf"\b{column.name}\b", sql)}
    return found


def test_every_table_that_the_payload_reads_changes() -> None:
    assert {slot.table for slot in SLOTS.values()} == columns_read().keys()


def test_every_column_that_the_payload_reads_changes() -> None:
    varied: dict[str, set[str]] = {table: set() for table in columns_read()}
    for slot in SLOTS.values():
        varied[slot.table] |= {column for column, choices in slot.choices.items() if len(set(choices)) > 1}
    # a row's own id says which row it is: another id is another row, and rows come and go
    ids = {table: {column.name for column in columns if column.primary_key} for table, columns in ssd_tables().items()}
    unvaried = {table: columns - varied[table] - ids[table] for table, columns in columns_read().items()}
    assert {table: columns for table, columns in unvaried.items() if columns} == {}


@given(HISTORIES)
def test_a_history_has_five_to_fifteen_days_and_shrinks(history: History) -> None:
    assert 5 <= len(history.days) <= 15
    assert all(smaller.size <= history.size for smaller in history.smaller())
