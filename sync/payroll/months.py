"""Month ends a pay period's cost is waiting at: which, and the share of it that has been earned by then. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta

from sync.payroll.drafts import Split

ONE_DAY = timedelta(days=1)
WEEKEND = frozenset({calendar.SATURDAY, calendar.SUNDAY})


def month_ends(start: date, before: date) -> Iterator[date]:
    """The last days of months from ``start`` on (included) up to ``before`` (excluded)."""
    day = start.replace(day=calendar.monthrange(start.year, start.month)[1])
    while day < before:
        yield day
        following = day + ONE_DAY
        day = following.replace(day=calendar.monthrange(following.year, following.month)[1])


def share_by(split: Split, start: date, end: date, day: date) -> tuple[int, int]:
    """Days of the period (both ends included) up to and with ``day``, and days in all: the share as a fraction.

    A period without a working day is counted by the calendar.
    """
    count = _working_days if split is Split.WORKING_DAYS and _working_days(start, end) else _calendar_days
    return count(start, min(day, end)), count(start, end)


def _calendar_days(first: date, last: date) -> int:
    return (last - first).days + 1


def _working_days(first: date, last: date) -> int:
    days = (first + n * ONE_DAY for n in range(_calendar_days(first, last)))
    return sum(day.weekday() not in WEEKEND for day in days)
