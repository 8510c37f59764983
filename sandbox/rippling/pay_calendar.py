"""Which days a pay period covers and on which day it is paid."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

PER_YEAR = {"WEEKLY": 52, "BIWEEKLY": 26, "SEMIMONTHLY": 24, "MONTHLY": 12}
DAYS = {"WEEKLY": 7, "BIWEEKLY": 14}
ARREARS = timedelta(days=6)
"""How long after its end a period of whole weeks is paid; half months and months are paid on their last day."""


@dataclass(frozen=True)
class Period:
    """Both days belong to the period."""

    start: date
    end: date


def period_paid_on(frequency: str, check_date: date) -> Period:
    """The period that a check on this day pays. Raises ValueError for a frequency that there is not."""
    if frequency in DAYS:
        end = check_date - ARREARS
        return Period(end - timedelta(days=DAYS[frequency] - 1), end)
    if frequency not in PER_YEAR:
        raise ValueError(f"frequency is one of {sorted(PER_YEAR)}, not {frequency!r}")
    first, last = check_date.replace(day=1), _month_end(check_date)
    if frequency == "MONTHLY":
        return Period(first, last)
    middle = first.replace(day=15)
    return Period(first, middle) if check_date <= middle else Period(middle + timedelta(days=1), last)


def check_dates(frequency: str, first: date) -> Iterator[date]:
    """The first day of payment and all that follow it, without end."""
    day = first
    while True:
        yield day
        if frequency in DAYS:
            day += timedelta(days=DAYS[frequency])
        elif frequency == "SEMIMONTHLY" and day.day <= 15:
            day = _month_end(day)
        else:
            following = _month_end(day) + timedelta(days=1)
            day = following.replace(day=15) if frequency == "SEMIMONTHLY" else _in_month(following, first.day)


def last_friday(today: date) -> date:
    return today - timedelta(days=(today.weekday() - 4) % 7)


def _in_month(first_of_month: date, day: int) -> date:
    return first_of_month.replace(day=min(day, _month_end(first_of_month).day))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
