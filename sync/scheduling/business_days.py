"""Which days banks and the company work: weekends and public holidays of a country, and the company's own. Pure.

Dates are local calendar dates. The holidays are those of the ``holidays`` library, observed days included, with the
weekend the country has (Friday and Saturday in Saudi Arabia). A year it has no data for has weekends alone.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

import holidays
import msgspec

from sync.scheduling.refusing import ScheduleError

ONE_DAY = timedelta(days=1)
SATURDAY = 5
LONGEST_CLOSURE = 60
"""More days than this in a row without a business day are an error in the calendar, not a holiday."""


class Roll(enum.StrEnum):
    """What becomes of a pay day on a weekend or holiday: the business day before, the one after, the same day."""

    BEFORE = "before"
    AFTER = "after"
    NONE = "none"


class BusinessDays(msgspec.Struct, frozen=True, kw_only=True):
    """The days that are worked. ``own`` are the company's holidays with their names, which may be empty; ``worked``
    are weekends or public holidays on which it works all the same. Without a country: Monday to Friday.

    Raises ScheduleError (country, subdivision, worked, own) for what there is not, or contradicts itself, and where
    more than LONGEST_CLOSURE days in a row are closed: whatever is asked later has an answer.
    """

    country: str = ""
    subdivision: str = ""
    own: Mapping[date, str] = {}
    worked: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        _check_place(self.country, self.subdivision)
        both = sorted(self.worked.intersection(self.own))
        if both:
            raise ScheduleError("worked", f"{both[0]} is entered both as a holiday and as a working day. Remove one.")
        self._check_closures()

    def is_business_day(self, day: date) -> bool:
        """Whether it is worked on this day."""
        return not self.closed_because(day)

    def closed_because(self, day: date) -> str:
        """The name of the holiday, or "weekend", because of which it is not worked on this day; else empty."""
        if day in self.worked:
            return ""
        if day in self.own:
            return self.own[day] or "holiday of the company"
        if not self.country:
            return "weekend" if day.weekday() >= SATURDAY else ""
        year = _public_holidays(self.country, self.subdivision, day.year)
        if year.is_working_day(day):
            return ""
        return str(year.get(day, "weekend"))

    def rolled(self, day: date, roll: Roll) -> date:
        """The day itself where it is a business day or stays where it is; else the next one in that direction."""
        if roll is Roll.NONE or self.is_business_day(day):
            return day
        return self.shift(day, -1 if roll is Roll.BEFORE else 1)

    def shift(self, day: date, n: int) -> date:
        """The nth business day after ``day``, with a minus before it; 0 is the day itself, worked on or not."""
        step = ONE_DAY if n > 0 else -ONE_DAY
        for _ in range(abs(n)):
            day = self._neighbour(day, step)
        return day

    def _check_closures(self) -> None:
        reopens = date.min
        for day in sorted(self.own):
            if day >= reopens:
                reopens = self.shift(self.shift(day, -1), 1)

    def _neighbour(self, day: date, step: timedelta) -> date:
        for distance in range(1, LONGEST_CLOSURE + 2):
            if self.is_business_day(day + distance * step):
                return day + distance * step
        raise ScheduleError(
            "own",
            f"More than {LONGEST_CLOSURE} days in a row from {day} are weekends and holidays. Remove some holidays.",
        )


@lru_cache(maxsize=1)
def countries() -> tuple[str, ...]:
    """The two-letter codes of the countries whose holidays are known."""
    return tuple(sorted(code for code in holidays.list_supported_countries() if len(code) == 2))


def subdivisions(country: str) -> tuple[str, ...]:
    """The codes of the states or regions of a country that have holidays of their own."""
    return tuple(holidays.list_supported_countries().get(country, ()))


def _check_place(country: str, subdivision: str) -> None:
    if not country and subdivision:
        raise ScheduleError("country", "Choose the country that the state or region belongs to.")
    if country and country not in countries():
        raise ScheduleError(
            "country", f"The holidays of “{country}” are not known. Enter a two-letter country code such as US."
        )
    if subdivision and subdivision not in subdivisions(country):
        raise ScheduleError(
            "subdivision",
            f"“{subdivision}” is no state or region of {country} whose holidays are known. "
            "Leave it empty for the holidays of the whole country.",
        )


@lru_cache(maxsize=4096)
def _public_holidays(country: str, subdivision: str, year: int) -> holidays.HolidayBase:
    """One year, complete before anybody has it: an object that fills itself on demand is not safe among threads."""
    return holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, expand=False, observed=True, language="en_US"
    )
