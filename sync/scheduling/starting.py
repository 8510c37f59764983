"""Starting what is due, exactly once, whoever is told to and however often.

The row of the clock decides: it is locked, and must still name the instant the job is about. In the same transaction
the run is made and the clock moved on; then the run is executed. If the worker dies in between, the sweeper finds it.

Polling slots that were missed collapse into one, and one that comes while a run is in progress is skipped. Slots of a
timing are all kept, oldest first, each once; one that comes while a run is in progress waits for it.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from audit.record import Entry, record
from sync.execution import World, execute_run
from sync.models import Flow, Run, Slot, Timing
from sync.runs import AlreadyRunning, request_run
from sync.scheduling.clocks import is_on, next_of, polling_flows, polling_of, timings_to_read
from sync.scheduling.occurrences import Occurrence, next_after
from sync.scheduling.schedules import keep_schedule, set_instant

LATE = timedelta(minutes=5)
"""What starts later than this after its time was caught up."""

WAIT = timedelta(minutes=1)
"""So long until a timing tries again whose flow has a run in progress."""

TRIGGER = "schedule"
NOTED = ["state", "run", "pay_date", "note", "settled_at"]
AN_INSTANT = timedelta(microseconds=1)


def poll(flow_id: uuid.UUID, due: datetime, world: World, *, now: datetime) -> Run | None:
    """Start the polling slot of a flow that was due at ``due``, and work on its run until it has ended; None when
    there is nothing to start. ``now`` is by the database's clock."""
    run = start_poll(flow_id, due, now=now)
    return execute_run(run.pk, world) if run else None


def keep(timing_id: uuid.UUID, due: datetime, world: World, *, now: datetime) -> Run | None:
    """Start the slot of a timing that was due at ``due``, and work on its run until it has ended; None when there is
    nothing to start. ``now`` is by the database's clock."""
    run = start_slot(timing_id, due, now=now)
    return execute_run(run.pk, world) if run else None


def next_kind(flow: Flow, now: datetime) -> str:
    """Changes only, unless everybody is due to be read again."""
    full_due = flow.last_full_at is None or flow.last_full_at + timedelta(hours=flow.full_every_hours) <= now
    return Run.Kind.FULL if full_due or flow.kind != Flow.Kind.PEOPLE else Run.Kind.CHANGES


@transaction.atomic
def start_poll(flow_id: uuid.UUID, due: datetime, *, now: datetime) -> Run | None:
    """The run of this polling slot, waiting to be executed; None when somebody else started it, when it is not time
    yet, when the flow or a connection is paused, or when it was skipped. The flow's next slot is after ``now``."""
    flow = polling_flows().select_for_update(of=("self",)).filter(pk=flow_id, next_run_at=due).first()
    if flow is None or flow.every_minutes is None or not is_on(flow):
        return None
    if now < due:
        keep_schedule(flow)  # handed out by a machine whose clock is ahead
        return None
    following = next_after(polling_of(flow, due, now), now)
    set_instant(flow, following.due if following else None)
    kind = next_kind(flow, now)
    try:
        return request_run(flow, kind, now=now, trigger=TRIGGER)
    except AlreadyRunning as other:
        _note_skipped(flow, kind, other, now)
        return None


@transaction.atomic
def start_slot(timing_id: uuid.UUID, due: datetime, *, now: datetime) -> Run | None:
    """The run of this slot, waiting to be executed; None when somebody else started it, when it is not time yet, when
    the flow or a connection is paused, or while a run of the flow is in progress: then it is tried again in a minute.
    The timing's next slot is the one after this, come or not."""
    timing = timings_to_read().select_for_update(of=("self",)).filter(pk=timing_id, next_at=due).first()
    if timing is None or not is_on(timing.flow):
        return None
    if now < due:
        keep_schedule(timing)  # handed out by a machine whose clock is ahead
        return None
    run = None
    if not Slot.objects.filter(timing=timing, due_at=due).exclude(state=Slot.State.MISSED).exists():
        try:
            run = request_run(timing.flow, next_kind(timing.flow, now), now=now, trigger=TRIGGER)
        except AlreadyRunning:
            keep_schedule(timing, not_before=now + WAIT)
            return None
        _note_started(timing, due, run, now)
    following = next_of(timing, due)
    set_instant(timing, following.due if following else None)
    return run


def _note_started(timing: Timing, due: datetime, run: Run, now: datetime) -> None:
    occurrence: Occurrence | None = next_of(timing, due - AN_INSTANT)
    known = occurrence if occurrence and occurrence.due == due else None  # a holiday may have come since
    slot = Slot(
        timing=timing,
        due_at=due,
        state=Slot.State.CAUGHT_UP if now - due > LATE else Slot.State.STARTED,
        run=run,
        pay_date=known.pay_date if known else None,
        note=known.note if known else "",
        settled_at=now,
    )
    # In one statement: it is there already when it was noted as missed.
    Slot.objects.bulk_create([slot], update_conflicts=True, unique_fields=["timing", "due_at"], update_fields=NOTED)


def _note_skipped(flow: Flow, kind: str, other: AlreadyRunning, now: datetime) -> None:
    """A run that did nothing, and names the one that was in progress."""
    skipped = Run.objects.create(
        flow=flow,
        kind=kind,
        state=Run.State.SKIPPED,
        trigger=TRIGGER,
        created_at=now,
        finished_at=now,
        message=str(other),
    )
    entry = Entry(
        action="run.skipped",
        subject_kind="run",
        subject_id=str(skipped.pk),
        subject_label=str(skipped),
        run_id=skipped.pk,
        detail={"sentence": skipped.message},
    )
    record([entry], at=now)
