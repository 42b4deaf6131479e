"""Ends a run before its work is done: Ctrl-C, SIGTERM, a closed Windows console, the time budget, a failure.

A run that is asked to stop begins no batch and waits for no retry. What is on the wire may still be answered, after a
request from outside only for so long that all is over within 30 seconds; what has no answer then stays in flight.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER_SECONDS = 25.0  # the rest of the 30 is for writing down
_WINDOWS_CLOSES_WITHIN_SECONDS = 5.0  # what Windows grants a console program, then it is ended
_CONSOLE_ANSWER_SECONDS = 3.0
_CONSOLE_EVENTS = {2: "console closed", 5: "logoff", 6: "shutdown"}
_POLL_SECONDS = 0.05


class Stop:
    """Whether a run is to stop. Asked and told by any thread, and by signal handlers: so there is no lock in it."""

    def __init__(self, max_minutes: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._max_minutes = max_minutes
        self._out_of_time_at = None if max_minutes is None else clock() + max_minutes * 60
        self._reason: str | None = None
        self._answers_until: float | None = None

    def ask(self, reason: str, answer_seconds: float | None = None) -> None:
        """Have the run stop. Answers are waited for, at most `answer_seconds` if that is given."""
        if self._reason is None:
            self._reason = reason
        if answer_seconds is not None:
            until = self._clock() + answer_seconds
            self._answers_until = until if self._answers_until is None else min(until, self._answers_until)

    @property
    def reason(self) -> str | None:
        """Why the run is to stop; None while it may go on."""
        if self._reason is None and self._out_of_time_at is not None and self._clock() >= self._out_of_time_at:
            self._reason = f"out of time after {self._max_minutes:g} minutes"
        return self._reason

    @property
    def is_overdue(self) -> bool:
        """Whether no answer is waited for any longer."""
        return self._answers_until is not None and self._clock() >= self._answers_until

    def wait(self, seconds: float) -> bool:
        """Sleep; return False, at once, when the run is to stop."""
        until = self._clock() + seconds
        while self.reason is None:
            left = until - self._clock()
            if left <= 0:
                return True
            time.sleep(min(left, _POLL_SECONDS))
        return False


@contextmanager
def stopping_on_request(stop: Stop) -> Iterator[None]:
    """Let signals, and on Windows the console's events, ask the run to stop for as long as the context lasts."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    former = {
        number: signal.signal(number, lambda *_: stop.ask("stopped on request", ANSWER_SECONDS)) for number in numbers
    }
    over = threading.Event()
    try:
        with _console_events(on_console_event(stop, over)):
            yield
    finally:
        over.set()
        for number, handler in former.items():
            signal.signal(number, handler)


def on_console_event(stop: Stop, over: threading.Event) -> Callable[[int], bool]:
    """Return what Windows is to call, in a thread of its own, when the console is closed or the user logs off.

    It ends the process as soon as that returns, so it returns when the run is `over`.
    """

    def handle(event: int) -> bool:
        if event not in _CONSOLE_EVENTS:  # Ctrl-C and Ctrl-Break come as signals
            return False
        stop.ask(f"stopped on request ({_CONSOLE_EVENTS[event]})", _CONSOLE_ANSWER_SECONDS)
        over.wait(_WINDOWS_CLOSES_WITHIN_SECONDS)
        return True

    return handle


@contextmanager
def _console_events(handle: Callable[[int], bool]) -> Iterator[None]:
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - nothing else needs it
        from ctypes import wintypes  # noqa: PLC0415

        routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(handle)
        ctypes.windll.kernel32.SetConsoleCtrlHandler(routine, True)  # noqa: FBT003 - it takes no names
        try:
            yield
        finally:
            ctypes.windll.kernel32.SetConsoleCtrlHandler(routine, False)  # noqa: FBT003
    else:
        yield
