"""Pay dates and holidays out of a file: CSV, or an iCalendar file. Pure. A file with one bad line gives nothing.

CSV has a column ``date`` (2026-12-24 and no other way of writing it, since 01/02/2026 is two days) and may have a
column ``name``; other columns are not read. A date that comes twice is one; it keeps the first name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date
from zoneinfo import ZoneInfo

from sync.scheduling.calendar_events import Event, events_of
from sync.scheduling.refusing import ScheduleError

FILE_BYTES = 1_000_000
MOST_DATES = 5_000
YEARS = range(1900, 2101)
NAME_LENGTH = 120

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def pay_dates_in(data: bytes, today: date, zone: ZoneInfo) -> tuple[date, ...]:
    """The dates in order. An event of several days is refused: it does not say on which of them is paid.

    What repeats is followed from a year before ``today`` to ten years after it. An event at a time has the date that is
    written there, in UTC the date it is in ``zone``. Raises ScheduleError (file), naming the line or the event.
    """
    return tuple(_collected(data, today, zone, several_days=False))


def holidays_in(data: bytes, today: date, zone: ZoneInfo) -> dict[date, str]:
    """The dates in order with their names, up to 120 characters; every day of an event of several days.

    Otherwise as ``pay_dates_in``.
    """
    return _collected(data, today, zone, several_days=True)


def _collected(data: bytes, today: date, zone: ZoneInfo, *, several_days: bool) -> dict[date, str]:
    text = _text(data)
    if text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        found = _of_events(events_of(text, today, zone), several_days=several_days)
    else:
        found = _of_lines(text)
    names: dict[date, str] = {}
    for count, (place, day, name) in enumerate(found, 1):
        if day.year not in YEARS:
            raise _refused(f"{place}: {day} is not between {YEARS[0]} and {YEARS[-1]}.")
        names[day] = names.get(day) or _plain(name)
        if count > MOST_DATES:
            raise _refused(f"The file has more than {MOST_DATES:,} dates.")
    if not names:
        raise _refused("There are no dates in the file.")
    return dict(sorted(names.items()))


def _text(data: bytes) -> str:
    if len(data) > FILE_BYTES:
        raise _refused(f"The file is larger than {FILE_BYTES // 1_000_000} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(f"Line {line}: this is not UTF-8. Save the file as “CSV UTF-8”.") from None


def _of_lines(text: str) -> Iterator[tuple[str, date, str]]:
    """Place, date and name of every line below the header; empty lines are none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if header.count("date") != 1:
            raise _refused("Line 1: the file must have one column named “date”, as its first line says.")
        for row in reader:
            if any(cell.strip() for cell in row):
                place = f"Line {reader.line_num}"
                if len(row) > len(header):
                    raise _refused(f"{place}: there are more cells than columns. Put a name with a comma in quotes.")
                cells = dict(zip(header, row, strict=False))
                yield place, _date(place, cells["date"].strip() if "date" in cells else ""), cells.get("name", "")
    except csv.Error:
        raise _refused(f"Line {reader.line_num}: this cannot be read as CSV.") from None


def _date(place: str, cell: str) -> date:
    try:
        if ISO_DATE.fullmatch(cell):
            return date.fromisoformat(cell)
    except ValueError:
        pass
    raise _refused(f"{place}: “{cell[:30]}” is no date. Write the year, month and day as in 2026-12-24.")


def _of_events(events: Iterable[Event], *, several_days: bool) -> Iterator[tuple[str, date, str]]:
    for event in events:
        if len(event.days) > 1 and not several_days:
            raise _refused(f"{event.place} lasts several days. Enter every pay date as an event of its own.")
        for day in event.days:
            yield event.place, day, event.name


def _plain(name: str) -> str:
    return "".join(sign for sign in " ".join(name.split()) if sign.isprintable())[:NAME_LENGTH]


def _refused(sentence: str) -> ScheduleError:
    return ScheduleError("file", f"{sentence} Nothing was imported.")
