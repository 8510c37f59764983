"""When a clock strikes next: every so many minutes, by a cron expression, or tied to a calendar of pay dates. Pure.

An occurrence is its instant: two pay dates whose time comes at the same instant are one occurrence, which names both.
Nothing is remembered between calls, so the answer is the same wherever one starts, and follows a holiday or a time zone
that changed. A process sees a new time zone database once it started again or called ``ZoneInfo.clear_cache()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, islice

import msgspec

from sync.scheduling.business_days import ONE_DAY, BusinessDays, Roll
from sync.scheduling.calendars import PayDay, Rule, pay_days
from sync.scheduling.cron import check_cron, cron_after
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_at, local_date, zone_named

FURTHEST = 30
"""Business days that an occurrence may be from its pay date."""


class Polling(msgspec.Struct, frozen=True):
    """Every so many minutes, counted from ``anchor``, an aware instant. Raises ScheduleError (every_minutes)."""

    every_minutes: int
    anchor: datetime

    def __post_init__(self) -> None:
        if self.every_minutes < 1:
            raise ScheduleError("every_minutes", "Enter how many minutes are between two runs, 1 or more.")


class Cron(msgspec.Struct, frozen=True):
    """By a cron expression of five fields, at wall time in the zone. Raises ScheduleError (cron, time_zone)."""

    expression: str
    zone: str

    def __post_init__(self) -> None:
        zone_named(self.zone)
        check_cron(self.expression)


class Tied(msgspec.Struct, frozen=True, kw_only=True):
    """At a wall time in the zone so many business days after each pay date, before it with a minus; 0 is the pay date.

    Raises ScheduleError (time_zone, offset_days).
    """

    rule: Rule
    business_days: BusinessDays
    roll: Roll
    offset_days: int
    at: time
    zone: str

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if abs(self.offset_days) > FURTHEST:
            raise ScheduleError("offset_days", f"Enter at most {FURTHEST} business days before or after the pay date.")


Clock = Polling | Cron | Tied


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """``due`` is UTC; ``local`` is the same instant in the clock's zone (polling: UTC). ``meant`` are its pay days,
    and the dates those of the first. ``note`` is for staff: what was moved and why, up to 200 characters."""

    due: datetime
    local: datetime
    pay_date: date | None = None
    nominal: date | None = None
    meant: tuple[PayDay, ...] = ()
    note: str = ""


def next_after(clock: Clock, instant: datetime) -> Occurrence | None:
    """The first occurrence strictly after ``instant``; None where a calendar of single dates has ended."""
    return next(occurrences_after(clock, instant), None)


def preview(clock: Clock, after: datetime, count: int = 20) -> list[Occurrence]:
    """The next ``count`` occurrences strictly after this instant, fewer where a calendar has ended."""
    return list(islice(occurrences_after(clock, after), count))


def occurrences_after(clock: Clock, instant: datetime) -> Iterator[Occurrence]:
    """Every occurrence strictly after the aware ``instant``, in order, each once; computed as it is asked for."""
    match clock:
        case Polling():
            return _polling(clock, instant)
        case Cron():
            return _cron(clock, instant)
        case Tied():
            return _tied(clock, instant)


def tied_from(clock: Tied, nominal: date) -> Iterator[Occurrence]:
    """Every occurrence for the nominal pay dates from this one on, whenever it is, in order."""
    days = clock.rule.nominal_from(nominal)
    return _for_pay_days(clock, (PayDay(day, clock.business_days.rolled(day, clock.roll)) for day in days))


def _polling(clock: Polling, instant: datetime) -> Iterator[Occurrence]:
    step = timedelta(minutes=clock.every_minutes)
    due = (clock.anchor + ((instant - clock.anchor) // step + 1) * step).astimezone(UTC)
    while True:
        yield Occurrence(due=due, local=due)
        due += step


def _cron(clock: Cron, instant: datetime) -> Iterator[Occurrence]:
    zone = zone_named(clock.zone)
    for due, wall in cron_after(clock.expression, zone, instant):
        local = due.astimezone(zone)
        yield Occurrence(due=due, local=local, note=_left_out(wall, local))


def _tied(clock: Tied, instant: datetime) -> Iterator[Occurrence]:
    zone = zone_named(clock.zone)
    # A day earlier than needed: clocks that go back over midnight show yesterday's date again.
    first = local_date(instant, zone) - ONE_DAY
    if clock.offset_days > 0:
        first = clock.business_days.shift(first, -clock.offset_days - 1)
    for one in _for_pay_days(clock, pay_days(clock.rule, clock.business_days, clock.roll, first)):
        if one.due > instant:
            yield one


def _for_pay_days(clock: Tied, days: Iterable[PayDay]) -> Iterator[Occurrence]:
    zone = zone_named(clock.zone)

    def due_of(pay_day: PayDay) -> datetime:
        return instant_at(clock.business_days.shift(pay_day.pay_date, clock.offset_days), clock.at, zone)

    for due, group in groupby(days, due_of):
        yield _occurrence(clock, due, due.astimezone(zone), tuple(group))


def _occurrence(clock: Tied, due: datetime, local: datetime, meant: tuple[PayDay, ...]) -> Occurrence:
    first = meant[0]
    day = clock.business_days.shift(first.pay_date, clock.offset_days)
    notes = [_moved(pay_day, clock.business_days) for pay_day in meant]
    notes += [f"also for {_shown(pay_day.nominal)}" for pay_day in meant[1:]]
    notes.append(_left_out(datetime.combine(day, clock.at), local))
    return Occurrence(
        due=due,
        local=local,
        pay_date=first.pay_date,
        nominal=first.nominal,
        meant=meant,
        note="; ".join(filter(None, notes))[:200],
    )


def _moved(pay_day: PayDay, business_days: BusinessDays) -> str:
    if pay_day.pay_date == pay_day.nominal:
        return ""
    return f"moved from {_shown(pay_day.nominal)}: {business_days.closed_because(pay_day.nominal)}"


def _left_out(wall: datetime, local: datetime) -> str:
    """``wall`` is naive: what was asked for."""
    if wall == local.replace(tzinfo=None):
        return ""
    return f"clocks leave out {wall:%H:%M} on {_shown(wall.date())}"


def _shown(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
