"""What a run tells while it works: lines on the console with `-v`, JSON lines in a file with `--log-file`.

An event is a few words and named values, and a value is never a payload's text nor a secret. Only this project's own
logger is listened to: what the libraries tell at their lowest level holds tokens.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from contextlib import contextmanager
from datetime import datetime, timezone
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Protocol

from submitter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

LARGEST_FILE_BYTES = 5_000_000
FILES_KEPT = 5
_CHATTY = ("urllib3", "requests_oauthlib", "oauthlib", "keyring")


class Log(Protocol):
    """Where a run tells what happens."""

    def info(self, event: str, **values: object) -> None:
        """Tell an event with its named values: numbers, ids, short words."""
        ...

    def failure(self, event: str, **values: object) -> None:
        """Tell what went wrong."""
        ...


class EventLog:
    """A Log over a logger of the standard library."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, event: str, **values: object) -> None:
        """Tell an event with its named values."""
        self._logger.info(event, extra={"values": values})

    def failure(self, event: str, **values: object) -> None:
        """Tell what went wrong."""
        self._logger.error(event, extra={"values": values})


def _values(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = getattr(record, "values", {})
    return {name: value for name, value in found.items() if value is not None}


def _utc(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, timezone.utc)


class _Lines(logging.Handler):
    """Prints an event as one plain line, above the progress bar where there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        told = " ".join(f"{name}={value}" for name, value in _values(record).items())
        self._console.print(f"{_utc(record):%H:%M:%S} {record.getMessage()} {told}".rstrip(), markup=False)


class _JsonFormatter(logging.Formatter):
    """Writes an event as one line of JSON; `time` is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        moment = f"{_utc(record):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
        told = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage(), **_values(record)}
        return json.dumps(told, ensure_ascii=False, default=str)


class _JsonFile(RotatingFileHandler):
    """A file of JSON lines that begins anew when it is full; that it cannot be written does not stop a run."""

    _has_complained = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - as logging has it
        if not self._has_complained:
            self._has_complained = True
            sys.stderr.write(f"The log file {self.baseFilename} cannot be written; the run goes on.\n")


@contextmanager
def logging_to(console: Console | None, file: Path | None, largest_bytes: int = LARGEST_FILE_BYTES) -> Iterator[Log]:
    """Yield a log that prints to a console, writes to a file, both or neither.

    A file over `largest_bytes` is renamed to `.1`, `.1` to `.2`, and so on; FILES_KEPT of those are kept. Raises
    ConfigurationError when the file cannot be opened.
    """
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logger = logging.getLogger(f"submitter.{uuid.uuid4().hex}")  # of this call alone
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    if console is not None:
        logger.addHandler(_Lines(console))
    if file is not None:
        try:
            handler = _JsonFile(file, maxBytes=largest_bytes, backupCount=FILES_KEPT, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"The log file {file} cannot be opened ({type(error).__name__}).", "Give --log-file another path."
            ) from error
        handler.setFormatter(_JsonFormatter())
        logger.addHandler(handler)
    try:
        yield EventLog(logger)
    finally:
        for each in list(logger.handlers):
            logger.removeHandler(each)
            each.close()
