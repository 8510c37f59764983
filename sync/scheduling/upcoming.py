"""What comes next, as pages and the API show it: pay dates with what moved them, starts in the clock's own zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from heapq import merge
from itertools import islice

import msgspec

from sync.models import PayCalendar, Timing
from sync.scheduling.business_days import BusinessDays, Roll
from sync.scheduling.calendars import PayDay, pay_days
from sync.scheduling.clocks import business_days_of, clock_of, rule_of
from sync.scheduling.occurrences import occurrences_after
from sync.scheduling.refusing import ScheduleError

SHOWN = 20


class NextPayDay(msgspec.Struct, frozen=True, kw_only=True):
    """A pay date, and where it comes from. ``note`` says what moved it, empty when nothing did."""

    pay_date: date
    nominal: date
    note: str


class NextStart(msgspec.Struct, frozen=True, kw_only=True):
    """A start by a timing. ``due`` is aware UTC, ``local`` the same instant in the timing's zone. ``clocks_change``
    says that on this day clocks do."""

    due: datetime
    local: datetime
    pay_date: date | None = None
    note: str = ""
    clocks_change: bool = False


def next_pay_days(calendar: PayCalendar, after: date, count: int = SHOWN) -> list[NextPayDay]:
    """The calendar's pay dates from this day on, fewer where it ends, none where it cannot be used as it is."""
    if trouble_with(calendar):
        return []
    business_days = business_days_of(calendar)
    days = pay_days(rule_of(calendar), business_days, Roll(calendar.roll), after)
    return [
        NextPayDay(pay_date=day.pay_date, nominal=day.nominal, note=_moved(day, business_days))
        for day in islice(days, count)
    ]


def trouble_with(calendar: PayCalendar) -> str:
    """Why the calendar cannot be used as it is, for staff; empty when it can."""
    try:
        rule_of(calendar)
        business_days_of(calendar)
    except ScheduleError as error:
        return str(error)
    return ""


def next_starts(timings: Iterable[Timing], after: datetime, count: int = SHOWN) -> list[NextStart]:
    """What these timings start after this instant, all together in order; one that cannot be used starts nothing."""
    every = merge(*(_starts(timing, after) for timing in timings), key=lambda start: start.due)
    return list(islice(every, count))


def trouble_of(timing: Timing) -> str:
    """Why the timing cannot be used as it is, for staff; empty when it can."""
    try:
        clock_of(timing)
    except ScheduleError as error:
        return str(error)
    return ""


def _starts(timing: Timing, after: datetime) -> Iterator[NextStart]:
    if trouble_of(timing):
        return
    for one in occurrences_after(clock_of(timing), after):
        yield NextStart(
            due=one.due,
            local=one.local,
            pay_date=one.pay_date,
            note=one.note,
            clocks_change=_clocks_change(one.local),
        )


def _clocks_change(local: datetime) -> bool:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.utcoffset() != (midnight + timedelta(days=1)).utcoffset()


def _moved(day: PayDay, business_days: BusinessDays) -> str:
    if day.pay_date == day.nominal:
        return ""
    nominal = f"{day.nominal:%a} {day.nominal.day} {day.nominal:%b}"
    return f"moved from {nominal}: {business_days.closed_because(day.nominal)}"
