"""Companies whose flows run by themselves, with as many clocks as asked for. See ``benchmarks.schedules``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle, repeat
from typing import Any

from django.db import connections
from django_q.models import Schedule

from connectors.models import Connection
from sync.models import Flow, Integration, PayCalendar, Timing
from sync.scheduling.schedules import Wound, schedule_of
from tenants.models import Tenant
from tenants.scope import tenant_scope

DAY = 24 * 60
BATCH = 2_000
FAR = [timedelta(minutes=minutes) for minutes in range(120, 22 * 60)]
"""From now until clocks strike that are not due while anything is measured."""


class Company:
    """Half of its clocks poll people, the other half are timings of payroll: by cron and tied to a pay calendar, in
    turn. No flow has two."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self._calendars: dict[date, PayCalendar] = {}
        self._numbers = count(1)
        with tenant_scope(self.id):
            Tenant.objects.create(id=self.id, name="Benchmark", slug=f"benchmark-{self.id.hex[:12]}")
            self._source = self._connection("rippling", "Rippling")
            self._source.save()

    def give(self, clocks: int, instants: Iterator[datetime]) -> None:
        """Afterwards it has so many clocks more (an even number), each with its schedule. Each strikes at the next of
        ``instants``: aware UTC, whole minutes, within a day from now, so that every day or every other week will do."""
        polling: list[Flow] = []
        timings: list[Timing] = []
        with tenant_scope(self.id):
            for number in [next(self._numbers) for _ in range(clocks // 2)]:
                target = self._connection("plex", f"Plex {number}")
                pair = Integration(name=f"{number}", source=self._source, target=target)
                people = Flow(integration=pair, kind=Flow.Kind.PEOPLE, every_minutes=DAY, next_run_at=next(instants))
                polling.append(people)
                timings.append(self._timing(Flow(integration=pair, kind=Flow.Kind.PAYROLL), next(instants), number))
            payroll = [timing.flow for timing in timings]
            Connection.objects.bulk_create([flow.integration.target for flow in payroll], BATCH)
            Integration.objects.bulk_create([flow.integration for flow in payroll], BATCH)
            Flow.objects.bulk_create([*polling, *payroll], BATCH)
            Timing.objects.bulk_create(timings, BATCH)
            wound: list[Wound] = [*polling, *timings]
            schedules = [schedule_of(clock) for clock in wound]
            Schedule.objects.bulk_create([schedule for schedule in schedules if schedule], BATCH)

    def _connection(self, vendor: str, name: str) -> Connection:
        return Connection(vendor=vendor, name=name, state=Connection.State.READY)

    def _timing(self, flow: Flow, due: datetime, number: int) -> Timing:
        rule: dict[str, Any] = {"kind": Timing.Kind.CRON, "cron": f"{due.minute} {due.hour} * * *"}
        if number % 2:
            rule = {"kind": Timing.Kind.CALENDAR, "calendar": self._calendar(due.date()), "at": due.time()}
        return Timing(flow=flow, next_at=due.astimezone(UTC), time_zone="UTC", **rule)

    def _calendar(self, day: date) -> PayCalendar:
        """The calendar on which that day is a pay date."""
        if day not in self._calendars:
            self._calendars[day] = PayCalendar.objects.create(
                name=f"Every other week from {day}",
                rule=PayCalendar.Rule.BIWEEKLY,
                anchor=day,
                roll=PayCalendar.Roll.NONE,
                country="US",
                time_zone="UTC",
            )
        return self._calendars[day]


def give_far(companies: list[Company], clocks: int) -> None:
    """Afterwards the companies together have so many clocks more, none of which strikes soon."""
    now = whole_minute(datetime.now(UTC))
    _give(companies, clocks, cycle(now + far for far in FAR))


def give_due(companies: list[Company], clocks: int, due: datetime) -> None:
    """Afterwards the companies together have so many clocks more, all of which strike at ``due``, a whole minute."""
    _give(companies, clocks, repeat(due))


def whole_minute(instant: datetime) -> datetime:
    """The minute it is in."""
    return instant.replace(second=0, microsecond=0)


def _give(companies: list[Company], clocks: int, instants: Iterator[datetime]) -> None:
    each, more = divmod(clocks // 2, len(companies))
    for number, company in enumerate(companies):
        company.give(2 * (each + (number < more)), instants)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sync_flow, sync_timing, sync_integration, connectors_connection")
        cursor.execute("VACUUM ANALYZE django_q_schedule, django_q_ormq")
