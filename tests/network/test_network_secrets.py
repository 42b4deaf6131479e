"""Secrets: where they come from, in which order, and that they go nowhere else."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import key_store_for_tests
import pytest
from key_store_for_tests import InMemory, Locked
from submit_stage import CONFIG

from submitter.errors import ConfigurationError
from submitter.http_session import proxy_for
from submitter.key_store import SystemKeyStore
from submitter.settings import Settings, load_settings

if TYPE_CHECKING:
    from submit_stage import Submit

    from submitter.receiver.serve import RunningReceiver

BACKENDS = str(Path(key_store_for_tests.__file__).parent)
NO_SECRETS = {"CLIENT_SECRET": "", "SUPPLIER_KEY": ""}
PLANTED = "Planted-Secret-4711"


def in_file(submit: Submit) -> dict[str, str]:
    """The environment in which the library keyring keeps its secrets in a file."""
    return {
        "PYTHON_KEYRING_BACKEND": "key_store_for_tests.InFile",
        "PYTHONPATH": BACKENDS,
        "KEY_STORE_FILE": str(submit.folder / "kept.json"),
    }


def secret(submit: Submit, *arguments: str, piped: str = "", code: int = 0, **changes: str) -> str:
    nothing = dict.fromkeys(submit.environment(""), "")
    settings = {**nothing, **in_file(submit), **changes}
    finished = subprocess.run(
        [sys.executable, "-m", "submitter", "secret", *arguments],
        cwd=submit.folder,
        env={name: value for name, value in settings.items() if value},
        input=piped,
        capture_output=True,
        text=True,
        check=False,
    )
    said = finished.stdout + finished.stderr
    assert finished.returncode == code, said
    assert "Traceback" not in said
    assert PLANTED not in said
    return said


def test_a_run_takes_its_secrets_from_the_key_store(submit: Submit, receiver: RunningReceiver) -> None:
    assert "SUPPLIER_KEY is missing" in submit(receiver.base_url, **NO_SECRETS, **in_file(submit)).err
    secret(submit, "set", "CLIENT_SECRET", piped=f"{CONFIG.client_secret}\n")
    secret(submit, "set", "supplier_key", piped=f"{CONFIG.supplier_key}\r\n")
    finished = submit(receiver.base_url, **NO_SECRETS, **in_file(submit))
    assert finished.code == 0, finished.said
    assert receiver.store.ids() == ["p1"]


def test_list_says_where_each_comes_from_and_no_value(submit: Submit) -> None:
    assert secret(submit, "list").splitlines() == [
        "CLIENT_SECRET: not set",
        "SUPPLIER_KEY: not set",
        "CSC_PROXY_PASSWORD: not set",
    ]
    secret(submit, "set", "CLIENT_SECRET", piped=PLANTED)
    (submit.folder / ".env").write_text(f"SUPPLIER_KEY={PLANTED}\n", encoding="utf-8")
    assert secret(submit, "list", CSC_PROXY_PASSWORD=PLANTED).splitlines() == [
        "CLIENT_SECRET: key store",
        "SUPPLIER_KEY: .env",
        "CSC_PROXY_PASSWORD: environment",
    ]
    listed = secret(submit, "list", CLIENT_SECRET=PLANTED)
    assert "CLIENT_SECRET: environment (also in the key store, which does not count)" in listed
    assert "no longer in" in secret(submit, "delete", "CLIENT_SECRET")
    assert "was not in" in secret(submit, "delete", "CLIENT_SECRET")


def test_an_empty_secret_an_unknown_name_and_an_argument_are_refused(submit: Submit) -> None:
    assert "would be empty" in secret(submit, "set", "CLIENT_SECRET", piped="\n", code=2)
    secret(submit, "set", "DB_PASSWORD", piped=PLANTED, code=2)
    secret(submit, "set", "CLIENT_SECRET", "an-argument", piped=PLANTED, code=2)


@pytest.mark.parametrize(
    ("backend", "expected"),
    [("keyring.backends.fail.Keyring", "has no key store"), ("key_store_for_tests.Locked", "refused (KeyringLocked)")],
)
def test_without_a_key_store_it_is_one_line(submit: Submit, backend: str, expected: str) -> None:
    said = secret(submit, "set", "CLIENT_SECRET", piped=PLANTED, code=2, PYTHON_KEYRING_BACKEND=backend)
    assert len(said.splitlines()) == 1
    assert expected in said
    assert expected in secret(submit, "list", PYTHON_KEYRING_BACKEND=backend)


def given(**changes: str) -> dict[str, str]:
    return {
        "la_code": "999",
        "token_endpoint": "https://t.invalid",
        "client_id": "c",
        "scope": "x",
        **changes,
    }


def kept(**secrets: str) -> SystemKeyStore:
    store = SystemKeyStore(InMemory())
    for name, value in secrets.items():
        store.set(name, value)
    return store


def test_the_command_line_comes_before_the_file_before_the_key_store(tmp_path: Path) -> None:
    store = kept(CLIENT_SECRET="stored", SUPPLIER_KEY="stored")
    file = tmp_path / ".env"
    file.write_text("SUPPLIER_KEY=filed\n", encoding="utf-8")
    settings = load_settings(Settings, file, key_store=store, **given())
    assert settings.client_secret.get_secret_value() == "stored"
    assert settings.supplier_key.get_secret_value() == "filed"
    settings = load_settings(Settings, file, key_store=store, **given(supplier_key="said"))
    assert settings.supplier_key.get_secret_value() == "said"


def test_a_proxys_password_is_asked_for_with_its_user_only() -> None:
    store = kept(CLIENT_SECRET="a", SUPPLIER_KEY="b", CSC_PROXY_PASSWORD=PLANTED)
    assert load_settings(Settings, None, key_store=store, **given()).csc_proxy_password is None
    settings = load_settings(Settings, None, key_store=store, **given(csc_proxy="h:1", csc_proxy_user="u"))
    proxy = proxy_for("https://t.invalid", settings)
    assert proxy is not None
    assert proxy.url == f"http://u:{PLANTED}@h:1"
    assert PLANTED not in repr(proxy) + repr(settings) + str(settings) + settings.model_dump_json()


def test_no_exception_and_no_traceback_holds_a_secret(tmp_path: Path) -> None:
    wrong = given(
        csc_proxy=f"socks://u:{PLANTED}@h", client_secret=PLANTED, supplier_key=PLANTED, csc_proxy_user=PLANTED
    )
    settings = load_settings(Settings, None, key_store=kept(), **wrong)
    broken = tmp_path / ".env"
    broken.write_text(f"API_ENDPOINT=https://u:{PLANTED}@h.invalid/1-test\nBATCH_SIZE={PLANTED}\n", encoding="utf-8")
    for attempt in (
        lambda: proxy_for("https://t.invalid", settings),
        lambda: load_settings(Settings, broken, key_store=kept(), **given()),
        lambda: SystemKeyStore(Locked()).set("CLIENT_SECRET", PLANTED),
    ):
        with pytest.raises(ConfigurationError) as failed:
            attempt()
        assert PLANTED not in "".join(traceback.format_exception(failed.value))
        assert PLANTED not in repr(failed.value)
