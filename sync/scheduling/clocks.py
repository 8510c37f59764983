"""What people set up, as clocks: from the rows of flows, timings and calendars to when they strike next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from connectors.models import Connection
from sync.models import CalendarDay, Flow, Integration, PayCalendar, Slot, Timing
from sync.scheduling.business_days import ONE_DAY, BusinessDays, Roll
from sync.scheduling.calendars import Custom, Monthly, Rule, SemiMonthly, Weekly
from sync.scheduling.occurrences import Clock, Cron, Occurrence, Polling, Tied, next_after, tied_from
from sync.scheduling.refusing import ScheduleError
from sync.webhooks import pace

log = structlog.get_logger()

AN_INSTANT = timedelta(microseconds=1)

Place = tuple[datetime | None, date | None]
"""When a timing starts next (aware UTC), and for which nominal pay date; see Timing."""


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


def polling_instant(flow: Flow, now: datetime) -> datetime | None:
    """When the flow is to start next: as noted, at once where nothing is noted, and never later than one interval from
    now. None where it has no interval or is paused."""
    if flow.every_minutes is None or flow.paused:
        return None
    return min(flow.next_run_at or now, now + interval_of(flow, now))


def timing_place(timing: Timing, now: datetime) -> Place:
    """Where the timing is to stand: an instant that has come stays until it was started; a pay date that is waited for
    is due at once where an edit or another table of holidays or time zones moved its time into the past; a later one is
    as calendar and time zone say today. A flow that is paused waits for nothing, and what comes meanwhile is gone."""
    if timing.flow.paused:
        return None, None
    if timing.next_at is not None and timing.next_at <= now:
        return timing.next_at, timing.nominal
    return _place(timing, timing.nominal, lambda clock: _next(timing, clock, now))


def place_after(timing: Timing, started: Occurrence, *, since: datetime) -> Place:
    """Where the timing is to stand once this was started: at the pay date after it, come or not; by a cron expression
    at the first instant after ``since``."""
    last = started.meant[-1].nominal if started.meant else started.nominal
    waited = last + ONE_DAY if last else None
    return _place(
        timing,
        waited,
        lambda clock: (
            _open_from(timing, clock, waited) if isinstance(clock, Tied) and waited else next_after(clock, since)
        ),
    )


def occurrence_at(timing: Timing) -> Occurrence:
    """What the timing's instant is, by calendar and time zone as they are today. Where it is none by them any more, as
    a holiday came since, it is itself and its nominal date, and nothing is known of it."""
    due, nominal = timing.next_at, timing.nominal
    assert due is not None
    try:
        clock = clock_of(timing)
        if isinstance(clock, Tied) and nominal:
            found = next(tied_from(clock, nominal), None)
        else:
            found = next_after(clock, due - AN_INSTANT)
    except ScheduleError:
        found = None
    if found and (found.due, found.nominal) == (due, nominal):
        return found
    return Occurrence(due=due, local=due, nominal=nominal)


def _place(timing: Timing, waited: date | None, find: Callable[[Clock], Occurrence | None]) -> Place:
    """As found. Where the calendar has ended or cannot be used, never, and ``waited`` is waited for all the same. What
    is wrong with it, its page says; whoever works through all timings goes on."""
    try:
        found = find(clock_of(timing))
    except ScheduleError as error:
        log.warning("timing.without_occurrence", timing=str(timing.pk), field=error.field)
        found = None
    return (found.due, found.nominal) if found else (None, waited)


def _next(timing: Timing, clock: Clock, now: datetime) -> Occurrence | None:
    first = next_after(clock, now)
    if not isinstance(clock, Tied) or timing.nominal is None:
        return first
    waiting = next(tied_from(clock, timing.nominal), None)
    if first is None or first.nominal is None or first.nominal >= timing.nominal or (waiting and waiting.due <= now):
        return waiting
    # Pay dates before it lie ahead: new ones, and such as were moved there after their start.
    return _open_from(timing, clock, first.nominal)


def _open_from(timing: Timing, clock: Tied, nominal: date) -> Occurrence | None:
    """For the first of the nominal pay dates from this one on that was not started."""
    slots = Slot.objects.filter(timing=timing, nominal__gte=nominal, state__in=Slot.DONE)
    started = set(slots.values_list("nominal", flat=True))
    day = next((day for day in clock.rule.nominal_from(nominal) if day not in started), None)
    return next(tied_from(clock, day), None) if day else None
