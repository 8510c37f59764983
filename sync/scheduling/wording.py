"""Calendars and timings in sentences, as a payroll clerk says them."""

from __future__ import annotations

from datetime import date

from sync.models import PayCalendar, Timing
from sync.scheduling.business_days import Roll

LAST_DAY = 31


def calendar_sentence(calendar: PayCalendar) -> str:
    """The rule: "Every two weeks on Friday. On a weekend or holiday (US), the business day before."."""
    moved = {
        Roll.BEFORE: "the business day before",
        Roll.AFTER: "the business day after",
        Roll.NONE: "the same day all the same",
    }
    closed = f"a weekend or a holiday ({place})" if (place := holidays_of(calendar)) else "a weekend or a holiday"
    return f"{_days_of(calendar)}. When that is {closed}: {moved[Roll(calendar.roll)]}."


def holidays_of(calendar: PayCalendar) -> str:
    """Whose public holidays count: "US MI"; empty for nobody's."""
    return f"{calendar.country} {calendar.subdivision}".strip()


def timing_sentence(timing: Timing) -> str:
    """When it starts: "06:00, 1 business day before each pay date of Biweekly (America/Detroit)"."""
    if timing.kind == Timing.Kind.CRON:
        return f"By the cron expression “{timing.cron}” ({timing.time_zone})"
    assert timing.at is not None
    return f"{timing.at:%H:%M}, {distance(timing.offset_days)} of {timing.calendar} ({timing.time_zone})"


def distance(days: int) -> str:
    """So many business days from the pay dates: "2 business days before each pay date"."""
    if not days:
        return "on each pay date"
    number = "1 business day" if abs(days) == 1 else f"{abs(days)} business days"
    return f"{number} {'after' if days > 0 else 'before'} each pay date"


def _days_of(calendar: PayCalendar) -> str:
    match calendar.rule:
        case PayCalendar.Rule.WEEKLY:
            return f"Every {_weekday(calendar.anchor)}"
        case PayCalendar.Rule.BIWEEKLY:
            return f"Every two weeks on {_weekday(calendar.anchor)}, among them {calendar.anchor:%d %b %Y}"
        case PayCalendar.Rule.SEMIMONTHLY:
            return f"Twice a month, on {_day(calendar.first_day)} and {_day(calendar.second_day)}"
        case PayCalendar.Rule.MONTHLY:
            return f"Every month on {_day(calendar.first_day)}"
    return "On dates of its own"


def _weekday(anchor: date | None) -> str:
    return f"{anchor:%A}"


def _day(number: int | None) -> str:
    return "the last day" if number == LAST_DAY else f"day {number}"
