"""After an outage: every slot of a timing starts once, oldest first; polling makes up for it all with one run."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from sync.models import CalendarDay, PayCalendar, Run, Slot, Timing
from sync.runs import request_run
from sync.scheduling import starting
from sync.scheduling.clocks import clock_of, timings_to_read
from sync.scheduling.configuring import add_day, add_timing, create_calendar, import_days
from sync.scheduling.occurrences import preview
from tests.sync.scheduling.clockwork import DETROIT, Clockwork, utc, wound

MONDAY = utc("2026-03-02 09:00")


@pytest.fixture
def acme() -> Clockwork:
    return wound()


def outage_ends(acme: Clockwork, now: datetime, minutes: int = 30) -> list[Run]:
    """The scheduler looks again, and goes on looking every half minute."""
    started = []
    for half_minutes in range(2 * minutes):
        started += acme.turn(now + timedelta(seconds=30 * half_minutes + 1))
    return started


def test_after_three_hours_each_pay_slot_fires_once_and_polling_collapses(acme: Clockwork) -> None:
    hourly = acme.cron_timing("0 * * * *", MONDAY)  # 10:00, 11:00, 12:00 UTC pass unnoticed
    acme.poll_every(15, MONDAY)
    acme.turn(MONDAY)
    back = MONDAY + timedelta(hours=3, minutes=20)
    started = outage_ends(acme, back, minutes=5)

    slots = acme.slots(hourly)
    assert [slot.due_at for slot in slots] == [utc(f"2026-03-02 {hour}:00") for hour in (10, 11, 12)]
    assert {slot.state for slot in slots} == {Slot.State.CAUGHT_UP}
    assert [slot.run_id for slot in slots] == sorted(run.pk for run in started if run.flow_id == acme.payroll.pk)
    assert len([run for run in started if run.flow_id == acme.flow.pk]) == 1
    with acme.scope():
        acme.flow.refresh_from_db()
    assert acme.flow.next_run_at == utc("2026-03-02 12:30")  # on the quarter hours, as before


def test_slots_that_wait_for_each_other_keep_their_order(acme: Clockwork) -> None:
    """The runs take three minutes each: the next slot waits, and never do two run at once."""
    hourly = acme.cron_timing("0 * * * *", MONDAY)
    now, running = MONDAY + timedelta(hours=4, minutes=10), []
    for _ in range(60):
        now += timedelta(seconds=30)
        running += acme.turn(now, ended=False)
        assert len(acme.runs(state__in=Run.ACTIVE)) <= 1
        if running and now - running[-1].created_at > timedelta(minutes=3):
            acme.finish(running.pop(), now)
    slots = acme.slots(hourly)
    assert [slot.due_at.hour for slot in slots] == [10, 11, 12, 13]
    assert [slot.run_id for slot in slots] == sorted(slot.run_id or 0 for slot in slots)


def test_a_slot_the_watch_called_missed_becomes_caught_up(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    due = utc("2026-03-12 10:00")
    with acme.scope():
        Slot.objects.create(timing=timing, due_at=due, nominal=timing.nominal, state=Slot.State.MISSED)
    [run] = acme.turn(due + timedelta(hours=1))
    [slot] = acme.slots(timing)
    assert (slot.state, slot.run) == (Slot.State.CAUGHT_UP, run)


def test_a_slot_that_was_started_is_never_started_again(acme: Clockwork) -> None:
    """Even if the clock were set back."""
    timing = acme.friday_timing(MONDAY)
    due = utc("2026-03-12 10:00")
    acme.turn(due)
    with acme.scope():
        Timing.objects.filter(pk=timing.pk).update(next_at=due, nominal=date(2026, 3, 13))
        assert starting.start_slot(timing.pk, due, now=due) is None
        timing.refresh_from_db()
    assert timing.next_at == utc("2026-03-26 10:00")
    assert len(acme.runs()) == 1


def test_a_worker_that_dies_between_start_and_run_leaves_a_run_to_be_swept(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    [run] = acme.turn(utc("2026-03-12 10:00"), ended=False)
    assert run.state == Run.State.SCHEDULED
    assert [slot.run_id for slot in acme.slots(timing)] == [run.pk]


def tied(acme: Clockwork, calendar: dict[str, object], now: datetime, offset: int = 0) -> Timing:
    with acme.scope():
        made = create_calendar({"name": "Own", "time_zone": DETROIT, **calendar}, now=now)
        values = {"kind": Timing.Kind.CALENDAR, "calendar": made, "at": time(6), "offset_days": offset}
        return add_timing(acme.payroll, values, now=now)


def test_the_last_day_of_february_in_a_leap_year(acme: Clockwork) -> None:
    monthly = {"rule": PayCalendar.Rule.MONTHLY, "first_day": 29, "roll": PayCalendar.Roll.NONE}
    timing = tied(acme, monthly, utc("2028-02-01 00:00"))
    assert timing.next_at == utc("2028-02-29 11:00")
    acme.turn(utc("2028-02-29 11:00"))
    with acme.scope():
        timing.refresh_from_db()
    assert timing.next_at == utc("2028-03-29 10:00")


def test_a_calendar_whose_dates_end_has_no_schedule_until_there_are_more(acme: Clockwork) -> None:
    with acme.scope():
        calendar = create_calendar({"name": "Own", "rule": PayCalendar.Rule.CUSTOM, "time_zone": DETROIT}, now=MONDAY)
        add_day(calendar, CalendarDay.Kind.PAY_DATE, date(2026, 3, 13), now=MONDAY)
        values = {"kind": Timing.Kind.CALENDAR, "calendar": calendar, "at": time(6)}
        timing = add_timing(acme.payroll, values, now=MONDAY)
    assert len(acme.turn(utc("2026-03-13 10:00"))) == 1
    assert acme.schedules() == []
    with acme.scope():
        import_days(calendar, CalendarDay.Kind.PAY_DATE, b"date\n2026-03-31\n2026-04-15\n", now=utc("2026-03-20 00:00"))
        timing.refresh_from_db()
    assert timing.next_at == utc("2026-03-31 10:00")
    assert len(acme.schedules()) == 1


def test_a_holiday_that_is_entered_later_moves_what_has_not_started(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    assert timing.calendar is not None
    with acme.scope():
        add_day(timing.calendar, CalendarDay.Kind.HOLIDAY, date(2026, 3, 13), "Founder's day", now=MONDAY)
        timing.refresh_from_db()
        assert timing.next_at == utc("2026-03-11 10:00")
        [first, *_] = preview(clock_of(timings_to_read().get(pk=timing.pk)), MONDAY)
    assert first.note == "moved from Fri 13 Mar: Founder's day"
    acme.turn(utc("2026-03-11 10:00"))
    [slot] = acme.slots(timing)
    assert (slot.pay_date, slot.note) == (date(2026, 3, 12), first.note)


def test_a_holiday_that_is_entered_too_late_does_not_take_a_slot_back(acme: Clockwork) -> None:
    """Its time had come, workers were down, somebody edits the calendar: it is caught up all the same."""
    timing = acme.friday_timing(MONDAY)
    assert timing.calendar is not None
    late = utc("2026-03-12 12:00")
    with acme.scope():
        add_day(timing.calendar, CalendarDay.Kind.HOLIDAY, date(2026, 3, 13), "Founder's day", now=late)
    assert len(acme.turn(late)) == 1
    assert [slot.due_at for slot in acme.slots(timing)] == [utc("2026-03-12 10:00")]


def test_a_whole_year_each_slot_once_at_local_wall_time(acme: Clockwork) -> None:
    """A scheduler that looks every half hour, through both changes of the clocks: 26 pay dates, 26 slots, at 06:00."""
    timing = acme.friday_timing(utc("2026-01-01 06:00"))
    now = utc("2026-01-01 06:00")
    while now < utc("2027-01-01 06:00"):
        if any(schedule.next_run < now for schedule in acme.schedules()):
            acme.turn(now)
        now += timedelta(hours=6)
    slots = acme.slots(timing)
    with acme.scope():
        expected = preview(clock_of(timings_to_read().get(pk=timing.pk)), utc("2026-01-01 06:00"), 40)
    assert [slot.due_at for slot in slots] == [one.due for one in expected if one.due < utc("2027-01-01 00:00")]
    assert len(slots) == 26
    assert {one.local.time() for one in expected} == {time(6)}


def test_a_person_who_runs_it_meanwhile_makes_the_slot_wait(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    due = utc("2026-03-12 10:00")
    with acme.scope():
        request_run(acme.payroll, Run.Kind.FULL, now=due)
    for minute in range(3 * 60):
        acme.turn(due + timedelta(minutes=minute, seconds=5))
    assert acme.slots(timing) == []
    with acme.scope():
        timing.refresh_from_db()
    assert timing.next_at == due  # overdue, for the watch to see
    assert len(acme.schedules()) == 1
