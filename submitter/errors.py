"""The ways a run can fail, each with its exit code, a one-line reason and the next step."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the scheduler sees."""

    DONE = 0
    SOME_REJECTED = 1
    CONFIGURATION = 2
    DATABASE = 3
    AUTHENTICATION = 4
    RECEIVER_UNAVAILABLE = 5
    ALREADY_RUNNING = 6


class SubmitError(Exception):
    """A failure that the user can act on. Its text holds nothing personal and no secret."""

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__(f"{reason} {next_step}")
        self.reason = reason
        self.next_step = next_step


class ConfigurationError(SubmitError):
    """A setting is missing or wrong."""


class DatabaseError(SubmitError):
    """The database cannot be reached, or lacks what `dbt build` makes."""

    exit_code = ExitCode.DATABASE


class AuthenticationError(SubmitError):
    """The token endpoint or the receiver does not accept who we are."""

    exit_code = ExitCode.AUTHENTICATION


class ReceiverUnavailableError(SubmitError):
    """The receiver does not answer, or not in a way that says what it did."""

    exit_code = ExitCode.RECEIVER_UNAVAILABLE


class AlreadyRunningError(SubmitError):
    """Another run holds the state table."""

    exit_code = ExitCode.ALREADY_RUNNING
