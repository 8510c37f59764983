"""How far a run is, for its bar and its figures."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sync.models import Run

SETTLED = ("created", "updated", "terminated", "rehired", "transferred", "blocked", "rejected", "verifying", "unsent")
"""Counters of records that have got somewhere, good or bad."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a run. ``rate`` is records a second since it started, ``seconds_left`` an estimate; both None
    while nobody can tell."""

    state: str
    label: str
    ended: bool
    read: int
    planned: int
    written: int
    unchanged: int
    blocked: int
    failed: int
    percent: int
    sentence: str
    rate: float | None
    seconds_left: int | None


def progress_of(run: Run, now: datetime) -> Progress:
    """Where the run stands at ``now``. Reads nothing: the run's flow must be loaded."""
    settled = sum(getattr(run, name) for name in SETTLED) + (run.planned if run.state == Run.State.APPLYING else 0)
    done, total, what = _measure(run, settled)
    rate = _rate(run, done, now)
    left = max(total - done, 0) if total else None
    ended = run.state not in Run.ACTIVE
    return Progress(
        state=run.state,
        label=run.get_state_display(),
        ended=ended,
        read=run.read,
        planned=run.planned or run.expected or 0,
        written=run.created + run.updated + run.terminated + run.rehired + run.transferred,
        unchanged=run.unchanged,
        blocked=run.blocked,
        failed=run.rejected + run.unsent + run.verifying,
        percent=100 if ended else min(99, 100 * done // total) if total else 0,
        sentence=what,
        rate=rate,
        seconds_left=round(left / rate) if left is not None and rate and not ended else None,
    )


def _measure(run: Run, settled: int) -> tuple[int, int | None, str]:
    """(done, of how many, in words) of what the run is at."""
    if run.state == Run.State.SCHEDULED:
        return 0, None, "Waiting to start."
    if run.state == Run.State.FETCHING:
        expected = run.flow.expected_records
        about = f" of about {expected:,}" if expected else ""
        return run.read, expected, f"Reading: {run.read:,}{about} so far. Nothing has been written yet."
    if run.state == Run.State.APPLYING:
        return settled, run.expected, f"{settled:,} of {run.expected or 0:,} changes done."
    return settled, run.expected, ""


def _rate(run: Run, done: int, now: datetime) -> float | None:
    if run.started_at is None or not done:
        return None
    seconds = ((run.finished_at or now) - run.started_at).total_seconds()
    return done / seconds if seconds > 0 else None
