"""Local wall time in a time zone of the IANA database, to and from aware UTC instants. Pure.

A wall time that a clock change leaves out means the first instant after the gap; one that comes twice means the first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sync.scheduling.refusing import ScheduleError

ONE_SECOND = timedelta(seconds=1)


def zone_named(name: str) -> ZoneInfo:
    """The zone. Raises ScheduleError (time_zone) where there is none of this name."""
    try:
        return ZoneInfo(name)
    # A folder of the database ("America") and a path out of it are no zones either.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(
            "time_zone", f"“{name}” is no time zone. Choose one from the list, such as America/New_York."
        ) from None


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant at which clocks in ``zone`` show the naive ``local``, as the module defines it."""
    return instant_at(local.date(), local.time(), zone)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant at which clocks in ``zone`` show this time on this day, as the module defines it."""
    wall = datetime.combine(day, at, tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _end_of_gap(wall.replace(fold=1).astimezone(UTC), instant, zone)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The date that calendars in ``zone`` show at this aware instant."""
    return instant.astimezone(zone).date()


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant with the new offset, of which there is one between these two."""
    new = after.astimezone(zone).utcoffset()
    while after - before > ONE_SECOND:
        middle = before + (after - before) // ONE_SECOND // 2 * ONE_SECOND
        if middle.astimezone(zone).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after
