"""The state table in DuckDB, the command and the stand-in receiver; and the live server.

That is named by CSC_TEST_SQLSERVER, an ODBC connection string of a login that may make databases.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from live_server import LiveDatabase, made_database
from submit_stage import CONFIG, State, Submit

from submitter.receiver.serve import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from submitter.receiver.serve import RunningReceiver

SETTING = "CSC_TEST_SQLSERVER"
LONGEST = {"road", "delta", "preflight"}
WHY = f"{SETTING} is not set (an ODBC connection string of a login that may make and drop databases)"

# A machine that does other work too is no failure: nothing here is about time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: at any time some test waits for a receiver that is slow on purpose."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in the folder sqlserver, and leave it out where no server is named. The longest go first."""
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.parts))  # or a core waits for them at the end
    for item in items:
        if "sqlserver" in item.path.parts:
            item.add_marker(pytest.mark.sqlserver)
            if not os.environ.get(SETTING):
                item.add_marker(pytest.mark.skip(reason=WHY))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line that the live tests were left out, and why."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if WHY in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} live tests skipped: {WHY}")


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "children.duckdb")
    made.create()
    return made


@pytest.fixture
def submit(state: State, tmp_path: Path) -> Submit:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Submit(state, folder)


@pytest.fixture
def receiver() -> Iterator[RunningReceiver]:
    with serve(CONFIG) as running:
        yield running


@pytest.fixture(scope="session")
def server() -> str:
    return os.environ[SETTING]


@pytest.fixture(scope="module")
def database(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDatabase]:
    """A database of this module's own, empty, removed at its end."""
    with made_database(server, tmp_path_factory.mktemp("live")) as made:
        yield made
