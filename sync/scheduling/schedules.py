"""Each clock that is wound has exactly one schedule of django-q2, which hands out the job of its next instant.

What decides is the clock's own row (``next_run_at``, ``next_at``): whoever moves it on starts that instant. A schedule
only says when to try, so one too many does nothing, and one too few is made again (``truing``). The job is made ready
LEAD before its time and taken at it. Schedules change in the transaction that changes their clock, the clock's row
locked first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django_q.models import Schedule

from sync.models import Flow, Slot, Timing
from sync.queue import PAYROLL, PEOPLE, key_of
from sync.scheduling.clocks import Place, polling_flows, polling_instant, timing_place, timings_to_read
from tenants.scope import current_tenant_id

LEAD = timedelta(seconds=60)
"""Schedules are looked at every half minute: so much earlier, a job is ready when its time comes."""

GROUP = "schedules"

Wound = Flow | Timing


def wind_flow(flow: Flow, *, now: datetime) -> None:
    """Afterwards polling and timings of the flow start when they are to, as it is configured now. What a paused flow
    had missed is passed by."""
    with transaction.atomic():
        locked = polling_flows().select_for_update(of=("self",)).get(pk=flow.pk)
        wind(locked, now=now)
        wind_timings(flow.timings.values_list("pk", flat=True), now=now)
        if locked.paused:
            missed = Slot.objects.filter(timing__flow=locked, state=Slot.State.MISSED)
            missed.update(state=Slot.State.PASSED, note="The flow was paused.", settled_at=now)
    flow.refresh_from_db(fields=["next_run_at"])


def restart_polling(flow: Flow, *, now: datetime) -> None:
    """Afterwards a flow that polls starts at once, and then every so often; one that does not has no schedule."""
    with transaction.atomic():
        locked = polling_flows().select_for_update(of=("self",)).get(pk=flow.pk)
        locked.next_run_at = None
        wind(locked, now=now)
    flow.next_run_at = locked.next_run_at


def wind_timings(pks: Iterable[UUID], *, now: datetime) -> None:
    """Afterwards each of these timings starts when it is to, by its rule and calendar as they are now."""
    with transaction.atomic():
        for timing in timings_to_read().select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk"):
            wind(timing, now=now)


def wind(clock: Wound, *, now: datetime) -> None:
    """Afterwards the locked clock has its next instant, and the schedule for it."""
    if isinstance(clock, Flow):
        set_polling(clock, polling_instant(clock, now))
    else:
        set_timing(clock, timing_place(clock, now))


def set_polling(flow: Flow, due: datetime | None) -> None:
    """Afterwards the locked flow polls next at ``due`` (aware UTC, None for never), and has the schedule for it."""
    flow.next_run_at = due
    flow.save(update_fields=["next_run_at"])
    keep_schedule(flow)


def set_timing(timing: Timing, place: Place) -> None:
    """Afterwards the locked timing stands there, and has the schedule for it."""
    timing.next_at, timing.nominal = place
    timing.save(update_fields=["next_at", "nominal"])
    keep_schedule(timing)


def keep_schedule(clock: Wound, *, not_before: datetime | None = None) -> None:
    """Afterwards the one schedule of the clock hands out its next instant, not before the given one; none if it has
    no next instant."""
    wanted = schedule_of(clock)
    if wanted is None:
        Schedule.objects.filter(name=name_of(clock)).delete()
        return
    wanted.next_run = max(wanted.next_run, not_before or wanted.next_run)
    # Two who make it at once make one: the name is unique.
    Schedule.objects.bulk_create([wanted], update_conflicts=True, unique_fields=["name"], update_fields=KEPT)


KEPT = ["func", "hook", "args", "kwargs", "schedule_type", "repeats", "next_run", "cluster", "task"]


def drop_schedule(clock: Wound) -> None:
    """Afterwards nothing is handed out for the clock any more."""
    Schedule.objects.filter(name=name_of(clock)).delete()


def name_of(clock: Wound) -> str:
    """What the clock's schedule is called: it tells whose it is."""
    return f"{prefixes()[isinstance(clock, Timing)]}{clock.pk}"


def prefixes() -> tuple[str, str]:
    """How the names of this tenant's schedules begin: of polling, of timings."""
    tenant_id = current_tenant_id()
    return f"flow:{tenant_id}:", f"timing:{tenant_id}:"


def due_of(clock: Wound) -> datetime | None:
    """The instant that the clock strikes next, aware UTC."""
    return clock.next_run_at if isinstance(clock, Flow) else clock.next_at


def cluster_of(clock: Wound) -> str:
    """The key under which the clock's job is queued."""
    flow = clock if isinstance(clock, Flow) else clock.flow
    return key_of(PAYROLL if flow.kind == Flow.Kind.PAYROLL else PEOPLE, flow.tenant_id)


def schedule_of(clock: Wound) -> Schedule | None:
    """The schedule that the clock is to have, not saved; None when it has no next instant. It carries ids only."""
    due = due_of(clock)
    if due is None:
        return None
    kwargs = {"due": due.isoformat(), "q_options": {"cluster": cluster_of(clock), "group": GROUP}}
    return Schedule(
        name=name_of(clock),
        func="sync.jobs.poll" if isinstance(clock, Flow) else "sync.jobs.keep",
        args=str((str(current_tenant_id()), str(clock.pk))),
        kwargs=str(kwargs),
        schedule_type=Schedule.ONCE,
        repeats=-1,
        next_run=due - LEAD,
    )
