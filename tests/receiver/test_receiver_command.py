"""`csc-submit receiver`, as a person starts it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMAND = [sys.executable, "-m", "submitter", "receiver"]


def told_settings(lines: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        if match := re.fullmatch(r"  ([A-Z_]+)=(.*)", line.rstrip()):
            found[match[1]] = match[2]
        if line.startswith("It holds"):
            break
    return found


def test_the_settings_it_prints_open_it() -> None:
    command = [*COMMAND, "--port", "0", "--la-code", "123", "--client-secret", "other"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            told = told_settings(process.stdout)
            form = {name: told[name.upper()] for name in ("client_id", "client_secret", "scope")}
            token = requests.post(
                told["TOKEN_ENDPOINT"], data={"grant_type": "client_credentials", **form}, timeout=10
            ).json()["access_token"]
            answer = requests.post(
                f"{told['API_ENDPOINT']}/children_social_care_data/{told['LA_CODE']}/children",
                json=[{"la_child_id": "1", "purge": True}],
                headers={"Authorization": f"Bearer {token}", "SupplierKey": told["SUPPLIER_KEY"]},
                timeout=10,
            )
            assert answer.status_code == 200
            assert told["LA_CODE"] == "123"
            assert told["API_ENDPOINT"].startswith("http://127.0.0.1:")
        finally:
            process.terminate()


def test_a_port_in_use_is_said_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
    assert port in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
