"""Setting up calendars and timings: one call per act, each with its audit entry. Clocks follow in the same transaction.

Every one raises ValidationError naming the field, with a sentence for staff, and then has changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.record import Entry, record
from sync.models import CalendarDay, Flow, PayCalendar, Timing
from sync.scheduling.calendar_files import MOST_DATES, YEARS, holidays_in, pay_dates_in
from sync.scheduling.clocks import business_days_of, check_gap, clock_of, rule_of, timings_to_read, zone_of
from sync.scheduling.cron import shortest_gap
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.schedules import drop_schedule, wind_timings
from sync.scheduling.wall_time import local_date
from sync.scheduling.wording import holidays_of

CALENDAR_FIELDS = (
    "name",
    "rule",
    "anchor",
    "first_day",
    "second_day",
    "roll",
    "country",
    "subdivision",
    "time_zone",
)
NEEDED = {
    PayCalendar.Rule.WEEKLY: ("anchor",),
    PayCalendar.Rule.BIWEEKLY: ("anchor",),
    PayCalendar.Rule.SEMIMONTHLY: ("first_day", "second_day"),
    PayCalendar.Rule.MONTHLY: ("first_day",),
    PayCalendar.Rule.CUSTOM: (),
}
"""Which fields a rule needs. Those it does not need are emptied."""

TIMING_FIELDS = ("kind", "calendar", "offset_days", "at", "cron", "time_zone")
MOST_TIMINGS = 20
"""Timings of one flow."""

Kind = CalendarDay.Kind


def create_calendar(values: Mapping[str, Any], *, now: datetime) -> PayCalendar:
    """A calendar with these values (names of CALENDAR_FIELDS). One of dates of its own has none yet."""
    calendar = PayCalendar()
    _take(calendar, values, CALENDAR_FIELDS)
    with transaction.atomic():
        _check_calendar(calendar)
        calendar.save()
        _record("calendar.created", "calendar", calendar, now, after=_calendar_shown(calendar))
    return calendar


def change_calendar(calendar: PayCalendar, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards the calendar has these values, and whatever is tied to it starts by them."""
    with transaction.atomic():
        current = _locked(calendar)
        before = _calendar_shown(current)
        _take(current, values, CALENDAR_FIELDS)
        _check_calendar(current)
        after = _calendar_shown(current)
        if changed := {name for name in {*before, *after} if before.get(name) != after.get(name)}:
            current.save()
            _follow(current, now)
            sides = [{name: side.get(name) for name in sorted(changed)} for side in (before, after)]
            _record("calendar.changed", "calendar", current, now, before=sides[0], after=sides[1])
    calendar.refresh_from_db()


def remove_calendar(calendar: PayCalendar, *, now: datetime) -> None:
    """Afterwards it is gone. Refused while something is tied to it."""
    with transaction.atomic():
        current = _locked(calendar)
        tied = [str(timing.flow) for timing in timings_to_read().filter(calendar=current)]
        tied += [str(expectation.integration) for expectation in current.expectations.select_related("integration")]
        if tied:
            raise ValidationError(f"Still tied to this calendar: {', '.join(sorted(set(tied)))}. Remove that first.")
        _record("calendar.removed", "calendar", current, now, before=_calendar_shown(current))
        current.delete()


def import_days(calendar: PayCalendar, kind: str, data: bytes, *, now: datetime) -> int:
    """Afterwards the calendar also has the days of the file (CSV or iCalendar), a day it has already with the file's
    name; returns how many days the file has. Of a file with one bad line nothing is kept."""
    zone = zone_of(calendar)
    today = local_date(now, zone)
    with _refusing(data="file"):
        if kind == Kind.PAY_DATE:
            days = dict.fromkeys(pay_dates_in(data, today, zone), "")
        else:
            days = holidays_in(data, today, zone)
    with transaction.atomic():
        _add(calendar, kind, days, now)
        detail = {"kind": kind, "rows": len(days), "since": min(days).isoformat(), "until": max(days).isoformat()}
        _record("calendar.imported", "calendar", calendar, now, detail=detail)
    return len(days)


def add_day(calendar: PayCalendar, kind: str, day: date, name: str = "", *, now: datetime) -> None:
    """Afterwards the calendar has this day, under this name."""
    with transaction.atomic():
        _add(calendar, kind, {day: name}, now)
        _record("calendar.changed", "calendar", calendar, now, after={"kind": kind, "day": day.isoformat()})


def remove_day(day: CalendarDay, *, now: datetime) -> None:
    """Afterwards the calendar says nothing of this day any more."""
    with transaction.atomic():
        calendar = _locked(day.calendar)
        shown = {"kind": day.kind, "day": day.day.isoformat()}
        day.delete()
        _follow(calendar, now)
        _record("calendar.changed", "calendar", calendar, now, before=shown)


def add_timing(flow: Flow, values: Mapping[str, Any], *, now: datetime) -> Timing:
    """Afterwards the flow also starts by this rule (names of TIMING_FIELDS), from its first occurrence after ``now``
    on. Without a time zone it is the calendar's."""
    timing = Timing(flow=flow)
    with transaction.atomic():
        Flow.objects.select_for_update().get(pk=flow.pk)
        if flow.timings.count() >= MOST_TIMINGS:
            raise ValidationError(f"A flow has at most {MOST_TIMINGS} timings. Remove one first.")
        _take(timing, values, TIMING_FIELDS)
        _check_timing(timing)
        timing.save()
        wind_timings([timing.pk], now=now)
        _record("timing.created", "timing", timing, now, after=_timing_shown(timing))
    timing.refresh_from_db(fields=["next_at", "nominal"])
    return timing


