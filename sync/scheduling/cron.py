"""Cron expressions of five fields, kept at local wall time. Pure.

An expression names wall times; each means one instant, as ``wall_time`` defines it. So a job at 02:30 runs once on the
day that has no 02:30, at 03:00, and once on the day that has two; one every hour skips the hour that comes again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_of

PARTS = ("minute", "hour", "day-of-month", "month", "day-of-week")
LONGEST = 100
A_DAY = 24 * 60
ANY_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall time; the first day of a leap year
DAYS_REPEAT = ANY_DAY + timedelta(days=28 * 366)
"""By then every day of the month has fallen on every day of the week, 29 February too."""


def check_cron(expression: str) -> None:
    """Raises ScheduleError (cron), naming the part, unless it is five fields that some day matches."""
    parts = expression.split()
    if len(parts) != len(PARTS) or len(expression) > LONGEST:
        raise ScheduleError(
            "cron",
            "A cron expression has five parts: minute, hour, day of the month, month, day of the week. "
            "For example “30 6 * * 1-5” is 06:30 from Monday to Friday.",
        )
    try:
        found = next(CronSim(expression, ANY_DAY), None)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        part, words = parts[PARTS.index(name)], name.replace("-of-", " of the ")
        raise ScheduleError("cron", f"“{part}” cannot be read as the {words}, or never comes.") from None
    if found is None:
        raise ScheduleError("cron", "No day ever matches this expression.")


def cron_after(expression: str, zone: ZoneInfo, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The UTC instants strictly after ``instant`` in order, each with the naive wall time that was asked for.

    Wall times that mean the same instant are given once, by the first of them. Raises ScheduleError as ``check_cron``.
    """
    check_cron(expression)
    latest = instant
    for wall in CronSim(expression, instant.astimezone(zone).replace(tzinfo=None)):
        due = instant_of(wall, zone)
        if due > latest:
            yield due, wall
            latest = due


def shortest_gap(expression: str) -> timedelta:
    """The shortest time between two occurrences by the clock on the wall, on any day of any year.

    On the one day of a year when clocks go forward it can be shorter by what they skip. Raises ScheduleError as
    ``check_cron``.
    """
    check_cron(expression)
    cron = CronSim(expression, ANY_DAY)
    minutes = [hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    within = min((after - before for before, after in pairwise(minutes)), default=A_DAY)
    overnight = A_DAY - minutes[-1] + minutes[0]
    if overnight < within and _has_two_days_running(expression):
        return timedelta(minutes=overnight)
    return timedelta(minutes=within)


def _has_two_days_running(expression: str) -> bool:
    every = CronSim(" ".join(["0", "0", *expression.split()[2:]]), ANY_DAY)
    days = takewhile(lambda day: day < DAYS_REPEAT, every)
    return any(after - before == timedelta(days=1) for before, after in pairwise(days))
