"""Cron expressions of flows that read everything anyway: one run for all that was missed, never sooner than allowed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError

from sync.models import CalendarDay, PayCalendar, Run, Slot, Timing
from sync.runs import request_run
from sync.scheduling.clocks import timings_to_read
from sync.scheduling.configuring import add_day, import_days
from sync.scheduling.upcoming import next_pay_days, next_starts, trouble_with
from tests.sync.scheduling.clockwork import Clockwork, utc, wound

MONDAY = utc("2026-03-02 09:00")


@pytest.fixture
def acme() -> Clockwork:
    return wound()


def test_one_run_makes_up_for_three_days_of_quarter_hours(acme: Clockwork) -> None:
    timing = acme.cron_timing("*/15 * * * *", MONDAY, flow=acme.flow)
    back = MONDAY + timedelta(days=3, minutes=1)
    [run] = acme.turn(back)
    assert acme.turn(back + timedelta(minutes=2)) == []
    [slot] = acme.slots(timing)
    assert (slot.due_at, slot.state, slot.run) == (utc("2026-03-02 09:15"), Slot.State.CAUGHT_UP, run)
    assert slot.note == "also for any that came before it started"
    assert len(acme.turn(utc("2026-03-05 09:15"))) == 1


def test_the_timings_of_a_flow_together_keep_to_what_its_vendors_allow(acme: Clockwork) -> None:
    """Each by itself asks every five minutes at most; together they would ask every minute."""
    for minute in range(5):
        acme.cron_timing(f"{minute}-59/5 * * * *", MONDAY, flow=acme.flow)
    began = [run.created_at for minute in range(21) for run in acme.turn(MONDAY + timedelta(minutes=minute, seconds=5))]
    assert len(began) == 4
    assert all(later - earlier >= timedelta(minutes=5) for earlier, later in pairwise(began))


def test_runs_that_never_stop_coming_keep_no_timing_waiting(acme: Clockwork) -> None:
    """Announcements start one a minute, people as they like."""
    timing = acme.cron_timing("30 4 * * *", MONDAY, flow=acme.flow)
    for minute in range(40):
        now = MONDAY + timedelta(minutes=minute)
        with acme.scope():
            announced = request_run(acme.flow, Run.Kind.CHANGES, now=now, trigger="webhook")
            acme.finish(announced, now)
        acme.turn(now + timedelta(seconds=5))
    [slot] = acme.slots(timing)
    assert slot.run
    assert slot.run.created_at == utc("2026-03-02 09:30") + timedelta(seconds=5)


def test_a_file_that_closes_for_months_is_refused_and_changes_nothing(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    rows = "date\n" + "\n".join((date(2026, 4, 1) + timedelta(days=n)).isoformat() for n in range(75))
    assert timing.calendar is not None
    with acme.scope():
        with pytest.raises(ValidationError, match="More than 60 days in a row"):
            import_days(timing.calendar, CalendarDay.Kind.HOLIDAY, rows.encode(), now=MONDAY)
        assert not CalendarDay.objects.exists()


def test_a_day_beyond_all_calendars_is_refused(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    assert timing.calendar is not None
    for day in (date.min, date.max):
        with acme.scope(), pytest.raises(ValidationError, match="Enter a date between"):
            add_day(timing.calendar, CalendarDay.Kind.HOLIDAY, day, now=MONDAY)


def test_a_closure_that_came_otherwise_is_shown_where_it_can_be_mended(acme: Clockwork) -> None:
    """The pages of the calendar and its timing say what is wrong, however far ahead it is."""
    timing = acme.friday_timing(MONDAY)
    closed = [date(2027, 1, 4) + timedelta(days=n) for n in range(75)]
    with acme.scope():
        CalendarDay.objects.bulk_create(
            CalendarDay(calendar=timing.calendar, kind=CalendarDay.Kind.HOLIDAY, day=day) for day in closed
        )
        calendar = PayCalendar.objects.prefetch_related("days").get()
        assert "More than 60 days in a row" in trouble_with(calendar)
        assert next_pay_days(calendar, date(2026, 12, 1)) == []
        assert next_starts(timings_to_read().filter(pk=timing.pk), utc("2026-12-01 00:00")) == []
        assert Timing.objects.get().next_at == utc("2026-03-12 10:00")
