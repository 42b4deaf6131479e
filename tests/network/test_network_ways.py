"""Proxies and certificates, over a real proxy and real TLS on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from network_stage import HOST, PASSWORD, USER, HttpProxy, TlsFront, http_proxy, tls_front
from submit_stage import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forked_command import Finished
    from submit_stage import State, Submit

    from submitter.receiver.serve import RunningReceiver

SECRETS = (PASSWORD, "Pl%40nted", CONFIG.client_secret, CONFIG.supplier_key, "Plantedson", "Zebedee")
URL = f"https://{HOST}"


def said(finished: Finished, code: int) -> str:
    """What was said; one line on standard error where it failed, and never a secret."""
    assert finished.code == code, finished.said
    assert len(finished.err.splitlines()) == bool(code), finished.err
    assert [secret for secret in SECRETS if secret in finished.said] == []
    return finished.said


@contextmanager
def behind(receiver: RunningReceiver, folder: Path) -> Iterator[tuple[TlsFront, HttpProxy]]:
    """The receiver as TLS behind a proxy that wants credentials."""
    with tls_front(receiver.base_url, folder) as front, http_proxy(front.port) as proxy:
        yield front, proxy


@pytest.mark.parametrize("how", ["setting", "address", "environment"])
def test_a_run_goes_through_a_proxy_with_credentials(
    state: State, submit: Submit, receiver: RunningReceiver, tmp_path: Path, how: str
) -> None:
    with behind(receiver, tmp_path) as (front, proxy):
        place = f"127.0.0.1:{proxy.port}"
        credentials = {"CSC_PROXY_USER": USER, "CSC_PROXY_PASSWORD": PASSWORD}
        ways = {
            "setting": {"CSC_PROXY": place, "HTTPS_PROXY": "http://127.0.0.1:9", **credentials},
            "address": {"CSC_PROXY": f"http://domain%5Cuser:Pl%40nted%3Apass%2Fword%251@{place}"},
            "environment": {"HTTPS_PROXY": f"http://{place}", **credentials},
        }
        finished = submit(f"{URL}/x-test", TOKEN_ENDPOINT=f"{URL}/token", CSC_CA_FILE=str(front.ca_file), **ways[how])
        # the stand-in knows no /x-test, and saying so takes the whole way there
        assert "404" in said(finished, 2)
        finished = submit(
            f"{URL}/", "--live", TOKEN_ENDPOINT=f"{URL}/token", CSC_CA_FILE=str(front.ca_file), **ways[how]
        )
        said(finished, 0)
    assert set(proxy.asked) == {f"{HOST}:443"}
    assert proxy.refused == 0
    assert receiver.store.ids() == ["p1"]
    assert state.statuses() == {"p1": "sent"}


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({}, "wants a user and password (407)"),
        ({"CSC_PROXY_USER": "u", "CSC_PROXY_PASSWORD": "wrong-secret"}, "refuses its user and password (407)"),
    ],
)
def test_a_proxy_that_lets_nobody_by_says_so_once(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path, credentials: dict[str, str], expected: str
) -> None:
    with behind(receiver, tmp_path) as (_, proxy):
        finished = submit(URL + "/-test", TOKEN_ENDPOINT=URL, CSC_PROXY=f"127.0.0.1:{proxy.port}", **credentials)
        line = said(finished, 5)
    assert expected in line
    assert f"http://127.0.0.1:{proxy.port}" in line
    assert "CSC_PROXY_PASSWORD" in line
    assert "wrong-secret" not in line
    assert proxy.refused == 1  # tries with a wrong password lock accounts


def test_a_proxy_that_does_not_allow_the_host_or_is_not_there(submit: Submit) -> None:
    with http_proxy(9, status=403) as proxy:
        finished = submit(URL + "/-test", TOKEN_ENDPOINT=URL, CSC_PROXY=f"127.0.0.1:{proxy.port}")
    assert f"does not connect to {HOST} (403)" in said(finished, 5)
    finished = submit(URL + "/-test", TOKEN_ENDPOINT=URL, CSC_PROXY="http://127.0.0.1:9")
    assert "the proxy http://127.0.0.1:9 cannot be reached" in said(finished, 5)
    finished = submit(URL + "/-test", TOKEN_ENDPOINT=URL, CSC_PROXY=f"socks5://u:{PASSWORD}@h:1")
    assert "CSC_PROXY names is no HTTP proxy" in said(finished, 2)


def test_this_machine_and_what_no_proxy_names_are_asked_directly(submit: Submit, receiver: RunningReceiver) -> None:
    nowhere = "http://127.0.0.1:9"
    finished = submit(URL + "/-test", TOKEN_ENDPOINT=URL, CSC_PROXY=nowhere, NO_PROXY=f"other,{HOST}")
    assert f"the name {HOST} cannot be resolved" in said(finished, 5)
    said(submit(receiver.base_url, HTTP_PROXY=nowhere, HTTPS_PROXY=nowhere, CSC_PROXY=nowhere), 0)
    assert receiver.store.ids() == ["p1"]


def test_an_unknown_certificate_is_refused_until_its_authority_is_named(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    with tls_front(receiver.base_url, tmp_path, name="localhost") as front:
        url = f"https://localhost:{front.port}"
        line = said(submit(url), 5)
        assert "certificate of localhost is not trusted" in line
        assert "CSC_CA_FILE" in line
        assert "is not trusted" in said(submit(url, CSC_OS_CERTIFICATES="false"), 5)
        assert receiver.store.ids() == []
        said(submit(url, REQUESTS_CA_BUNDLE=str(front.ca_file)), 0)
    assert receiver.store.ids() == ["p1"]


def test_a_scheme_in_capitals_is_checked_all_the_same(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    with tls_front(receiver.base_url, tmp_path, name="localhost") as front:
        url = f"HTTPS://localhost:{front.port}"
        assert "is not trusted" in said(submit(url), 5)
        said(submit(url, CSC_CA_FILE=str(front.ca_file)), 0)
    assert receiver.store.ids() == ["p1"]


@pytest.mark.parametrize(
    ("name", "expired", "expected"),
    [("elsewhere.invalid", False, "certificate is not for localhost"), ("localhost", True, "has expired")],
)
def test_a_wrong_certificate_says_what_is_wrong(  # noqa: PLR0913 - fixtures and a case
    submit: Submit, receiver: RunningReceiver, tmp_path: Path, name: str, *, expired: bool, expected: str
) -> None:
    with tls_front(receiver.base_url, tmp_path, name=name, expired=expired) as front:
        assert expected in said(submit(f"https://localhost:{front.port}", CSC_CA_FILE=str(front.ca_file)), 5)


def test_tls_that_breaks_after_the_request_leaves_the_child_in_flight(
    state: State, submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    with tls_front(receiver.base_url, tmp_path, breaks=True) as front, http_proxy(front.port, open_to_all=True) as way:
        finished = submit(
            *(f"{URL}/", "--live"),
            TOKEN_ENDPOINT=f"{URL}/token",
            CSC_CA_FILE=str(front.ca_file),
            CSC_PROXY=f"127.0.0.1:{way.port}",
            CSC_MAX_ATTEMPTS="1",
        )
    assert (finished.code, finished.err) == (5, "")
    assert "1 unknown" in finished.out
    assert receiver.store.ids() == ["p1"]
    assert state.row("p1")["inflight_payload"] is not None


def test_certificates_are_unchecked_for_a_test_receiver_only(
    submit: Submit, receiver: RunningReceiver, tmp_path: Path
) -> None:
    with tls_front(receiver.base_url, tmp_path) as front:
        out = said(submit(f"https://localhost:{front.port}", CSC_VERIFY_TLS="false"), 0)
    assert "certificates are not checked" in out
    line = said(submit("https://api.invalid/receiver/1", "--live", CSC_VERIFY_TLS="false"), 2)
    assert "CSC_VERIFY_TLS=false is not for a live receiver" in line


@pytest.mark.parametrize("name", ["CSC_CA_FILE", "CURL_CA_BUNDLE"])
def test_a_file_without_certificates(submit: Submit, tmp_path: Path, name: str) -> None:
    (tmp_path / "none.pem").write_text("nothing", encoding="utf-8")
    for file in ("none.pem", "missing.pem"):
        line = said(submit(URL + "/-test", TOKEN_ENDPOINT=URL, **{name: str(tmp_path / file)}), 2)
        assert f"{name} names {tmp_path / file}" in line


def test_no_netrc_adds_credentials(submit: Submit, receiver: RunningReceiver, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login planted password planted", encoding="ascii")
    said(submit(receiver.base_url, HOME=str(tmp_path), NETRC=str(tmp_path / ".netrc")), 0)