def change_timing(timing: Timing, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards the flow starts by this rule instead. A slot whose time has come already is still started."""
    with transaction.atomic():
        current = timings_to_read().select_for_update(of=("self",)).get(pk=timing.pk)
        before = _timing_shown(current)
        _take(current, values, TIMING_FIELDS)
        _check_timing(current)
        after = _timing_shown(current)
        if changed := [name for name in after if before[name] != after[name]]:
            current.save()
            wind_timings([current.pk], now=now)
            sides = [{name: side[name] for name in changed} for side in (before, after)]
            _record("timing.changed", "timing", current, now, before=sides[0], after=sides[1])
    timing.refresh_from_db()


def remove_timing(timing: Timing, *, now: datetime) -> None:
    """Afterwards the flow does not start by this rule any more. Runs it started stay."""
    with transaction.atomic():
        current = timings_to_read().select_for_update(of=("self",)).get(pk=timing.pk)
        drop_schedule(current)
        _record("timing.removed", "timing", current, now, before=_timing_shown(current))
        current.delete()


def _take(row: PayCalendar | Timing, values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := set(values) - set(known):
        raise ValidationError(dict.fromkeys(unknown, "This cannot be set here."))
    for name, value in values.items():
        setattr(row, name, value)


def _check_calendar(calendar: PayCalendar) -> None:
    for name in {"anchor", "first_day", "second_day"} - set(NEEDED.get(PayCalendar.Rule(calendar.rule), ())):
        setattr(calendar, name, None)
    calendar.country, calendar.subdivision = calendar.country.upper(), calendar.subdivision.upper()
    calendar.clean_fields()
    with _refusing(worked="day", own="day"):
        business_days_of(calendar)
        if calendar.rule != PayCalendar.Rule.CUSTOM:  # its dates come after it
            rule_of(calendar)
    calendar.full_clean()


def _check_timing(timing: Timing) -> None:
    if timing.kind == Timing.Kind.CRON:
        timing.calendar, timing.at, timing.offset_days = None, None, 0
    else:
        timing.cron = ""
        for name in ("calendar", "at"):
            if getattr(timing, name) is None:
                raise ValidationError({name: "Choose a pay calendar." if name == "calendar" else "Enter the time."})
    if timing.calendar is not None and not timing.time_zone:
        timing.time_zone = timing.calendar.time_zone
    timing.full_clean()
    with _refusing(dates="calendar", country="calendar", subdivision="calendar", own="calendar", worked="calendar"):
        clock_of(timing)
        if timing.cron:
            check_gap(timing.flow.integration, "cron", shortest_gap(timing.cron))
    meant = {name: getattr(timing, name) for name in TIMING_FIELDS}
    if Timing.objects.filter(flow=timing.flow, **meant).exclude(pk=timing.pk).exists():
        raise ValidationError("The flow has this timing already.")


def _add(calendar: PayCalendar, kind: str, days: Mapping[date, str], now: datetime) -> None:
    if kind == Kind.PAY_DATE and calendar.rule != PayCalendar.Rule.CUSTOM:
        raise ValidationError({"kind": "Only a calendar with dates of its own has pay dates to enter."})
    current = _locked(calendar)
    rows = [CalendarDay(calendar=current, kind=kind, day=day, name=name) for day, name in days.items()]
    for row in rows:
        row.clean_fields()
        if row.day.year not in YEARS:
            raise ValidationError({"day": f"Enter a date between {YEARS[0]} and {YEARS[-1]}."})
    CalendarDay.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["calendar", "kind", "day"], update_fields=["name"]
    )
    if current.days.filter(kind=kind).count() > MOST_DATES:
        raise ValidationError(f"A calendar holds at most {MOST_DATES:,} dates of a kind. Remove old ones first.")
    with _refusing(worked="day", own="day"):
        business_days_of(_locked(calendar))
    _follow(current, now)


def _locked(calendar: PayCalendar) -> PayCalendar:
    """The calendar as it is now, with its days, locked: its days change one act after the other."""
    return PayCalendar.objects.select_for_update().prefetch_related("days").get(pk=calendar.pk)


def _follow(calendar: PayCalendar, now: datetime) -> None:
    wind_timings(list(calendar.timings.values_list("pk", flat=True)), now=now)


@contextmanager
def _refusing(**elsewhere: str) -> Iterator[None]:
    """What a pure module refuses, as ValidationError of the field; ``elsewhere`` renames fields."""
    try:
        yield
    except ScheduleError as error:
        raise ValidationError({elsewhere.get(error.field, error.field): str(error)}) from None


def _calendar_shown(calendar: PayCalendar) -> dict[str, Any]:
    needed = NEEDED[PayCalendar.Rule(calendar.rule)]
    return {
        "name": calendar.name,
        "rule": calendar.rule,
        **{name: _text(getattr(calendar, name)) for name in needed},
        "roll": calendar.roll,
        "holidays_of": holidays_of(calendar),
        "time_zone": calendar.time_zone,
    }


def _timing_shown(timing: Timing) -> dict[str, Any]:
    return {
        "kind": timing.kind,
        "calendar": str(timing.calendar or ""),
        "offset_days": timing.offset_days,
        "local_time": _text(timing.at),
        "cron": timing.cron,
        "time_zone": timing.time_zone,
    }


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | time) else value


def _record(verb: str, kind: str, subject: PayCalendar | Timing, now: datetime, **values: Any) -> None:
    entry = Entry(
        action=verb, subject_kind=kind, subject_id=str(subject.pk), subject_label=str(subject)[:200], **values
    )
    record([entry], at=now)
