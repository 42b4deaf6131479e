"""What the tests of the audit commands share: the command away from any receiver, and a database held by another."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forked_command import Finished
    from submit_stage import State, Submit

NO_RECEIVER = "http://127.0.0.1:9"
HOLD = (
    "import sys, duckdb; held = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'reading'); "
    "print('held', flush=True); input()"
)
# What no command may ever show.
PLANTED = {"first_name": "Zebedee", "surname": "Plantedson", "date_of_birth": "2012-02-29"}


def asked(submit: Submit, *arguments: str, code: int = 0, changes: Mapping[str, str] | None = None) -> str:
    """What a command says that only reads or marks; it needs no receiver and no credentials."""
    nothing = dict.fromkeys(("LA_CODE", "TOKEN_ENDPOINT", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "SUPPLIER_KEY"), "")
    finished = submit(NO_RECEIVER, *arguments, **{**nothing, **(changes or {})})
    assert finished.code == code, finished.said
    assert "Traceback" not in finished.said
    assert [word for word in PLANTED.values() if word in finished.said] == []
    return finished.said


def run_id_of(finished: Finished) -> str:
    """The id that a run says at its end."""
    return finished.out.split("Run ")[1].split(".")[0]


@contextmanager
def held(state: State, how: str) -> Iterator[None]:
    """Have another process hold the database, for `reading` or for `writing`."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state.path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    try:
        yield
    finally:
        holder.communicate("\n")
