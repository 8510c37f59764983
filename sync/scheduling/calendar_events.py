"""The events of an iCalendar file (RFC 5545), each as often as it repeats. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import msgspec
from dateutil.rrule import rrulestr

from sync.scheduling.refusing import ScheduleError

A_YEAR = timedelta(days=366)
TEN_YEARS = timedelta(days=3653)
LONGEST_EVENT = 366
MOST_EVENTS = 5_000
MOST_REPEATING = 100
MOST_REPETITIONS = 50_000
"""So often may the events of a file repeat, all in all and counted from when they began: about a second's work."""
EARLIEST = date(1970, 1, 1)

FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
NARROWING = frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"})
PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", *NARROWING})
"""What a rule may say. Times of day are left out: dates are all that is wanted, and they multiply."""


class Event(msgspec.Struct, frozen=True):
    """``place`` names it in the file ("Event 3"); ``days`` are the local dates it covers, a single one mostly."""

    place: str
    days: tuple[date, ...]
    name: str


def events_of(text: str, today: date, zone: ZoneInfo) -> Iterator[Event]:
    """Every event that is not cancelled, and every repetition of it from a year before ``today`` to ten years after.

    A repetition that was moved is where it was moved to. An event at a time has the date written there, in UTC the date
    in ``zone``. Raises ScheduleError (file), naming the event, for what cannot be read or has no bounds.
    """
    _check_whole(text)
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except ValueError:
        raise _refused("The file cannot be read as an iCalendar file. Export it again.") from None
    components = [component for calendar in calendars for component in calendar.walk("VEVENT")]
    if len(components) > MOST_EVENTS:
        raise _refused(f"The file has more than {MOST_EVENTS:,} events.")
    if sum("RRULE" in component for component in components) > MOST_REPEATING:
        raise _refused(f"The file has more than {MOST_REPEATING} events that repeat.")
    read = [_Read(f"Event {n}", component, zone) for n, component in enumerate(components, 1)]
    moved: dict[str, set[date]] = defaultdict(set)
    for event in read:
        if event.replaces is not None:
            moved[event.uid].add(event.replaces)
    steps = iter(range(MOST_REPETITIONS))
    for event in read:
        if not event.cancelled:
            left_out = set() if event.replaces is not None else moved[event.uid]
            for day in event.starts(today, steps):
                if day not in left_out:
                    yield Event(event.place, event.days_from(day), event.name)


