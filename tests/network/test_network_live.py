"""What counts as a live receiver: whatever is not clearly a test receiver."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from submitter.errors import ConfigurationError
from submitter.settings import Settings, load_settings

HOST = "https://api.invalid"
NAME = "children-in-social-care-data-receiver"


def settings(url: str) -> Settings:
    return load_settings(
        Settings,
        None,
        api_endpoint=url,
        la_code="999",
        token_endpoint=HOST,
        client_id="c",
        client_secret=SecretStr("s"),
        scope="x",
        supplier_key=SecretStr("k"),
    )


@pytest.mark.parametrize(
    ("url", "live"),
    [
        (f"{HOST}/{NAME}/1", True),
        (f"{HOST}/{NAME}-test/1", False),
        (f"{HOST}/{NAME.upper()}-TEST/1/", False),
        (f"{HOST}/{NAME}-testing/1", True),
        (f"{HOST}/my-testament/1", True),
        ("https://receiver-test.invalid/1", True),
        ("https://localhost.invalid/1", True),
        ("https://127.0.0.1.invalid/1", True),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
    ],
)
def test_only_a_path_that_says_test_is_none(url: str, live: bool) -> None:  # noqa: FBT001 - a case
    assert settings(url).is_live is live


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/{NAME}-test/../{NAME}/1",
        f"{HOST}/{NAME}-test/%2e%2e/{NAME}/1",
        f"{HOST}/{NAME}-test%2f..%2f{NAME}/1",
        f"{HOST}/{NAME}-test\\..\\{NAME}/1",
        f"{HOST}/{NAME}/1?x=/a-test",
        f"{HOST}/{NAME}/1#/a-test",
        f"https://user:Planted@api.invalid/{NAME}-test/1",
        "https://localhost@api.invalid/1",
        "http://localhost:x/1",
        "ftp://api.invalid/1-test",
        "https://",
    ],
)
def test_an_address_that_could_mean_another_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="API_ENDPOINT must") as refused:
        settings(url)
    assert "Planted" not in str(refused.value)
