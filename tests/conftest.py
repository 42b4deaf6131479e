"""The live server: named by CSC_TEST_SQLSERVER, an ODBC connection string of a login that may make databases."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from live_server import LiveDatabase, made_database

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY = "CSC_TEST_SQLSERVER is not set (an ODBC connection string of a login that may make and drop a database)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in the folder sqlserver."""
    for item in items:
        if "sqlserver" in item.path.parts:
            item.add_marker(pytest.mark.sqlserver)


@pytest.fixture(scope="session")
def server() -> str:
    connection_string = os.environ.get("CSC_TEST_SQLSERVER")
    if not connection_string:
        pytest.skip(WHY)
    return connection_string


@pytest.fixture(scope="module")
def database(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDatabase]:
    """A database of this module's own, empty, removed at its end."""
    with made_database(server, tmp_path_factory.mktemp("live")) as made:
        yield made