class _Read:
    """One VEVENT whose parts are what they should be."""

    def __init__(self, place: str, component: icalendar.Component, zone: ZoneInfo) -> None:
        self.place = place
        self._component = component
        self._zone = zone
        if component.errors:
            raise _refused(f"{place}: {component.errors[0][0] or 'one of its lines'} cannot be read.")
        self.uid = str(component.get("UID", ""))
        self.name = str(self._one("SUMMARY") or "")
        self.cancelled = str(component.get("STATUS", "")).upper() == "CANCELLED"
        self._start = self._moment("DTSTART")
        replaces = component.get("RECURRENCE-ID")
        self.replaces = None if replaces is None else self._date(self._moment("RECURRENCE-ID"))
        self.length = self._length()

    def starts(self, today: date, steps: Iterator[int]) -> Iterator[date]:
        """The local dates on which it begins. Each repetition, listed or not, takes one of ``steps``."""
        rule = self._one("RRULE")
        left_out = set(self._listed("EXDATE"))
        if rule is None:
            starts: Iterator[date] = iter([self._date(self._start)])
        else:
            starts = (day for day in self._repeated(rule, today + TEN_YEARS, steps) if day >= today - A_YEAR)
        yield from (day for day in starts if day not in left_out)
        yield from (day for day in self._listed("RDATE") if day not in left_out)

    def days_from(self, start: date) -> tuple[date, ...]:
        """The local dates it covers when it begins on this one."""
        if (date.max - start).days < self.length - 1:
            raise _refused(f"{self.place}: it goes beyond the year {date.max.year}.")
        return tuple(start + timedelta(days=n) for n in range(self.length))

    def _repeated(self, rule: Any, until: date, steps: Iterator[int]) -> Iterator[date]:
        """By the clock of DTSTART, so that an event at 23:00 keeps its date when clocks change."""
        self._check(rule)
        zone = self._start.tzinfo if isinstance(self._start, datetime) else None
        ends = [_wall(value, zone, time.max) for value in rule.get("UNTIL", [])]
        parts = ";".join(
            f"{name}={','.join(str(value) for value in _values(values))}"
            for name, values in rule.items()
            if name != "UNTIL"
        )
        last = min([*ends, datetime.combine(until, time.max)])
        nothing, too_many = True, False
        try:
            for wall in rrulestr(parts, dtstart=_wall(self._start, zone, time.min)):
                if wall > last:
                    break
                if too_many := next(steps, None) is None:
                    break
                nothing = False
                yield self._date(wall.replace(tzinfo=zone))
        # IndexError: the ninth Monday of a month.
        except (ValueError, IndexError):
            raise _refused(f"{self.place}: how it repeats (RRULE) cannot be read.") from None
        if too_many:
            raise _refused(
                f"{self.place}: by now the events repeat more than {MOST_REPETITIONS:,} times, counted from when they "
                "begin. Let them begin later, or leave some out."
            )
        if nothing:
            raise _refused(f"{self.place}: there is no day on which it repeats (RRULE).")

    def _check(self, rule: Any) -> None:
        frequency = str(_values(rule.get("FREQ"))[0]).upper() if rule.get("FREQ") else ""
        said = {name.upper() for name in rule}
        # What never matches is searched for up to the year 9999: day by day that takes seconds.
        searched = said & (NARROWING - {"BYDAY"}) if frequency in ("DAILY", "WEEKLY") else set()
        if frequency not in FREQUENCIES or said - PARTS or searched:
            raise _refused(
                f"{self.place}: it repeats (RRULE) in a way that is not known here. Enter its dates one by one."
            )
        # An interval of none never comes to an end.
        if any(int(value) < 1 for name in ("INTERVAL", "COUNT") for value in _values(rule.get(name, []))):
            raise _refused(f"{self.place}: how it repeats (RRULE) cannot be read.")
        if self._date(self._start) < EARLIEST:
            raise _refused(f"{self.place}: it begins before {EARLIEST.year}.")

    def _length(self) -> int:
        """Days it covers. One at a time of day has the date it begins on."""
        if isinstance(self._start, datetime):
            return 1
        if "DTEND" in self._component:
            days = (self._date(self._moment("DTEND")) - self._start).days
        elif "DURATION" in self._component and isinstance(length := self._one("DURATION").dt, timedelta):
            days = length.days
        else:
            return 1
        if not 0 <= days <= LONGEST_EVENT:
            raise _refused(f"{self.place}: it ends before it begins, or lasts longer than a year.")
        # Some programs write an end that is the day itself.
        return max(days, 1)

    def _one(self, name: str) -> Any:
        value = self._component.get(name)
        if isinstance(value, list):
            raise _refused(f"{self.place}: {name} is there more than once.")
        return value

    def _moment(self, name: str) -> date:
        """A date, or a datetime that is naive only where the file names no zone for it."""
        value = getattr(self._one(name), "dt", None)
        if not isinstance(value, date):
            raise _refused(f"{self.place}: {name} is missing or no date.")
        return value

    def _listed(self, name: str) -> Iterator[date]:
        """The dates of EXDATE or RDATE, which may be there several times."""
        value = self._component.get(name, [])
        for group in value if isinstance(value, list) else [value]:
            for listed in group.dts:
                if not isinstance(listed.dt, date):
                    raise _refused(f"{self.place}: {name} has something that is no date.")
                yield self._date(listed.dt)

    def _date(self, moment: date) -> date:
        if not isinstance(moment, datetime):
            return moment
        return (_by_clock_of(self._zone, moment) if _is_utc(moment.tzinfo) else moment).date()


def _check_whole(text: str) -> None:
    """What is begun must end: the library reads a file that was cut off as far as it goes."""
    begun: list[str] = []
    lines = re.split("\r?\n", text.rstrip())
    for number, line in enumerate(lines, 1):
        word, _, name = line.rstrip().upper().partition(":")
        if word == "BEGIN" and name not in begun:
            begun.append(name)
        elif word == "BEGIN" or (word == "END" and (not begun or begun.pop() != name)):
            raise _refused(f"Line {number}: {line.strip()[:30]} is not where it should be. Export the file again.")
    if begun:
        raise _refused(f"Line {len(lines)}: the file ends before END:{begun[-1][:20]}. Export it again.")


def _wall(moment: date, zone: tzinfo | None, otherwise: time) -> datetime:
    """The naive wall time in ``zone``; a date is at the time ``otherwise``."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, otherwise)
    return (_by_clock_of(zone, moment) if moment.tzinfo and zone else moment).replace(tzinfo=None)


def _by_clock_of(zone: tzinfo, moment: datetime) -> datetime:
    """The same instant there. At the ends of the calendar, where there may be none, the moment as it is: some programs
    write them for "always"."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _is_utc(zone: tzinfo | None) -> bool:
    return zone is not None and str(zone) == str(UTC)


def _values(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _refused(sentence: str) -> ScheduleError:
    return ScheduleError("file", f"{sentence} Nothing was imported.")
