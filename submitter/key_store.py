"""Secrets in the operating system's key store: Windows' Credential Manager, macOS' Keychain, Linux' Secret Service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "csc-submit"
SECRET_NAMES = ("CLIENT_SECRET", "SUPPLIER_KEY", "CSC_PROXY_PASSWORD")


class KeyStore(Protocol):
    """Where a secret may be kept under its name."""

    def get(self, name: str) -> str | None:
        """Return a secret; None when it is not there or there is no key store."""
        ...


class SystemKeyStore:
    """The key store of the account that runs this; a `backend` of the library keyring may stand in for it."""

    def __init__(self, backend: KeyringBackend | None = None) -> None:
        self._given = backend

    def get(self, name: str) -> str | None:
        """Return a secret; None when it is not there, or there is no key store that opens without a question."""
        try:
            return self._backend().get_password(SERVICE, name)
        except Exception:  # noqa: BLE001 - each system's raises its own; then the secret is missing, and that is said
            return None

    def set(self, name: str, secret: str) -> None:
        """Keep a secret. Raises ConfigurationError when there is no key store, or it refuses."""
        try:
            self._backend().set_password(SERVICE, name, secret)
        except Exception as error:  # noqa: BLE001 - each system's raises its own
            raise _unusable(error) from None

    def delete(self, name: str) -> bool:
        """Remove a secret; False when it was not there. Raises ConfigurationError as `set` does."""
        try:
            if self._backend().get_password(SERVICE, name) is None:
                return False
            self._backend().delete_password(SERVICE, name)
        except Exception as error:  # noqa: BLE001 - each system's raises its own
            raise _unusable(error) from None
        return True

    def has(self, name: str) -> bool:
        """Whether a secret is kept. Raises ConfigurationError as `set` does."""
        try:
            return self._backend().get_password(SERVICE, name) is not None
        except Exception as error:  # noqa: BLE001 - each system's raises its own
            raise _unusable(error) from None

    def _backend(self) -> KeyringBackend:
        if self._given is None:
            import keyring  # noqa: PLC0415 - loaded only where a secret is nowhere else

            self._given = keyring.get_keyring()
        return self._given


def _unusable(error: Exception) -> ConfigurationError:
    from keyring.errors import NoKeyringError  # noqa: PLC0415

    if isinstance(error, NoKeyringError):
        return ConfigurationError(
            "This account has no key store.", "Keep the secret in the environment or in .env, which only it may read."
        )
    return ConfigurationError(
        f"The key store refused ({type(error).__name__}).", "Unlock it, or log in as the account that runs the job."
    )
