"""Every pay date gets its slot, once, whatever is edited when."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.configuring import pause_flow, resume_flow
from sync.models import CalendarDay, PayCalendar, Run, Slot, Timing
from sync.scheduling.clocks import timings_to_read
from sync.scheduling.configuring import add_day, change_calendar, change_timing, remove_day, remove_timing
from sync.scheduling.truing import Trued, true_clocks
from sync.watching.missing import note_missed
from tests.sync.scheduling.clockwork import Clockwork, utc, wound

MONDAY = utc("2026-03-02 09:00")
FRIDAY = date(2026, 3, 13)
"""Paid on this day, started the day before: 12 March, 10:00 UTC."""


@pytest.fixture
def acme() -> Clockwork:
    return wound()


def now_of(acme: Clockwork, timing: Timing) -> Timing:
    with acme.scope():
        return timings_to_read().get(pk=timing.pk)


def holiday(acme: Clockwork, timing: Timing, day: date, now: datetime) -> None:
    assert timing.calendar is not None
    with acme.scope():
        add_day(timing.calendar, CalendarDay.Kind.HOLIDAY, day, "Founder's day", now=now)


def no_holiday(acme: Clockwork, day: date, now: datetime) -> None:
    with acme.scope():
        remove_day(CalendarDay.objects.get(day=day), now=now)


def paid(acme: Clockwork, timing: Timing) -> list[tuple[date | None, str]]:
    return [(slot.nominal, slot.state) for slot in acme.slots(timing)]


def test_a_holiday_that_moves_a_start_into_the_past_starts_it_at_once(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    now = utc("2026-03-11 15:00")
    holiday(acme, timing, FRIDAY, now)  # now due on the 11th, 10:00
    [run] = acme.turn(now)
    [slot] = acme.slots(timing)
    assert (slot.nominal, slot.state, slot.run) == (FRIDAY, Slot.State.CAUGHT_UP, run)
    assert (slot.due_at, slot.pay_date) == (utc("2026-03-11 10:00"), date(2026, 3, 12))
    assert now_of(acme, timing).next_at == utc("2026-03-26 10:00")


def test_another_table_of_holidays_that_moves_a_start_into_the_past_starts_it_at_once(acme: Clockwork) -> None:
    """It came with an update: nobody edited anything, the hourly look finds it."""
    timing = acme.friday_timing(MONDAY)
    now = utc("2026-03-11 15:00")
    assert timing.calendar is not None
    with acme.scope():
        CalendarDay.objects.create(calendar=timing.calendar, kind=CalendarDay.Kind.HOLIDAY, day=FRIDAY)
        assert true_clocks(now=now) == Trued(clocks=1)
    assert len(acme.turn(now)) == 1
    assert paid(acme, timing) == [(FRIDAY, Slot.State.CAUGHT_UP)]


def test_an_earlier_time_or_day_that_has_passed_already_starts_at_once(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    with acme.scope():
        change_timing(timing, {"at": time(5)}, now=utc("2026-03-12 09:30"))
    assert len(acme.turn(utc("2026-03-12 09:30"))) == 1
    with acme.scope():
        change_timing(timing, {"offset_days": -5}, now=utc("2026-03-24 09:00"))
    assert len(acme.turn(utc("2026-03-24 09:00"))) == 1
    assert [nominal for nominal, _ in paid(acme, timing)] == [FRIDAY, date(2026, 3, 27)]


def test_a_holiday_that_is_removed_after_the_start_does_not_start_the_pay_date_again(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    holiday(acme, timing, FRIDAY, MONDAY)
    acme.turn(utc("2026-03-11 10:00"))
    no_holiday(acme, FRIDAY, utc("2026-03-11 15:00"))  # by the rule it is due tomorrow again
    assert now_of(acme, timing).next_at == utc("2026-03-26 10:00")
    assert acme.turn(utc("2026-03-12 10:00")) == []
    assert paid(acme, timing) == [(FRIDAY, Slot.State.STARTED)]


def test_nor_does_a_pause_in_between(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    holiday(acme, timing, FRIDAY, MONDAY)
    acme.turn(utc("2026-03-11 10:00"))
    with acme.scope():
        pause_flow(acme.payroll, "", now=utc("2026-03-11 14:00"))
    no_holiday(acme, FRIDAY, utc("2026-03-11 15:00"))
    with acme.scope():
        resume_flow(acme.payroll, now=utc("2026-03-11 16:00"))
    assert acme.turn(utc("2026-03-12 10:00")) == []
    assert paid(acme, timing) == [(FRIDAY, Slot.State.STARTED)]
    assert now_of(acme, timing).next_at == utc("2026-03-26 10:00")


def test_a_calendar_that_could_not_be_used_for_a_while_is_caught_up(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    calendars = PayCalendar.objects
    with acme.scope():
        calendars.update(country="XX")
        true_clocks(now=utc("2026-03-11 10:00"))
        assert Timing.objects.get().next_at is None
        calendars.update(country="US")
        true_clocks(now=utc("2026-03-13 10:00"))
    assert len(acme.turn(utc("2026-03-13 10:00"))) == 1
    assert paid(acme, timing) == [(FRIDAY, Slot.State.CAUGHT_UP)]


def test_a_pay_date_that_is_taken_out_and_one_before_it_each_have_their_slot(acme: Clockwork) -> None:
    """The rule changes while the start of the old pay date is due: that one stays, and the new one comes too."""
    timing = acme.friday_timing(MONDAY)
    late = utc("2026-03-12 12:00")
    with acme.scope():
        assert timing.calendar is not None
        change_calendar(timing.calendar, {"anchor": date(2026, 3, 20)}, now=late)
    assert len(acme.turn(late)) == 1
    assert len(acme.turn(utc("2026-03-19 10:00"))) == 1
    assert paid(acme, timing) == [(FRIDAY, "caught_up"), (date(2026, 3, 20), "started")]


def test_pay_dates_that_are_started_together_each_have_their_slot(acme: Clockwork) -> None:
    """A closure moves two pay dates to one day. When it is called off, neither comes again."""
    timing = acme.friday_timing(MONDAY)
    for number in range(-4, 15):
        holiday(acme, timing, FRIDAY + timedelta(days=number), MONDAY)
    due = now_of(acme, timing).next_at
    assert due is not None
    [run] = acme.turn(due)
    slots = acme.slots(timing)
    assert {(slot.nominal, slot.run) for slot in slots} == {(FRIDAY, run), (date(2026, 3, 27), run)}
    with acme.scope():
        for day in CalendarDay.objects.all():
            remove_day(day, now=due + timedelta(hours=1))
    assert now_of(acme, timing).next_at == utc("2026-04-09 10:00")


def test_a_slot_that_was_missed_before_a_pause_is_passed_by(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    with acme.scope():
        with transaction.atomic():
            note_missed(utc("2026-03-12 10:30"))
        assert Slot.objects.get().state == Slot.State.MISSED
        pause_flow(acme.payroll, "", now=utc("2026-03-12 10:40"))
        resume_flow(acme.payroll, now=utc("2026-03-12 10:41"))
    assert acme.turn(utc("2026-03-12 10:45")) == []
    [slot] = acme.slots(timing)
    assert (slot.state, slot.note) == (Slot.State.PASSED, "The flow was paused.")
    assert slot.settled_at == utc("2026-03-12 10:40")


days = st.dates(date(2026, 3, 2), date(2026, 5, 1))
edits = st.one_of(
    st.tuples(st.just("holiday"), days),
    st.tuples(st.just("no holiday"), days),
    st.tuples(st.just("roll"), st.sampled_from(["before", "after", "none"])),
    st.tuples(st.just("offset_days"), st.integers(-8, 8)),
    st.tuples(st.just("at"), st.times().map(lambda at: at.replace(second=0, microsecond=0))),
    st.tuples(st.just("true"), st.none()),
    st.tuples(st.just("turn"), st.none()),
)
moments = st.lists(st.tuples(st.integers(0, 60 * 24 * 60), edits), max_size=12)
LAST = date(2026, 4, 24)


@given(acts=moments)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_pay_date_has_one_slot_whatever_is_edited_when(
    acme: Clockwork, acts: list[tuple[int, tuple[str, Any]]]
) -> None:
    """Pay dates by the rule since the timing was made: 13 and 27 March, 10 and 24 April. Holidays, roll, distance and
    time of day change at any moment, between looks of the scheduler that come at any moment."""
    timing = acme.friday_timing(MONDAY)
    for minute, (what, value) in sorted(acts, key=lambda act: act[0]):
        edit(acme, timing, what, value, MONDAY + timedelta(minutes=minute))
    for hours in range(6):
        acme.turn(utc("2026-06-01 00:00") + timedelta(hours=hours))
    nominals = sorted(slot.nominal for slot in acme.slots(timing) if slot.nominal and slot.nominal <= LAST)
    started = [slot.run_id for slot in acme.slots(timing)]
    with acme.scope():
        remove_timing(timing, now=utc("2026-06-02 00:00"))
        Run.objects.all().delete()
    # The pay date before the timing was made, when what belongs to it was put off until after that.
    nominals = nominals[1:] if nominals[:1] == [FRIDAY - timedelta(days=14)] else nominals
    assert nominals == [FRIDAY + timedelta(days=14 * n) for n in range(4)]
    assert all(started)


def edit(acme: Clockwork, timing: Timing, what: str, value: Any, now: datetime) -> None:
    with acme.scope():
        assert timing.calendar is not None
        match what:
            case "holiday":
                add_day(timing.calendar, CalendarDay.Kind.HOLIDAY, value, now=now)
            case "no holiday":
                for day in timing.calendar.days.filter(day__gte=value)[:1]:
                    remove_day(day, now=now)
            case "roll":
                change_calendar(timing.calendar, {"roll": value}, now=now)
            case "true":
                true_clocks(now=now)
            case "turn":
                acme.turn(now)
            case _:
                change_timing(timing, {what: value}, now=now)
