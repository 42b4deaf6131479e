"""What a run tells: on the console, in the log file, and what it must never tell."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from submit_stage import CONFIG, Reply, payload, scripted

from submitter.errors import ConfigurationError
from submitter.log import FILES_KEPT, logging_to

if TYPE_CHECKING:
    from pathlib import Path

    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver

PERSONAL = ("Plantedson", "Zebedee", "2012-02-29", "A123456789012", "PL4 9TD")
SECRETS = (CONFIG.client_secret, CONFIG.supplier_key, "token-1")


def events(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_quiet_run_says_nothing(submit: Submit, receiver: RunningReceiver) -> None:
    finished = submit(receiver.base_url, "--quiet")
    assert (finished.code, finished.said) == (0, "")
    assert receiver.store.ids() == ["p1"]


def test_a_quiet_run_that_fails_says_why(submit: Submit, receiver: RunningReceiver) -> None:
    finished = submit(receiver.base_url, "--quiet", CLIENT_SECRET="wrong")
    assert (finished.code, finished.out) == (4, "")
    assert "invalid_client" in finished.err


def test_each_attempt_is_a_line_and_the_file_has_it_as_json(state: State, submit: Submit, tmp_path: Path) -> None:
    state.put("p2", payload("p2"))
    file = tmp_path / "run.log"
    with scripted(Reply(503), Reply(400, "[1].child_details.sex: is wrong")) as script:
        finished = submit(script.base_url, "-v", "--log-file", str(file))
    assert finished.code == 1
    lines = [line for line in finished.out.splitlines() if " batch " in line]
    assert ["batch_id=" in line and "milliseconds=" in line for line in lines] == [True] * 3
    assert "batch unknown" in lines[0]
    assert "status=503" in lines[0]
    told = events(file)
    assert [event["event"] for event in told] == [
        *("run started", "batch unknown", "batch rejected", "batch accepted", "run ended")
    ]
    assert [(event["children"], event["status"], event["attempt"]) for event in told[1:4]] == [
        *((2, 503, 1), (1, 400, 2), (1, 200, 3))
    ]
    assert len({event["run_id"] for event in told}) == 1
    assert (told[-1]["accepted"], told[-1]["rejected"], told[-1]["exit_code"]) == (1, 1, 1)
    submit("http://127.0.0.1:9", "--log-file", str(file))
    assert events(file)[-1]["event"] == "run failed"


@pytest.mark.parametrize("options", [(), ("-v",), ("--quiet",)])
def test_nothing_personal_and_no_secret_is_told(
    state: State, submit: Submit, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The receiver repeats all it knows; the libraries are made to tell all they can, into the root logger."""
    details = {"unique_pupil_number": "A123456789012", "postcode": "PL4 9TD"}
    state.put("p3", payload("p3", surname="Plantedson", first_name="Zebedee", date_of_birth="2012-02-29", **details))
    (submit.folder / "sitecustomize.py").write_text(
        "import logging\nlogging.getLogger().addHandler(logging.FileHandler('all.log'))\n"
        "logging.getLogger().setLevel(1)\n",
        encoding="utf-8",
    )
    file = tmp_path / "run.log"
    echo = f"[1].child_details: {' '.join((*PERSONAL, *SECRETS))} is wrong"
    replies = [Reply(400, echo), Reply(500, echo), Reply(401, echo), Reply(403, echo), Reply(400, echo)]
    with scripted(*replies) as script:
        finished = submit(script.base_url, *options, "--log-file", str(file), PYTHONPATH=str(submit.folder))
    assert events(file)
    kept = state.execute("select coalesce(api_response, '') from csc.ssd_api_data_staging")
    trail = state.execute("select * from csc.submission_event") + state.execute("select * from csc.submission_run")
    everything = {
        "screen": finished.said,
        "file": file.read_text(encoding="utf-8"),
        "root logger": (submit.folder / "all.log").read_text(encoding="utf-8"),
        "database": f"{kept} {trail}",
    }
    found = [(place, word) for place, text in everything.items() for word in (*PERSONAL, *SECRETS) if word in text]
    assert found == []
    assert "Traceback" not in finished.said


def test_a_token_endpoint_that_repeats_the_secret_is_not_repeated(submit: Submit) -> None:
    with scripted(token_status=200) as script:
        script.token_fields = {
            "error": CONFIG.client_secret,
            "error_description": f"AADSTS7000215 {CONFIG.client_secret}",
        }
        finished = submit(script.base_url, "-v")
    assert finished.code == 4
    assert "AADSTS7000215" in finished.err
    assert CONFIG.client_secret not in finished.said


def test_a_full_file_makes_way_and_some_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    with logging_to(None, file, largest_bytes=500) as log:
        for number in range(60):
            log.info("batch accepted", children=number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == FILES_KEPT + 1
    assert all(each.stat().st_size <= 500 for each in files)
    assert events(file)[-1]["children"] == 59


def test_a_log_file_that_cannot_be_opened_stops_before_anything_is_sent(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    finished = submit(receiver.base_url, "--log-file", str(tmp_path / "none" / "run.log"))
    assert finished.code == 2
    assert len(finished.err.splitlines()) == 1
    assert receiver.store.ids() == []


def test_handlers_are_gone_when_the_log_is(tmp_path: Path) -> None:
    with logging_to(None, tmp_path / "a.log") as log:
        log.info("one")
    log.info("two")
    assert [event["event"] for event in events(tmp_path / "a.log")] == ["one"]
    with pytest.raises(ConfigurationError), logging_to(None, tmp_path):
        raise AssertionError
    assert logging.getLogger("requests_oauthlib").level == logging.WARNING
