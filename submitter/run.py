"""One run: what is in flight first, then what is pending, then what was rejected before.

The order of writing is the delivery guarantee: a child is written down as in flight before it is posted, and what the
answer means is written down after it. Whatever stops a run between the two is replayed by the next one, byte for byte;
records are keyed by their ids, so a replay changes nothing that was taken already.

The senders post; this, in the main thread, is the only writer.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from requests import codes

from submitter import answers
from submitter.errors import AuthenticationError, ReceiverUnavailableError, SubmitError
from submitter.senders import Noted, Part, Returned
from submitter.state import Answered, Attempt, Settlement, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from submitter.endpoint import Answer
    from submitter.log import Log
    from submitter.senders import Senders
    from submitter.settings import Settings
    from submitter.state import Record, StateStore
    from submitter.stopping import Stop

# All for each sender. More batches are taken off when no more than these wait for it: they last it while the writer
# settles, and while the database puts its file in order.
_ENOUGH_AT_HAND = 4
# No more than these may not last it: then more are taken off before the answers that came are settled.
_TOO_FEW_AT_HAND = 2
# As many answers are awaited before they are settled, as long as there is more at hand to send: a transaction costs the
# database a good deal, however few children it settles.
_SETTLED_AT_ONCE = 3
# No more are taken off while more than these are not settled: a receiver may be faster than the database.
_ENOUGH_IN_HAND = _ENOUGH_AT_HAND + 1 + _SETTLED_AT_ONCE
_BATCHES_TAKEN_OFF_AT_ONCE = 8  # two parameters a child, of which SQL Server takes 2,100 in a statement
# Ids are read ahead, payloads never: at first enough to take batches off twice, because the senders wait for them.
_FIRST_IDS, _IDS_AT_ONCE = 1200, 5000
_POLL_SECONDS = 0.2  # so that a request to stop is seen
_TRY_LATER = "Nothing is lost: the next run starts with these children. Try again later."
_NO_ANSWER = "no answer before the run had to end"


@dataclass
class Tally:
    """Children counted by what came of them.

    `unknown` ones stay in flight. For `unreached` ones no try got through and certainly nothing was taken: they wait as
    before.
    """

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    unreached: int = 0


class Run:
    """Delivers what waits in the state store. `progress` and `log` are told after what was written down."""

    def __init__(  # noqa: PLR0913 - everything a run depends on, so that a test passes its own
        self,
        run_id: str,
        settings: Settings,
        store: StateStore,
        senders: Senders,
        stop: Stop,
        *,
        started: datetime,
        progress: Callable[[Tally], None],
        log: Log,
    ) -> None:
        self.tally = Tally()
        self._run_id = run_id
        self._settings = settings
        self._store = store
        self._senders = senders
        self._stop = stop
        self._started = started
        self._progress = progress
        self._log = log
        self._in_hand: set[Part] = set()
        self._failure: Exception | None = None
        self._trouble: SubmitError | None = None  # why a part did not get through
        self._troubles_in_a_row = 0

    def submit(self) -> Tally:
        """Deliver everything that waits, or until the run is to stop.

        Raises a SubmitError when the run cannot go on, or when some children could not be brought through; `tally` then
        holds what was done, and every child is either settled, in flight, or as it was.
        """
        try:
            self._give([Part("", (), None)])  # a token, before any row is touched
            self._deliver(iter(()))
            self._deliver(self._replays())
            self._deliver(self._waiting(Status.PENDING))
            self._deliver(self._waiting(Status.ERROR))
        except BaseException as error:
            self._stop.ask(f"broken off: {type(error).__name__}")
            raise
        finally:
            self._senders.close()
        if self._failure is None and self.tally.unreached:
            self._failure = self._trouble
        if self._failure is not None:
            raise self._failure
        return self.tally

    def _deliver(self, groups: Iterator[list[Part]]) -> None:
        """Have all parts posted and write down what came of each; return when none is in hand."""
        while True:
            self._take_off(groups, _ENOUGH_AT_HAND)
            if self._stop.reason is not None:
                self._put_back(self._senders.take_back(also_rests=self._stop.is_overdue))
            if self._stop.is_overdue:
                self._give_up()
            if not self._in_hand:
                return
            reports = self._senders.reports(_POLL_SECONDS, _SETTLED_AT_ONCE * self._settings.csc_workers)
            self._take_off(groups, _TOO_FEW_AT_HAND)
            self._settle(reports)

    def _take_off(self, groups: Iterator[list[Part]], enough: int) -> None:
        """Give the senders more until there is more than enough for each at hand, or too much in hand."""
        workers = self._settings.csc_workers
        while (
            self._stop.reason is None
            and self._senders.at_hand <= enough * workers
            and len(self._in_hand) <= _ENOUGH_IN_HAND * workers
            and (group := next(groups, None)) is not None
        ):
            self._give(group)

    def _replays(self) -> Iterator[list[Part]]:
        for batch_id in self._store.batches_in_flight():
            yield [Part(batch_id, self._store.in_flight(batch_id), None, maybe_taken=True)]

    def _waiting(self, status: Status) -> Iterator[list[Part]]:
        """Take batches off, a few in each transaction; the first of them for senders that wait."""
        batches = self._batches(status)
        at_once = min(self._settings.csc_workers, _BATCHES_TAKEN_OFF_AT_ONCE)
        while some := dict(islice(batches, at_once)):
            taken = self._store.take_off_together(some)
            yield [Part(batch_id, records, status) for batch_id, records in taken.items() if records]
            at_once = _BATCHES_TAKEN_OFF_AT_ONCE

    def _batches(self, status: Status) -> Iterator[tuple[str, list[str]]]:
        """Yield person ids, as many at once as the limits of a batch allow; a payload over the limit goes alone."""
        last, limit = "", _FIRST_IDS
        while waiting := self._store.next_children(status, self._started, last, limit):
            batch: list[str] = []
            size = 0
            for candidate in waiting:
                size += candidate.bytes
                if batch and (len(batch) == self._settings.batch_size or size > self._settings.max_batch_bytes):
                    yield str(uuid.uuid4()), batch
                    batch, size = [], candidate.bytes
                batch.append(candidate.person_id)
            yield str(uuid.uuid4()), batch
            last, limit = waiting[-1].person_id, _IDS_AT_ONCE

    def _give(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._in_hand.add(part)
            self._senders.give(part)

    def _settle(self, reports: Sequence[Noted | Returned]) -> None:
        """Write down what the reports mean, then send at once what is to go out again."""
        settlements: list[Settlement] = []
        again: list[Part] = []
        put_back: list[Part] = []
        for report in reports:
            if isinstance(report, Noted):
                settlements.append(_same_for_all(report.part, report.attempt, report.verdict, report.reason))
                continue
            self._in_hand.remove(report.part)
            if report.attempt is not None and report.answer is not None:
                settlement, rest = self._meaning(report.part, report.attempt, report.answer)
                settlements.extend([settlement] if settlement.answers else [])
                again.extend(rest)
            else:
                self._without_answer(report, put_back)
        self._write_down(settlements)
        self._put_back(put_back)
        self._give(again)
        self._progress(self.tally)

    def _meaning(self, part: Part, attempt: Attempt, answer: Answer) -> tuple[Settlement, list[Part]]:
        """Return what a clear answer settles, and what is to go out again."""
        if answer.status == codes.ok:
            receipts = answers.receipts(answer.body, len(part.records))
            if receipts is not None:
                self._troubles_in_a_row = 0
                self.tally.accepted += len(receipts)
                accepted = [
                    Answered(record, Verdict.ACCEPTED, receipt)
                    for record, receipt in zip(part.records, receipts, strict=True)
                ]
                return Settlement(attempt, accepted), []
        elif answer.status in {codes.bad_request, codes.unprocessable_entity, codes.request_entity_too_large}:
            self._troubles_in_a_row = 0
            return self._rejection(part, attempt, answer)
        self.tally.unknown += len(part.records)
        self._not_through(
            ReceiverUnavailableError("The receiver gives no clear answer, batch after batch.", _TRY_LATER)
        )
        reason = f"HTTP {answer.status} without a receipt a record"
        return _same_for_all(part, attempt, Verdict.UNKNOWN, reason), []

    def _rejection(self, part: Part, attempt: Attempt, answer: Answer) -> tuple[Settlement, list[Part]]:
        """Reject the records that the answer names; when it names none, halve until a bad one stands alone."""
        records = part.records
        is_too_large = answer.status == codes.request_entity_too_large
        reasons = {} if is_too_large else answers.rejections(answer.text, [record.payload for record in records])
        if not reasons and len(records) > 1:
            middle = len(records) // 2
            return Settlement(attempt, []), [_rest(part, records[:middle]), _rest(part, records[middle:])]
        if not reasons:
            reasons = {0: "too large for the receiver (413)" if is_too_large else _told(answer, records[0])}
        self.tally.rejected += len(reasons)
        rejected = [
            Answered(records[index], Verdict.REJECTED, reason, in_doubt=part.maybe_taken)
            for index, reason in reasons.items()
        ]
        rest = [record for index, record in enumerate(records) if index not in reasons]
        return Settlement(attempt, rejected), [_rest(part, rest)] if rest else []

    def _without_answer(self, returned: Returned, put_back: list[Part]) -> None:
        """Leave a part in flight when the receiver may have taken it; else it is to be put back."""
        part = returned.part
        if returned.failure is not None:
            self._fail(returned.failure)
        if part.maybe_taken:
            self.tally.unknown += len(part.records)
        else:
            put_back.append(part)
        if returned.last is not None:
            if not part.maybe_taken:
                self.tally.unreached += len(part.records)
            self._not_through(self._no_way_through(returned.last))

    def _not_through(self, trouble: SubmitError) -> None:
        """Stop when nothing gets through: every sender had no success, and the first of them twice."""
        self._trouble = trouble
        self._troubles_in_a_row += 1
        if self._troubles_in_a_row > self._settings.csc_workers or isinstance(trouble, AuthenticationError):
            self._fail(trouble)

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

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._stop.ask(failure.reason if isinstance(failure, SubmitError) else type(failure).__name__)

    def _put_back(self, parts: Sequence[Part]) -> None:
        """Make what was certainly not taken what it was before; what may have been stays in flight."""
        for part in parts:
            self._in_hand.discard(part)
            if part.maybe_taken or part.came_from is None:
                continue
            self._store.land(part.batch_id, [record.person_id for record in part.records], part.came_from)

    def _write_down(self, settlements: Sequence[Settlement]) -> None:
        self._store.settle_together(settlements)
        for settlement in settlements:
            attempt = settlement.attempt
            verdicts = sorted({answer.verdict.value for answer in settlement.answers})
            self._log.info(
                f"batch {' and '.join(verdicts)}",
                run_id=attempt.run_id,
                batch_id=attempt.batch_id,
                attempt=attempt.number,
                children=len(settlement.answers),
                status=attempt.http_status,
                milliseconds=attempt.milliseconds,
                request_id=attempt.request_id,
            )

    def _give_up(self) -> None:
        """Leave in flight what is still on the wire."""
        left = [part for part in self._in_hand if part.records]
        self._in_hand.clear()
        self.tally.unknown += sum(len(part.records) for part in left)
        self._write_down(
            [
                _same_for_all(
                    part,
                    Attempt(self._run_id, part.batch_id, part.attempts, None, None, None),
                    Verdict.UNKNOWN,
                    _NO_ANSWER,
                )
                for part in left
            ]
        )


def _rest(part: Part, records: Sequence[Record]) -> Part:
    return Part(part.batch_id, records, part.came_from, part.maybe_taken, is_rest=True, attempts=part.attempts)


def _same_for_all(part: Part, attempt: Attempt, verdict: Verdict, reason: str) -> Settlement:
    return Settlement(attempt, [Answered(record, verdict, reason) for record in part.records])


def _told(answer: Answer, record: Record) -> str:
    return answers.redacted(answer.text, record.payload) or f"HTTP {answer.status} without a reason"
