"""Starting what is due, exactly once, whoever is told to and however often.

The row of the clock decides: it is locked, and must still name the instant the job is about. In the same transaction
the clock is moved on and the run is made and claimed; then it is executed. If the worker dies in between, the sweeper
finds it.

Polling slots that were missed collapse into one, and one that comes while a run is in progress is skipped. Slots of a
timing are all kept, oldest first, each once, but of a cron expression for no pay dates, where they collapse too; one
that comes while a run is in progress waits for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Max, Q

from audit.record import Entry, record
from sync.execution import World, work_on
from sync.models import Flow, Run, Slot, Timing
from sync.runs import AlreadyRunning, request_run, take
from sync.scheduling.clocks import (
    floor_of,
    is_on,
    occurrence_at,
    place_after,
    polling_flows,
    polling_of,
    timings_to_read,
)
from sync.scheduling.occurrences import Occurrence, next_after
from sync.scheduling.schedules import keep_schedule, set_polling, set_timing

LATE = timedelta(minutes=5)
"""What starts later than this after its time was caught up."""

WAIT = timedelta(minutes=1)
"""So long until a timing tries again whose flow has a run in progress."""

TRIGGER = "schedule"


def poll(flow_id: uuid.UUID, due: datetime, world: World, *, now: datetime) -> Run | None:
    """Start the polling slot of a flow that was due at ``due``, and work on its run until it has ended; None when
    there is nothing to start. ``now`` is by the database's clock."""
    return _work(partial(start_poll, flow_id, due, now=now), world)


def keep(timing_id: uuid.UUID, due: datetime, world: World, *, now: datetime) -> Run | None:
    """Start the slot of a timing that was due at ``due``, and work on its run until it has ended; None when there is
    nothing to start. ``now`` is by the database's clock."""
    return _work(partial(start_slot, timing_id, due, now=now), world)


def _work(start: Callable[[], Run | None], world: World) -> Run | None:
    # Who starts a run is the one who works on it: it is made and claimed at once.
    with transaction.atomic():
        run = start()
        if run:
            take(run, now=world.now())
    return work_on(run, world) if run else None


def next_kind(flow: Flow, now: datetime) -> str:
    """Changes only, unless everybody is due to be read again."""
    full_due = flow.last_full_at is None or flow.last_full_at + timedelta(hours=flow.full_every_hours) <= now
    return Run.Kind.FULL if full_due or flow.kind != Flow.Kind.PEOPLE else Run.Kind.CHANGES


@transaction.atomic(savepoint=False)
def start_poll(flow_id: uuid.UUID, due: datetime, *, now: datetime) -> Run | None:
    """The run of this polling slot, waiting to be executed; None when somebody else started it, when it is not time
    yet, when the flow or a connection is paused, or when it was skipped. The flow's next slot is after ``now``."""
    flow = polling_flows().select_for_update(of=("self",), no_key=True).filter(pk=flow_id, next_run_at=due).first()
    if flow is None or flow.every_minutes is None or not is_on(flow):
        return None
    if now < due:
        keep_schedule(flow)  # handed out by a machine whose clock is ahead
        return None
    following = next_after(polling_of(flow, due, now), now)
    set_polling(flow, following.due if following else None)
    kind = next_kind(flow, now)
    try:
        return request_run(flow, kind, now=now, trigger=TRIGGER)
    except AlreadyRunning as other:
        _note_skipped(flow, kind, other, now)
        return None


@transaction.atomic(savepoint=False)
def start_slot(timing_id: uuid.UUID, due: datetime, *, now: datetime) -> Run | None:
    """The run of this slot, waiting to be executed; None when somebody else started it, when it is not time yet, when
    the flow or a connection is paused, or while a run of the flow is in progress or its vendors are not to be asked:
    then it is tried again. The timing's next slot is the one after this, come or not, or after ``now`` if it
    collapses."""
    rows = timings_to_read().select_for_update(of=("self",), no_key=True)
    timing = rows.filter(pk=timing_id, next_at=due).first()
    if timing is None or not is_on(timing.flow):
        return None
    if now < due:
        keep_schedule(timing)  # handed out by a machine whose clock is ahead
        return None
    if opens := _opens(timing, now):
        keep_schedule(timing, not_before=opens)
        return None
    run, one = None, occurrence_at(timing)
    if slots := _open_slots(timing, one):
        try:
            run = request_run(timing.flow, next_kind(timing.flow, now), now=now, trigger=TRIGGER)
        except AlreadyRunning:
            keep_schedule(timing, not_before=now + WAIT)
            return None
        _note_started(slots, run, now)
    set_timing(timing, place_after(timing, one, since=now if _collapses(timing) else due))
    return run


def _collapses(timing: Timing) -> bool:
    """Whether one run makes up for all its slots that were missed: one that reads everything, for no pay date."""
    return timing.kind == Timing.Kind.CRON and timing.flow.kind != Flow.Kind.PAYROLL


def _opens(timing: Timing, now: datetime) -> datetime | None:
    """When the vendors may be asked again, of all timings of the flow together; None for now. Pay slots never wait, and
    nobody waits for runs that people, announcements or polling have started: they may come for ever."""
    if not _collapses(timing):
        return None
    began = Slot.objects.filter(timing__flow=timing.flow, run__isnull=False).aggregate(last=Max("run__created_at"))
    opens = began["last"] and began["last"] + timedelta(minutes=floor_of(timing.flow.integration))
    return opens if opens and opens > now else None


def _open_slots(timing: Timing, one: Occurrence) -> list[Slot]:
    """The slots of this occurrence that were not started yet, as they are kept where they were noted as missed: one
    for each nominal pay date, so that none starts twice wherever its time is moved."""
    dates: dict[date | None, date | None] = {day.nominal: day.pay_date for day in one.meant}
    dates = dates or {one.nominal: one.pay_date}
    same = Q(nominal__in=list(dates)) if one.nominal else Q(nominal=None, due_at=one.due)
    kept = {slot.nominal: slot for slot in Slot.objects.filter(same, timing=timing)}
    slots = []
    for nominal, pay_date in dates.items():
        slot = kept.get(nominal) or Slot(timing=timing, nominal=nominal)
        if slot.state not in Slot.DONE:
            slot.due_at, slot.pay_date, slot.note = one.due, pay_date, one.note
            slots.append(slot)
    return slots


def _note_started(slots: list[Slot], run: Run, now: datetime) -> None:
    for slot in slots:
        slot.state = Slot.State.CAUGHT_UP if now - slot.due_at > LATE else Slot.State.STARTED
        slot.run, slot.settled_at = run, now
        if slot.state == Slot.State.CAUGHT_UP and _collapses(slot.timing):
            slot.note = "also for any that came before it started"
        slot.save()


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
