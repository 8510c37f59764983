"""Three years of every kind of clock in many time zones: each occurrence once, when it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.scheduling.business_days import BusinessDays, Roll
from sync.scheduling.calendars import Custom, Monthly, Rule, SemiMonthly, Weekly
from sync.scheduling.occurrences import Clock, Cron, Occurrence, Polling, Tied, next_after, occurrences_after, preview
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_at

ZONES = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
]

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2029, 1, 1, tzinfo=UTC)
EVERY_DAY = [date(2025, 7, 1) + timedelta(days=n) for n in range(1500)]

SHUTDOWN = {date(2026, 12, 21) + timedelta(days=n): "Winter break" for n in range(12)}
DAYS = BusinessDays(country="US", own=SHUTDOWN, worked=frozenset({date(2026, 11, 11)}))
RULES: list[Rule] = [
    Weekly(7, date(2026, 6, 5)),
    Weekly(14, date(2027, 7, 2)),
    SemiMonthly(15, 31),
    SemiMonthly(1, 16),
    Monthly(30),
    Monthly(25),
    Custom((date(2026, 3, 8), date(2026, 7, 4), date(2027, 12, 31), date(2027, 12, 31), date(2028, 2, 29))),
]
OFFSETS_AND_TIMES = [(-2, time(6, 30)), (0, time(2, 30)), (1, time(0)), (-30, time(23, 45)), (30, time(1, 15))]


def timings(zone: str) -> Iterator[Tied]:
    for rule in RULES:
        for offset, at in OFFSETS_AND_TIMES:
            for roll in Roll:
                yield Tied(rule=rule, business_days=DAYS, roll=roll, offset_days=offset, at=at, zone=zone)


def until(end: datetime, clock: Clock, start: datetime) -> list[Occurrence]:
    return list(takewhile(lambda each: each.due < end, occurrences_after(clock, start)))


def nominal_days(rule: Rule) -> list[date]:
    """Day by day, without counting from any other."""

    def pays(day: date) -> bool:
        last = (day + timedelta(days=1)).day == 1
        match rule:
            case Weekly():
                return (day - rule.anchor).days % rule.days == 0
            case SemiMonthly():
                return day.day == rule.first_day or day.day == rule.second_day or (last and rule.second_day > day.day)
            case Monthly():
                return day.day == rule.day or (last and rule.day > day.day)
            case Custom():
                return day in rule.dates

    return [day for day in EVERY_DAY[80:-80] if pays(day)]


def by_hand(timing: Tied, worked: list[date]) -> dict[date, date]:
    """The local date on which each pay date has its occurrence, by the list of all business days."""
    found = {}
    for nominal in nominal_days(timing.rule):
        before = [day for day in worked if day <= nominal]
        after = [day for day in worked if day >= nominal]
        pay_date = {Roll.BEFORE: before[-1], Roll.AFTER: after[0], Roll.NONE: nominal}[timing.roll]
        n = timing.offset_days
        earlier, later = [day for day in worked if day < pay_date], [day for day in worked if day > pay_date]
        found[pay_date] = pay_date if n == 0 else later[n - 1] if n > 0 else earlier[n]
    return found


@pytest.fixture(scope="module")
def expected_dates() -> dict[tuple[str, int, str], set[date]]:
    """By rule, offset and roll; the zone makes no difference to dates."""
    worked = [day for day in EVERY_DAY if DAYS.is_business_day(day)]
    return {
        (str(timing.rule), timing.offset_days, timing.roll): set(by_hand(timing, worked).values())
        for timing in timings("UTC")
    }


@pytest.mark.parametrize("zone", ZONES)
def test_every_timing_comes_once_on_its_day_at_its_time(
    zone: str, expected_dates: dict[tuple[str, int, str], set[date]]
) -> None:
    for timing in timings(zone):
        found = until(END, timing, START)

        days = expected_dates[str(timing.rule), timing.offset_days, timing.roll]
        instants = {instant_at(day, timing.at, ZoneInfo(zone)) for day in days}
        assert [each.due for each in found] == sorted(due for due in instants if START < due < END)
        for each in found:
            assert each.due.tzinfo is UTC
            shown = each.local.replace(tzinfo=None)
            assert shown.time() == timing.at or (each.note and clocks_went_forward(each))
            assert timing.roll is Roll.NONE or DAYS.is_business_day(each.pay_date or date.min)
            assert DAYS.is_business_day(shown.date()) or (timing.roll is Roll.NONE and timing.offset_days == 0)


@pytest.mark.parametrize("zone", ZONES)
def test_wherever_one_starts_the_sequence_is_the_same(zone: str) -> None:
    crons = [Cron("30 2 * * *", zone), Cron("*/20 0-3 * 3,4,9-11 *", zone), Cron("0 7 L * *", zone)]
    clocks: list[Clock] = [*list(timings(zone))[::4], *crons, Polling(37 * 60, START)]
    for clock in clocks:
        found = until(START + timedelta(days=400), clock, START)
        assert all(before.due < after.due for before, after in pairwise(found))
        walked = [next_after(clock, before.due) for before in found[:-1]]
        assert walked == found[1:]
        for before, after in list(pairwise(found))[:: len(found) // 8 + 1]:
            middle = before.due + (after.due - before.due) / 2
            just_before = after.due - timedelta(microseconds=1)
            assert next_after(clock, middle) == next_after(clock, just_before) == after
        assert preview(clock, START, 5)[: len(found)] == found[:5]


def clocks_went_forward(occurrence: Occurrence) -> bool:
    """Whether the minute before it had another offset."""
    minute_before = (occurrence.due - timedelta(minutes=1)).astimezone(occurrence.local.tzinfo)
    return minute_before.utcoffset() != occurrence.local.utcoffset()


def test_missed_slots_of_polling_are_one() -> None:
    clock = Polling(15, datetime(2026, 11, 21, 8, 5, tzinfo=UTC))

    found = next_after(clock, datetime(2026, 11, 21, 17, 3, tzinfo=UTC))

    assert found is not None
    assert found.due == datetime(2026, 11, 21, 17, 5, tzinfo=UTC)
    assert next_after(clock, found.due).due == datetime(2026, 11, 21, 17, 20, tzinfo=UTC)  # type: ignore[union-attr]
    # before the anchor too
    assert next_after(clock, START).due == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rule", "roll", "at", "after", "due", "note"),
    [
        (Monthly(25), Roll.BEFORE, "06:30", "2028-12-01", "2028-12-22 11:30", "moved from Mon 25 Dec: Christmas Day"),
        (Monthly(29), Roll.AFTER, "06:30", "2026-03-03", "2026-03-30 10:30", "moved from Sun 29 Mar: weekend"),
        (Monthly(8), Roll.NONE, "02:30", "2026-03-02", "2026-03-08 07:00", "clocks leave out 02:30 on Sun 8 Mar"),
        (
            Custom((date(2026, 12, 24), date(2026, 12, 25))),
            Roll.BEFORE,
            "06:30",
            "2026-12-01",
            "2026-12-24 11:30",
            "moved from Fri 25 Dec: Christmas Day; also for Fri 25 Dec",
        ),
        (Monthly(20), Roll.BEFORE, "06:30", "2026-11-01", "2026-11-20 11:30", ""),
    ],
)
def test_what_was_moved_says_why(rule: Rule, roll: Roll, at: str, after: str, due: str, note: str) -> None:
    timing = Tied(
        rule=rule,
        business_days=BusinessDays(country="US"),
        roll=roll,
        offset_days=0,
        at=time.fromisoformat(at),
        zone="America/New_York",
    )

    found = next_after(timing, datetime.fromisoformat(after).replace(tzinfo=UTC))

    assert found is not None
    assert found.due == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert found.note == note


def test_a_calendar_of_single_dates_ends() -> None:
    timing = Tied(
        rule=Custom((date(2026, 12, 24), date(2027, 1, 7))),
        business_days=BusinessDays(),
        roll=Roll.BEFORE,
        offset_days=-1,
        at=time(6),
        zone="UTC",
    )

    assert [each.pay_date for each in preview(timing, START)] == [date(2026, 12, 24), date(2027, 1, 7)]
    assert next_after(timing, datetime(2027, 1, 6, 5, 59, tzinfo=UTC)) is not None
    assert next_after(timing, datetime(2027, 1, 6, 6, tzinfo=UTC)) is None


def test_two_pay_days_at_one_instant_are_one_occurrence_also_where_a_day_is_left_out() -> None:
    timing = Tied(
        rule=Custom((date(2011, 12, 30), date(2011, 12, 31))),
        business_days=BusinessDays(),
        roll=Roll.NONE,
        offset_days=0,
        at=time(0),
        zone="Pacific/Apia",
    )

    found = preview(timing, datetime(2011, 12, 1, tzinfo=UTC))

    assert [each.due for each in found] == [datetime(2011, 12, 30, 10, tzinfo=UTC)]
    assert found[0].note == "also for Sat 31 Dec; clocks leave out 00:00 on Fri 30 Dec"


@pytest.mark.parametrize(("field", "offset", "zone"), [("offset_days", 31, "UTC"), ("time_zone", 0, "Mars/Base")])
def test_a_timing_that_cannot_be_kept_is_refused_by_its_field(field: str, offset: int, zone: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Tied(
            rule=Monthly(1),
            business_days=BusinessDays(),
            roll=Roll.BEFORE,
            offset_days=offset,
            at=time(6),
            zone=zone,
        )
    assert refused.value.field == field
    with pytest.raises(ScheduleError) as refused:
        Polling(0, START)
    assert refused.value.field == "every_minutes"


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    rule=st.sampled_from(RULES),
    roll=st.sampled_from(Roll),
    offset=st.integers(-30, 30),
    at=st.times(),
    start=st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2028-12-01")),
)
def test_any_timing_asked_from_any_instant(
    zone: str, rule: Rule, roll: Roll, offset: int, at: time, start: datetime
) -> None:
    timing = Tied(rule=rule, business_days=DAYS, roll=roll, offset_days=offset, at=at, zone=zone)
    instant = start.replace(tzinfo=UTC)
    from_the_beginning = until(END, timing, START - timedelta(days=1))

    later = [each for each in from_the_beginning if each.due > instant]

    assert until(END, timing, instant) == later
