"""What people set up, as clocks: from the rows of flows, timings and calendars to when they strike next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet

from connectors.models import Connection
from sync.models import CalendarDay, Flow, Integration, PayCalendar, Timing
from sync.scheduling.business_days import BusinessDays, Roll
from sync.scheduling.calendars import Custom, Monthly, Rule, SemiMonthly, Weekly
from sync.scheduling.occurrences import Clock, Cron, Occurrence, Polling, Tied, next_after
from sync.scheduling.refusing import ScheduleError
from sync.webhooks import pace

log = structlog.get_logger()


def database_now() -> datetime:
    """The present instant by the database's clock, aware UTC: the machines of the workers need not agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


def timings_to_read() -> QuerySet[Timing]:
    """Timings with all that their clocks need: two queries, however many there are."""
    return Timing.objects.select_related(
        "flow__integration__source", "flow__integration__target", "calendar"
    ).prefetch_related("calendar__days")


def polling_flows() -> QuerySet[Flow]:
    """Flows with all that their clocks need, in one query."""
    return Flow.objects.select_related("integration__source__listening", "integration__target")


def is_on(flow: Flow) -> bool:
    """Whether the flow may start by itself: neither it nor one of its connections is paused."""
    integration = flow.integration
    sides = (integration.source, integration.target)
    return not flow.paused and all(side.state != Connection.State.PAUSED for side in sides)


def floor_of(integration: Integration) -> int:
    """The fewest minutes between two runs that both vendors put up with."""
    return max(side.product.polling_floor_minutes for side in (integration.source, integration.target))


def check_gap(integration: Integration, field: str, gap: timedelta) -> None:
    """Raises ValidationError naming the field when runs this far apart are closer than the vendors put up with."""
    floor = floor_of(integration)
    if gap < timedelta(minutes=floor):
        slower = max((integration.source, integration.target), key=lambda side: side.product.polling_floor_minutes)
        raise ValidationError({field: f"{slower.product.product} may be asked every {floor} minutes at most."})


def interval_of(flow: Flow, now: datetime) -> timedelta:
    """How far apart the runs of a polling flow are: as configured, further while its source announces what changes,
    and never closer than its vendors allow."""
    assert flow.every_minutes is not None
    minutes = max(flow.every_minutes, floor_of(flow.integration))
    if flow.kind == Flow.Kind.PEOPLE:
        minutes = pace.interval_of(minutes, getattr(flow.integration.source, "listening", None), now)
    return timedelta(minutes=minutes)


def polling_of(flow: Flow, anchor: datetime, now: datetime) -> Polling:
    """The clock of a flow with an interval, as that is now, counted from ``anchor`` (aware)."""
    return Polling(every_minutes=interval_of(flow, now) // timedelta(minutes=1), anchor=anchor)


def clock_of(timing: Timing) -> Clock:
    """The clock of a timing. Raises ScheduleError naming the field: a calendar without dates, an unknown region."""
    if timing.kind == Timing.Kind.CRON:
        return Cron(timing.cron, timing.time_zone)
    assert timing.calendar is not None
    assert timing.at is not None
    return Tied(
        rule=rule_of(timing.calendar),
        business_days=business_days_of(timing.calendar),
        roll=Roll(timing.calendar.roll),
        offset_days=timing.offset_days,
        at=timing.at,
        zone=timing.time_zone,
    )


def rule_of(calendar: PayCalendar) -> Rule:
    """The rule of a calendar. Raises ScheduleError naming the field."""
    first, second = calendar.first_day or 0, calendar.second_day or 0
    match calendar.rule:
        case PayCalendar.Rule.WEEKLY | PayCalendar.Rule.BIWEEKLY:
            if calendar.anchor is None:
                raise ScheduleError("anchor", "Enter one of the pay dates.")
            return Weekly(7 if calendar.rule == PayCalendar.Rule.WEEKLY else 14, calendar.anchor)
        case PayCalendar.Rule.SEMIMONTHLY:
            return SemiMonthly(first, second)
        case PayCalendar.Rule.MONTHLY:
            return Monthly(first)
    return Custom(tuple(sorted(day.day for day in _days(calendar, CalendarDay.Kind.PAY_DATE))))


def business_days_of(calendar: PayCalendar) -> BusinessDays:
    """The days that are worked by this calendar. Raises ScheduleError naming the field."""
    return BusinessDays(
        country=calendar.country,
        subdivision=calendar.subdivision,
        own={day.day: day.name for day in _days(calendar, CalendarDay.Kind.HOLIDAY)},
        worked=frozenset(day.day for day in _days(calendar, CalendarDay.Kind.WORKING_DAY)),
    )


def _days(calendar: PayCalendar, kind: str) -> list[CalendarDay]:
    # A calendar that is not saved yet has no days.
    return [day for day in calendar.days.all() if day.kind == kind] if not calendar._state.adding else []


def zone_of(calendar: PayCalendar) -> ZoneInfo:
    """The zone in which the calendar's dates are days."""
    return ZoneInfo(calendar.time_zone)


def next_of(timing: Timing, after: datetime) -> Occurrence | None:
    """The timing's next occurrence strictly after this instant; None where its calendar has ended, or cannot be used.
    What is wrong with it, its page says; whoever works through all timings goes on."""
    try:
        return next_after(clock_of(timing), after)
    except ScheduleError as error:
        log.warning("timing.without_occurrence", timing=str(timing.pk), field=error.field)
        return None


def polling_instant(flow: Flow, now: datetime) -> datetime | None:
    """When the flow is to start next: as noted, at once where nothing is noted, and never later than one interval from
    now. None where it has no interval or is paused."""
    if flow.every_minutes is None or flow.paused:
        return None
    return min(flow.next_run_at or now, now + interval_of(flow, now))


def timing_instant(timing: Timing, now: datetime) -> datetime | None:
    """When the timing is to start next: an instant that has come already stays until it was started, a later one is
    as calendar and time zone say today. None where the flow is paused or the calendar has ended."""
    if timing.flow.paused:
        return None
    if timing.next_at is not None and timing.next_at <= now:
        return timing.next_at
    occurrence = next_of(timing, now)
    return occurrence.due if occurrence else None
