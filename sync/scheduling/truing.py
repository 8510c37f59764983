"""Clocks and schedules are held against what they should be, and put right: where holidays or a time zone changed,
where a schedule was lost, deleted by hand or left behind, where a job never arrived.

``mend_overdue`` looks every minute at clocks whose time has passed, ``true_clocks`` every hour at all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django_q.models import OrmQ, Schedule

from sync.models import Flow
from sync.scheduling.clocks import is_on, polling_flows, polling_instant, timing_place, timings_to_read
from sync.scheduling.schedules import (
    LEAD,
    Wound,
    cluster_of,
    due_of,
    name_of,
    prefixes,
    schedule_of,
    wind,
)

OVERDUE = timedelta(minutes=2)
"""A job that was not taken this long after its time may be lost."""

BATCH = 500

log = structlog.get_logger()


class Trued(msgspec.Struct, kw_only=True):
    """What was not as it should be and has been put right: clocks, and schedules of clocks that are no more."""

    clocks: int = 0
    orphans: int = 0


def true_clocks(*, now: datetime) -> Trued:
    """Afterwards every clock of the tenant strikes when it is to, and has its one schedule, and no other schedule of
    the tenant is left. What is being started at this moment is left alone."""
    schedules = _schedules()
    trued, known = Trued(), set[str]()
    clocks: Iterable[Wound]
    for clocks in (_polling().iterator(BATCH), timings_to_read().iterator(BATCH)):
        for clock in clocks:
            known.add(name_of(clock))
            if _is_right(clock, schedules.get(name_of(clock)), now):
                continue
            trued.clocks += _put_right(clock, now)
    orphans = [schedule.pk for name, schedule in schedules.items() if name not in known]
    trued.orphans, _ = Schedule.objects.filter(pk__in=orphans).delete() if orphans else (0, {})
    if trued.clocks or trued.orphans:
        log.info("clocks.trued", clocks=trued.clocks, orphans=trued.orphans)
    return trued


def mend_overdue(*, now: datetime) -> int:
    """Afterwards every clock whose time passed OVERDUE ago is tried again; returns how many were not on their way.

    On its way is one that has its schedule, or whose tenant has jobs waiting in its queue: it may be among them. A job
    that is in hand moves its clock on at once; if its worker died first, nobody else gets it for hours.
    """
    since = now - OVERDUE
    late: list[Wound] = [
        *_polling().filter(next_run_at__lt=since, paused=False),
        *timings_to_read().filter(next_at__lt=since, flow__paused=False),
    ]
    late = [clock for clock in late if is_on(clock if isinstance(clock, Flow) else clock.flow)]
    if not late:
        return 0
    scheduled = set(Schedule.objects.filter(name__in=map(name_of, late)).values_list("name", flat=True))
    ready = OrmQ.objects.filter(lock__lte=now)
    busy = {key for key in set(map(cluster_of, late)) if ready.filter(key__startswith=key).exists()}
    lost = [clock for clock in late if name_of(clock) not in scheduled and cluster_of(clock) not in busy]
    return sum(_put_right(clock, now) for clock in lost)


def _polling() -> QuerySet[Flow]:
    return polling_flows().filter(Q(every_minutes__isnull=False) | Q(next_run_at__isnull=False))


def _schedules() -> Mapping[str, Schedule]:
    flows, timings = prefixes()
    found = Schedule.objects.filter(Q(name__startswith=flows) | Q(name__startswith=timings))
    return {str(schedule.name): schedule for schedule in found}


def _is_right(clock: Wound, schedule: Schedule | None, now: datetime) -> bool:
    due = due_of(clock)
    if isinstance(clock, Flow):
        if polling_instant(clock, now) != due:
            return False
    elif timing_place(clock, now) != (due, clock.nominal):
        return False
    if due is None or not is_on(clock if isinstance(clock, Flow) else clock.flow):
        # Of a connection that is paused the instant stays, to be caught up; nobody needs to be told of it.
        return schedule is None or due is not None
    if schedule is None:
        return due - LEAD <= now < due + OVERDUE
    wanted = schedule_of(clock)
    assert wanted is not None
    same = all(getattr(schedule, name) == getattr(wanted, name) for name in _MEANT)
    return same and wanted.next_run <= schedule.next_run <= max(wanted.next_run, now + OVERDUE)


_MEANT = ("func", "args", "kwargs", "schedule_type", "repeats", "cluster", "hook")


@transaction.atomic
def _put_right(clock: Wound, now: datetime) -> int:
    """Whether the clock still is: locked, it is wound anew as it is now."""
    rows = polling_flows() if isinstance(clock, Flow) else timings_to_read()
    locked = rows.select_for_update(of=("self",)).filter(pk=clock.pk).first()
    if locked is None:
        return 0
    wind(locked, now=now)
    return 1
