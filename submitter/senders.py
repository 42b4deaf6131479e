"""The senders: threads that post what they are given until there is a clear answer or no try is left.

A sender touches no database. What happens reaches the one writer, in `run`, through a queue.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from requests import codes

from submitter import answers
from submitter.errors import AuthenticationError, SubmitError
from submitter.state import Attempt, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from submitter.endpoint import Answer, Endpoint, Token
    from submitter.settings import Settings
    from submitter.state import Record, Status
    from submitter.stopping import Stop

_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_AFTER_403_SECONDS = 120.0  # a firewall that shapes traffic opens again after about this long
_LONGEST_RETRY_AFTER_SECONDS = 600.0


@dataclass(eq=False)
class Part:
    """A batch, or what of it is still to be posted. Without records it asks for nothing but a token.

    `came_from` is None for what an earlier run posted. `maybe_taken`: the receiver may hold it from an attempt that had
    no clear answer. `is_rest`: the batch it belongs to was posted before, in this run.
    """

    batch_id: str
    records: Sequence[Record]
    came_from: Status | None
    maybe_taken: bool = False
    is_rest: bool = False
    attempts: int = 0


@dataclass(frozen=True)
class Noted:
    """An attempt that settles nothing, for the audit trail."""

    part: Part
    attempt: Attempt
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Returned:
    """A part that its sender is done with.

    `attempt` and `answer` are the clear answer. Without: `last` is the answer after which no try was left, `failure`
    why the run cannot go on; with neither, the run was to stop before there was an answer.
    """

    part: Part
    attempt: Attempt | None = None
    answer: Answer | None = None
    last: Answer | None = None
    failure: Exception | None = None


class Senders:
    """The sender threads of one run, and the queues to and from them."""

    def __init__(
        self, run_id: str, settings: Settings, stop: Stop, token: Token, endpoints: Callable[[], Endpoint]
    ) -> None:
        self._run_id = run_id
        self._settings = settings
        self._stop = stop
        self._token = token
        self._jobs: SimpleQueue[Part | None] = SimpleQueue()
        self._reports: SimpleQueue[Noted | Returned] = SimpleQueue()
        self._threads = [
            # daemons: one that waits for an answer for ever does not keep the process
            Thread(target=self._serve, args=(endpoints(),), name=f"sender-{number}", daemon=True)
            for number in range(settings.csc_workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def at_hand(self) -> int:
        """How many parts wait for a sender."""
        return self._jobs.qsize()

    def give(self, part: Part) -> None:
        """Have a part posted."""
        self._jobs.put(part)

    def reports(self, seconds: float, enough: int) -> list[Noted | Returned]:
        """Return all that has been reported, after waiting for `enough` of it so many seconds at most.

        When no part is at hand, the first report will do: the senders may have nothing more to do.
        """
        found: list[Noted | Returned] = []
        until = time.monotonic() + seconds
        with suppress(Empty):
            while not found or (len(found) < enough and self.at_hand):
                found.append(self._reports.get(timeout=max(0.0, until - time.monotonic())))
            while True:
                found.append(self._reports.get_nowait())
        return found

    def take_back(self, *, also_rests: bool) -> list[Part]:
        """Return the parts that no sender has begun, and never will."""
        waiting: list[Part] = []
        with suppress(Empty):
            while part := self._jobs.get_nowait():
                waiting.append(part)
        back = [part for part in waiting if also_rests or not part.is_rest]
        for part in waiting:
            if part not in back:
                self._jobs.put(part)
        return back

    def close(self) -> None:
        """Let the threads end as soon as they are done with what they have begun."""
        self.take_back(also_rests=True)
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self, endpoint: Endpoint) -> None:
        while (part := self._jobs.get()) is not None:
            try:
                returned = self._done_with(part, endpoint)
            except SubmitError as error:
                self._stop.ask(error.reason)  # before this sender takes the next part
                returned = Returned(part, failure=error)
            except Exception as error:  # noqa: BLE001 - the writer raises it; it must not wait for ever
                part.maybe_taken = True
                returned = Returned(part, failure=error)
            self._reports.put(returned)
        endpoint.close()

    def _done_with(self, part: Part, endpoint: Endpoint) -> Returned:
        if not part.records:
            self._token.fresh()
            return Returned(part)
        if self._stop.reason is not None and not part.is_rest:
            return Returned(part)
        return self._deliver(part, endpoint)

    def _deliver(self, part: Part, endpoint: Endpoint) -> Returned:
        """Post until there is a clear answer, no try is left or the run is to stop.

        Raises a SubmitError when the run cannot go on; the attempt it ends with was certainly not taken.
        """
        payloads = [record.payload for record in part.records]
        tries = 0
        is_token_renewed = False
        while True:
            token = self._token.fresh()
            part.attempts += 1
            answer = endpoint.post(payloads, token)
            attempt = Attempt(
                *(self._run_id, part.batch_id, part.attempts, answer.status, answer.request_id, answer.milliseconds)
            )
            if answer.status == codes.unauthorized:
                self._note(part, attempt, Verdict.REFUSED, "token refused")
                if is_token_renewed:
                    raise AuthenticationError(
                        "The receiver refuses a fresh token (401).", "Check SCOPE and the client's registration."
                    )
                is_token_renewed = True
                self._token.renewed(token)
                continue
            failure = answers.failure(answer.status)
            if failure is not None:
                self._note(part, attempt, Verdict.REFUSED, failure.reason)
                raise failure
            if not answers.is_worth_another_try(answer.status):
                return Returned(part, attempt, answer)
            if answer.taken:
                is_unclear = answers.is_outage(answer.status)
                part.maybe_taken = part.maybe_taken or is_unclear
                reason = f"HTTP {answer.status}" if answer.status else answer.text
                self._note(part, attempt, Verdict.UNKNOWN if is_unclear else Verdict.REFUSED, reason)
            tries += 1
            if tries >= self._settings.csc_max_attempts:
                return Returned(part, last=answer)
            if not self._stop.wait(self._wait(answer, tries)):
                return Returned(part)

    def _note(self, part: Part, attempt: Attempt, verdict: Verdict, reason: str) -> None:
        self._reports.put(Noted(part, attempt, verdict, reason))

    def _wait(self, answer: Answer, tries: int) -> float:
        """Return the seconds to wait: what the receiver asks for, else exponential back-off with full jitter."""
        if answer.retry_after is not None:
            return min(answer.retry_after, _LONGEST_RETRY_AFTER_SECONDS)
        longest = _LONGEST_WAIT_AFTER_403_SECONDS if answer.status == codes.forbidden else _LONGEST_WAIT_SECONDS
        return random.uniform(0, min(longest, self._settings.csc_backoff_seconds * 2 ** (tries - 1)))  # noqa: S311
