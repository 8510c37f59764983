"""The days on which a company pays, by a rule or one by one, moved off weekends and holidays. Pure.

All dates are local calendar dates. What a pay day *is* does not change with holidays: its nominal date names it, so two
that are moved to the same date are still two.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import takewhile

import msgspec

from sync.scheduling.business_days import ONE_DAY, BusinessDays, Roll
from sync.scheduling.refusing import ScheduleError

SHORTEST_MONTH = 28


class Weekly(msgspec.Struct, frozen=True):
    """Every 7 or 14 days, before and after ``anchor``, a nominal pay date. Raises ScheduleError (days)."""

    days: int
    anchor: date

    def __post_init__(self) -> None:
        if self.days not in (7, 14):
            raise ScheduleError("days", "A calendar by weeks pays every 7 or every 14 days.")

    def nominal_from(self, first: date) -> Iterator[date]:
        """The nominal pay dates from ``first`` on, in order, without end."""
        day = first + timedelta(days=(self.anchor - first).days % self.days)
        while True:
            yield day
            day += timedelta(days=self.days)


class SemiMonthly(msgspec.Struct, frozen=True):
    """On two days of each month; 31 is its last day, and 29 and 30 are where the month is shorter.

    Raises ScheduleError (first_day, second_day), also for two days that would be one in February.
    """

    first_day: int
    second_day: int

    def __post_init__(self) -> None:
        _check_day("first_day", self.first_day)
        _check_day("second_day", self.second_day)
        if self.first_day >= self.second_day:
            raise ScheduleError("second_day", "The second day must be later in the month than the first.")
        if self.first_day >= SHORTEST_MONTH:
            raise ScheduleError("first_day", "Choose a first day up to the 27th: in February the two would be one day.")

    def nominal_from(self, first: date) -> Iterator[date]:
        """The nominal pay dates from ``first`` on, in order, without end."""
        return _days_of_months(first, self.first_day, self.second_day)


class Monthly(msgspec.Struct, frozen=True):
    """On one day of each month; 31 is its last day, and 29 and 30 are where the month is shorter.

    Raises ScheduleError (first_day).
    """

    day: int

    def __post_init__(self) -> None:
        _check_day("first_day", self.day)

    def nominal_from(self, first: date) -> Iterator[date]:
        """The nominal pay dates from ``first`` on, in order, without end."""
        return _days_of_months(first, self.day)


class Custom(msgspec.Struct, frozen=True):
    """On these dates and no others; one that is given twice is one. Raises ScheduleError (dates) without any."""

    dates: tuple[date, ...]

    def __post_init__(self) -> None:
        if not self.dates:
            raise ScheduleError("dates", "This calendar has no pay dates. Enter them, or import them from a file.")

    def nominal_from(self, first: date) -> Iterator[date]:
        """The dates from ``first`` on, in order; it ends with the last one."""
        return iter(sorted({day for day in self.dates if day >= first}))


Rule = Weekly | SemiMonthly | Monthly | Custom


class PayDay(msgspec.Struct, frozen=True):
    """``nominal`` is the date by the rule; ``pay_date`` is where weekends and holidays moved it."""

    nominal: date
    pay_date: date


def pay_days(
    rule: Rule, business_days: BusinessDays, roll: Roll, first: date, last: date = date.max
) -> Iterator[PayDay]:
    """The pay days whose pay date is within these days, both included, in the order of their nominal dates.

    The pay dates are in order too, but need not differ. Nothing is computed that is not asked for.
    """
    start = first if roll is not Roll.AFTER else business_days.shift(first, -1) + ONE_DAY
    moved = (PayDay(day, business_days.rolled(day, roll)) for day in rule.nominal_from(start))
    yield from takewhile(lambda day: day.pay_date <= last, (day for day in moved if day.pay_date >= first))


def _days_of_months(first: date, *days: int) -> Iterator[date]:
    """``days`` ascending."""
    year, month = first.year, first.month
    while True:
        length = monthrange(year, month)[1]
        for day in days:
            nominal = date(year, month, min(day, length))
            if nominal >= first:
                yield nominal
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _check_day(field: str, day: int) -> None:
    if not 1 <= day <= 31:
        raise ScheduleError(field, "Enter a day of the month from 1 to 31; 31 is the last day of every month.")
