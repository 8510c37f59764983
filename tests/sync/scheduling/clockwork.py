"""A company whose flows run by themselves, and the turn of the scheduler at any instant, without waiting for it."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import Q
from django_q.models import Schedule

from audit.context import acting_as
from sync.configuring import configure_flow
from sync.models import CalendarDay, Flow, PayCalendar, Run, Slot, Timing
from sync.runs import claim, end
from sync.scheduling import starting
from sync.scheduling.configuring import add_timing, create_calendar
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.api.company import found
from tests.cast import make_tenant

DETROIT = "America/Detroit"


@dataclass(repr=False)
class Clockwork:
    """One tenant's flows."""

    tenant: Tenant
    flow: Flow
    payroll: Flow

    def __repr__(self) -> str:
        # Said outside of its scope, where its flows cannot be read.
        return self.tenant.slug

    @contextmanager
    def scope(self) -> Iterator[None]:
        with tenant_scope(self.tenant.id), acting_as("schedule", "Schedule"):
            yield

    def poll_every(self, minutes: int, now: datetime) -> None:
        with self.scope():
            configure_flow(self.flow, {"every_minutes": minutes}, now=now)

    def friday_timing(self, now: datetime, **values: Any) -> Timing:
        """06:00 in Detroit, the business day before each second Friday from 2 January 2026 on."""
        with self.scope():
            calendar = create_calendar(
                {
                    "name": f"Every other Friday {uuid.uuid4().hex[:4]}",
                    "rule": PayCalendar.Rule.BIWEEKLY,
                    "anchor": date(2026, 1, 2),
                    "country": "US",
                    "time_zone": DETROIT,
                },
                now=now,
            )
            tied = {"kind": Timing.Kind.CALENDAR, "calendar": calendar, "offset_days": -1, "at": time(6)}
            return add_timing(self.payroll, {**tied, "time_zone": DETROIT, **values}, now=now)

    def cron_timing(self, expression: str, now: datetime, flow: Flow | None = None) -> Timing:
        with self.scope():
            values = {"kind": Timing.Kind.CRON, "cron": expression, "time_zone": DETROIT}
            return add_timing(flow or self.payroll, values, now=now)

    def schedules(self) -> list[Schedule]:
        ours = Q(name__contains=str(self.tenant.id))
        return list(Schedule.objects.filter(ours).order_by("next_run"))

    def turn(self, now: datetime, *, ended: bool = True) -> list[Run]:
        """The scheduler hands out what is ready, and workers start it; each run ends at once if it is to."""
        started = []
        for schedule in self.schedules():
            if schedule.next_run >= now:
                continue
            Schedule.objects.filter(pk=schedule.pk).delete()
            run = self.job(schedule, now)
            if run is not None:
                started.append(run)
                if ended:
                    self.finish(run, now)
        return started

    def job(self, schedule: Schedule, now: datetime) -> Run | None:
        """What a worker does with the job of this schedule."""
        tenant_id, pk = ast.literal_eval(schedule.args)
        due = datetime.fromisoformat(ast.literal_eval(schedule.kwargs)["due"])
        with tenant_scope(uuid.UUID(tenant_id)), acting_as("schedule", "Schedule"):
            if schedule.func == "sync.jobs.poll":
                return starting.start_poll(uuid.UUID(pk), due, now=now)
            assert schedule.func == "sync.jobs.keep"
            return starting.start_slot(uuid.UUID(pk), due, now=now)

    def finish(self, run: Run, now: datetime) -> None:
        with self.scope():
            claimed = claim(run.pk, now=now)
            assert claimed is not None
            end(claimed, Run.State.SUCCEEDED, "", now=now)

    def slots(self, timing: Timing) -> list[Slot]:
        with self.scope():
            return list(Slot.objects.filter(timing=timing).select_related("run").order_by("due_at"))

    def runs(self, **lookup: Any) -> list[Run]:
        with self.scope():
            return list(Run.objects.filter(**lookup).order_by("pk"))


def wound(name: str = "Acme") -> Clockwork:
    """A company with one integration, nothing of which runs by itself yet."""
    company = found(make_tenant(name))
    with company_scope(company.tenant):
        payroll = Flow.objects.select_related("integration__source", "integration__target").get(kind="payroll")
    return Clockwork(company.tenant, company.people, payroll)


@contextmanager
def company_scope(tenant: Tenant) -> Iterator[None]:
    with tenant_scope(tenant.id):
        yield


def utc(text: str) -> datetime:
    """An instant such as 2026-01-31 09:00, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add_days(calendar: PayCalendar, kind: str, *days: date) -> None:
    CalendarDay.objects.bulk_create([CalendarDay(calendar=calendar, kind=kind, day=day) for day in days])
