"""One run: what is in flight first, then what is pending, then what was rejected before.

The order of writing is the delivery guarantee: a child is written down as in flight before it is posted, and what the
answer means is written down before the next batch leaves. Whatever stops a run between the two is replayed by the
next one, byte for byte; records are keyed by their ids, so a replay changes nothing that was taken already.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from requests import codes

from submitter import answers
from submitter.errors import AuthenticationError, ConfigurationError, ReceiverUnavailableError, SubmitError
from submitter.state import Answered, Attempt, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from submitter.endpoint import Answer, Endpoint
    from submitter.log import Log
    from submitter.settings import Settings
    from submitter.state import Candidate, Record, StateStore

_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_AFTER_403_SECONDS = 120.0  # a firewall that shapes traffic opens again after about this long
_LONGEST_RETRY_AFTER_SECONDS = 600.0
_UNCLEAR_BATCHES_BEFORE_STOP = 2
_TRY_LATER = "Nothing is lost: the next run starts with these children. Try again later."


@dataclass
class Tally:
    """Children counted by what came of them; `unknown` ones stay in flight."""

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Posted:
    """The answer that counts for a part of a batch; not `clear` when the receiver may or may not have taken it.

    `failure` is why the run has to stop once that is written down.
    """

    answer: Answer
    attempt: Attempt
    clear: bool
    failure: SubmitError | None = None


class Run:
    """Delivers what waits in the state store. `stopped` is asked between batches, `progress` and `log` after."""

    def __init__(  # noqa: PLR0913 - everything a run depends on, so that a test passes its own
        self,
        run_id: str,
        settings: Settings,
        store: StateStore,
        endpoint: Endpoint,
        *,
        started: datetime,
        sleep: Callable[[float], None],
        stopped: Callable[[], bool],
        progress: Callable[[Tally], None],
        log: Log,
    ) -> None:
        self.tally = Tally()
        self._run_id = run_id
        self._settings = settings
        self._store = store
        self._endpoint = endpoint
        self._started = started
        self._sleep = sleep
        self._stopped = stopped
        self._progress = progress
        self._log = log
        self._unclear_in_a_row = 0
        self._maybe_taken = False  # whether the receiver may hold the batch in hand from an attempt without an answer

    def submit(self) -> Tally:
        """Deliver everything that waits.

        Raises a SubmitError when the run cannot go on; `tally` then holds what was done before, and every child is
        either settled, in flight, or as it was.
        """
        self._endpoint.renew_token()  # before any row is touched
        for batch_id in self._store.batches_in_flight():
            if self._stopped():
                return self.tally
            self._deliver(batch_id, self._store.in_flight(batch_id), None)
        for status in (Status.PENDING, Status.ERROR):
            last = ""
            while waiting := self._store.next_children(status, self._started, last, self._settings.batch_size):
                if self._stopped():
                    return self.tally
                person_ids = self._one_batch(waiting)
                last = person_ids[-1]
                batch_id = str(uuid.uuid4())
                self._deliver(batch_id, self._store.take_off(batch_id, person_ids), status)
        return self.tally

    def _deliver(self, batch_id: str, records: Sequence[Record], came_from: Status | None) -> None:
        """Post a batch until each of its children is settled or its outcome unknown."""
        self._maybe_taken = came_from is None  # an earlier run posted it
        parts = deque([list(records)] if records else [])
        try:
            while parts:
                posted = self._post(batch_id, parts[0])
                part = parts.popleft()
                parts.extendleft(reversed(self._settle(part, posted)))
                self._progress(self.tally)
                if posted.failure:
                    raise posted.failure
        except (AuthenticationError, ConfigurationError, ReceiverUnavailableError):
            # What is still in `parts` was not taken, unless an attempt at the whole was; then it stays in flight.
            if came_from is not None and parts and not self._maybe_taken:
                self._store.land(batch_id, [record.person_id for part in parts for record in part], came_from)
            raise

    def _one_batch(self, waiting: Sequence[Candidate]) -> list[str]:
        """Return the first of those that wait, as many as the byte limit allows; a larger one goes alone."""
        total = 0
        for number, candidate in enumerate(waiting):
            total += candidate.bytes
            if number and total > self._settings.max_batch_bytes:
                return [each.person_id for each in waiting[:number]]
        return [each.person_id for each in waiting]

    def _post(self, batch_id: str, part: Sequence[Record]) -> Posted:
        """Post until there is a clear answer or no try is left.

        Raises a SubmitError when it is certain that nothing was taken and the run cannot go on.
        """
        in_doubt: Posted | None = None  # the last attempt that the receiver may have taken
        renewed = False
        number = 0
        try:
            while True:
                number += 1
                answer = self._endpoint.post([record.payload for record in part])
                attempt = Attempt(self._run_id, batch_id, number, answer.status, answer.request_id, answer.milliseconds)
                if answer.status == codes.unauthorized and not renewed:
                    self._note(attempt, part, Verdict.REFUSED, "token refused")
                    renewed = True
                    self._endpoint.renew_token()
                    continue
                failure = _failure(answer)
                if failure is not None:
                    self._note(attempt, part, Verdict.REFUSED, failure.reason)
                    raise failure
                if not _worth_another_try(answer):
                    return Posted(answer, attempt, clear=True)
                if answer.taken:
                    unclear = _is_outage(answer)
                    self._maybe_taken = self._maybe_taken or unclear
                    in_doubt = Posted(answer, attempt, clear=False) if unclear else in_doubt
                    reason = f"HTTP {answer.status}" if answer.status else answer.text
                    self._note(attempt, part, Verdict.UNKNOWN if unclear else Verdict.REFUSED, reason)
                if number >= self._settings.csc_max_attempts:
                    if in_doubt:
                        return in_doubt
                    raise self._no_way_through(answer)
                self._sleep(self._wait(answer, number))
        except (AuthenticationError, ConfigurationError, ReceiverUnavailableError) as error:
            if in_doubt is None:
                raise
            return replace(in_doubt, failure=error)

    def _wait(self, answer: Answer, number: int) -> float:
        """Return the seconds to wait: what the receiver asks for, else exponential back-off with full jitter."""
        if answer.retry_after is not None:
            return min(answer.retry_after, _LONGEST_RETRY_AFTER_SECONDS)
        longest = _LONGEST_WAIT_AFTER_403_SECONDS if answer.status == codes.forbidden else _LONGEST_WAIT_SECONDS
        return random.uniform(0, min(longest, self._settings.csc_backoff_seconds * 2 ** (number - 1)))  # noqa: S311

    def _no_way_through(self, answer: Answer) -> SubmitError:
        """Say why the tries are used up."""
        if answer.status is None:
            return ReceiverUnavailableError(
                f"The receiver cannot be reached ({answer.text}).", "Check API_ENDPOINT, the network and the proxy."
            )
        if answer.status == codes.forbidden and not self.tally.accepted:
            return AuthenticationError(
                "The receiver refuses this client for this local authority (403).",
                "Check LA_CODE, SUPPLIER_KEY and the client's registration; if they are right, try again later.",
            )
        return ReceiverUnavailableError(f"The receiver answers {answer.status} again and again.", _TRY_LATER)

    def _settle(self, part: Sequence[Record], posted: Posted) -> list[list[Record]]:
        """Write down what the answer means; return what is to go out again at once."""
        answer = posted.answer
        if posted.clear and answer.status == codes.ok:
            receipts = answers.receipts(answer.body, len(part))
            if receipts is not None:
                self._unclear_in_a_row = 0
                self.tally.accepted += len(part)
                self._write_down(
                    posted.attempt,
                    [
                        Answered(record.person_id, Verdict.ACCEPTED, receipt)
                        for record, receipt in zip(part, receipts, strict=True)
                    ],
                )
                return []
        if posted.clear and answer.status in {codes.bad_request, codes.unprocessable_entity}:
            return self._reject(part, posted.attempt, answer)
        if posted.clear and answer.status == codes.request_entity_too_large:
            if len(part) > 1:
                return _halves(part)
            self._rejected(posted.attempt, {part[0].person_id: "too large for the receiver (413)"})
            return []
        self._unclear(part, posted)
        return []

    def _reject(self, part: Sequence[Record], attempt: Attempt, answer: Answer) -> list[list[Record]]:
        """Reject the records that the answer names; when it names none, halve until a bad one stands alone."""
        self._unclear_in_a_row = 0
        reasons = answers.rejections(answer.text, [record.payload for record in part])
        if not reasons and len(part) > 1:
            return _halves(part)
        if not reasons:
            reasons = {0: answers.redacted(answer.text, part[0].payload) or f"HTTP {answer.status} without a reason"}
        self._rejected(attempt, {part[index].person_id: reason for index, reason in reasons.items()})
        rest = [record for index, record in enumerate(part) if index not in reasons]
        return [rest] if rest else []

    def _rejected(self, attempt: Attempt, reasons: dict[str, str]) -> None:
        self.tally.rejected += len(reasons)
        self._write_down(
            attempt,
            [
                Answered(person_id, Verdict.REJECTED, reason, in_doubt=self._maybe_taken)
                for person_id, reason in reasons.items()
            ],
        )

    def _unclear(self, part: Sequence[Record], posted: Posted) -> None:
        """Leave a part in flight; stop when nothing gets through any more."""
        if posted.clear:  # an answer that is none; attempts without a clear answer have noted themselves
            self._note(posted.attempt, part, Verdict.UNKNOWN, f"HTTP {posted.answer.status} without a receipt a record")
        self.tally.unknown += len(part)
        self._unclear_in_a_row += 1
        if self._unclear_in_a_row >= _UNCLEAR_BATCHES_BEFORE_STOP:
            raise ReceiverUnavailableError("The receiver gives no clear answer, batch after batch.", _TRY_LATER)

    def _write_down(self, attempt: Attempt, answered: Sequence[Answered]) -> None:
        self._store.settle(attempt, answered)
        verdicts = {answer.verdict for answer in answered}
        self._log.info(
            f"batch {' and '.join(sorted(verdict.value for verdict in verdicts))}",
            run_id=attempt.run_id,
            batch_id=attempt.batch_id,
            attempt=attempt.number,
            children=len(answered),
            status=attempt.http_status,
            milliseconds=attempt.milliseconds,
            request_id=attempt.request_id,
        )

    def _note(self, attempt: Attempt, part: Sequence[Record], verdict: Verdict, reason: str) -> None:
        self._write_down(attempt, [Answered(record.person_id, verdict, reason) for record in part])


def _halves(part: Sequence[Record]) -> list[list[Record]]:
    middle = len(part) // 2
    return [list(part[:middle]), list(part[middle:])]


def _worth_another_try(answer: Answer) -> bool:
    return (
        answer.status is None
        or answer.status in {codes.forbidden, codes.too_many_requests}
        or answer.status >= codes.internal_server_error
    )


def _is_outage(answer: Answer) -> bool:
    return answer.status is None or answer.status >= codes.internal_server_error


def _failure(answer: Answer) -> SubmitError | None:
    """Return why the run cannot go on after this answer; None when it can."""
    status = answer.status
    if status is None or _worth_another_try(answer):
        return None
    if status == codes.unauthorized:
        return AuthenticationError(
            "The receiver refuses a fresh token (401).", "Check SCOPE and the client's registration."
        )
    settled = {codes.bad_request, codes.unprocessable_entity, codes.request_entity_too_large}
    if status // 100 == 2 or status in settled:  # noqa: PLR2004 - the class of an HTTP status
        return None
    return ConfigurationError(
        f"There is nothing to post to at this address (HTTP {status}).", "Check API_ENDPOINT and LA_CODE."
    )
