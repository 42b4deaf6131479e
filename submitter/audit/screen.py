"""What the audit commands print: plain lines, times in UTC, children by their ids only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from submitter.audit.rejected import Reason
    from submitter.audit.standing import Standing, Waits
    from submitter.audit.trail import BatchLine, Event, RunLine

_MOST_BATCHES = 5
_MOST_REASONS = 30


def status_lines(stands: Standing) -> Iterator[str]:
    """Say how things stand, on one screen."""
    kinds = f"{stands.pending_new:,} new, {stands.pending_updated:,} updated, {stands.pending_deleted:,} to be purged"
    yield f"pending    {_waits(stands.pending)}: {kinds}"
    yield f"rejected   {_waits(stands.rejected)}"
    yield f"held       {stands.held:,} children"
    yield f"in flight  {stands.in_flight:,} children in {len(stands.batches_in_flight):,} batches"
    for batch in stands.batches_in_flight[:_MOST_BATCHES]:
        since = f"since {_time(batch.since)}, run {batch.run_id}" if batch.since else "no attempt was written down"
        yield f"           batch {batch.batch_id}: {batch.children:,} children, {since}"
    more = len(stands.batches_in_flight) - _MOST_BATCHES
    if more > 0:
        yield f"           and {more:,} more batches"
    yield f"sent       {stands.sent:,} children: {stands.sent_unchanged:,} unchanged, {stands.sent_deleted:,} deleted"
    if stands.other:
        yield f"other      {stands.other:,} children, with a status that csc-submit does not know"
    yield ""
    yield f"last run   {run_line(stands.last_run) if stands.last_run else 'none'}"
    yield f"now        {_now(stands)}"


def _now(stands: Standing) -> str:
    if stands.is_running and stands.last_run_says_running:
        return "a run is going on" if stands.lock_held else "a run is going on, or was killed"
    if stands.is_running:
        return "a run begins or ends, or another command holds the lock"
    if stands.last_run_says_running:
        return "no run: the last one was killed; the next run starts with what it left in flight"
    return "no run"


def run_line(run: RunLine) -> str:
    """Say one run in one line."""
    took = f"{(run.finished_at - run.started_at).total_seconds():,.0f} s" if run.finished_at else "no end"
    counts = f"{run.accepted:,} accepted, {run.rejected:,} rejected, {_count(run.unknown)} unknown"
    code = "" if run.exit_code is None else f" (exit code {run.exit_code})"
    return (
        f"{_time(run.started_at)}  {took}  {run.children:,} of {_count(run.waiting)} children posted: {counts}; "
        f"{run.outcome or '-'}{code}; by {run.os_user or '-'} on {run.host or '-'}; run {run.run_id}"
    )


def run_lines(run: RunLine, batches: Iterable[BatchLine]) -> Iterator[str]:
    """Say one run and its batches."""
    yield run_line(run)
    mode = f"payloads: {run.payload_mode or '-'}, csc-submit {run.program_version or '-'}"
    yield f"  to {run.endpoint or '-'} for local authority {run.la_code or '-'}, {mode}"
    yield f"  with {run.configuration or '-'}"
    for batch in batches:
        http = f"HTTP {_statuses(batch)}"
        counts = f"{batch.accepted:,} accepted, {batch.rejected:,} rejected, {batch.open:,} open"
        yield (
            f"  {_time(batch.first_at)}  batch {batch.batch_id}: {batch.children:,} children, "
            f"{batch.attempts} attempts, {http}: {counts}"
        )


def event_line(event: Event) -> str:
    """Say what one request meant for a child, in one line."""
    return (
        f"{_time(event.occurred_at)}  {event.event:<8}  HTTP {event.http_status or '-'}  {event.answer or '-'}  "
        f"({event.milliseconds if event.milliseconds is not None else '-'} ms, attempt {event.attempt or '-'}, "
        f"request {event.request_id or '-'}, batch {event.batch_id or '-'}, run {event.run_id or '-'})"
    )


def reason_lines(reasons: list[Reason]) -> Iterator[str]:
    """Say why children were rejected, the most frequent reason first."""
    for reason in reasons[:_MOST_REASONS]:
        yield f"{reason.children:>7,}  {reason.text}  (for example {', '.join(reason.examples)})"
    if len(reasons) > _MOST_REASONS:
        yield f"and {len(reasons) - _MOST_REASONS:,} more reasons: --csv has them all"


def _waits(waits: Waits) -> str:
    return f"{waits.children:,} children, {waits.bytes:,} bytes, {waits.batches:,} batches"


def _statuses(batch: BatchLine) -> str:
    if batch.lowest_status is None:
        return "-"
    return str(batch.lowest_status) + (f" to {batch.highest_status}" * (batch.highest_status != batch.lowest_status))


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
