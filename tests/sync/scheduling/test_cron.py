"""Cron expressions at wall time: on ordinary days, on the days when clocks change, and those that are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.scheduling.cron import check_cron, cron_after, shortest_gap
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_of, zone_named

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(expression: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(cron_after(expression, zone_named(zone), utc(after)), count)
    return [f"{due:%m-%d %H:%M}" for due, _ in found]


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("30 6 * * 1-5", NEW_YORK, "2026-11-20 12:00", "11-23 11:30, 11-24 11:30"),
        # strictly after
        ("30 6 * * 1-5", NEW_YORK, "2026-11-20 11:30", "11-23 11:30"),
        ("30 6 * * 1-5", NEW_YORK, "2026-11-20 11:29:59.999999", "11-20 11:30"),
        ("0 0 29 2 *", "UTC", "2026-01-01", "02-29 00:00, 02-29 00:00"),
        ("0 9 L * *", "Asia/Kolkata", "2026-02-01", "02-28 03:30, 03-31 03:30"),
        ("0 9 * * mon#1", "UTC", "2026-11-01", "11-02 09:00, 12-07 09:00"),
        # no 02:30 on 8 March: once, at 03:00
        ("30 2 * * *", NEW_YORK, "2026-03-07 00:00", "03-07 07:30, 03-08 07:00, 03-09 06:30"),
        # every time that is left out is the same instant: once
        (
            "*/15 2-3 * * *",
            NEW_YORK,
            "2026-03-08 06:00",
            "03-08 07:00, 03-08 07:15, 03-08 07:30, 03-08 07:45, 03-09 06:00",
        ),
        # 01:30 twice on 1 November: the first time, wherever one asks from
        ("30 1 * * *", NEW_YORK, "2026-10-31 06:00", "11-01 05:30, 11-02 06:30"),
        ("30 1 * * *", NEW_YORK, "2026-11-01 05:30", "11-02 06:30"),
        ("30 1 * * *", NEW_YORK, "2026-11-01 06:10", "11-02 06:30"),
        ("0 * * * *", NEW_YORK, "2026-11-01 04:30", "11-01 05:00, 11-01 07:00, 11-01 08:00"),
        # clocks change by half an hour
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 16:00", "10-03 15:30, 10-04 15:15"),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 16:00", "04-04 14:45, 04-05 15:15"),
        # clocks change at midnight, and a day that was left out
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", "11-04 03:00, 11-05 02:00"),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28 00:00", "03-28 22:00, 03-29 21:00"),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00", "12-29 22:00, 12-30 10:00, 12-30 22:00"),
    ],
)
def test_the_next_instants(expression: str, zone: str, after: str, expected: str) -> None:
    assert times(expression, zone, after, len(expected.split(", "))) == expected.split(", ")


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "has five parts"),
        ("* * * *", "has five parts"),
        ("* * * * * *", "has five parts"),
        ("@daily", "has five parts"),
        ("0 " + "1," * 60 + "1 * * *", "has five parts"),
        ("61 * * * *", "“61” cannot be read as the minute"),
        ("0 24 * * *", "“24” cannot be read as the hour"),
        ("0 0 0 * *", "“0” cannot be read as the day of the month"),
        ("0 0 31 2 *", "“31” cannot be read as the day of the month, or never comes"),
        ("0 0 * 13 *", "“13” cannot be read as the month"),
        ("0 0 * * FUN", "“FUN” cannot be read as the day of the week"),
        ("*/0 * * * *", "cannot be read as the minute"),
        ("5-1 * * * *", "“5-1” cannot be read as the minute"),
    ],
)
def test_an_expression_that_cannot_be_read_is_refused_with_the_part(expression: str, sentence: str) -> None:
    with pytest.raises(ScheduleError, match=sentence) as refused:
        check_cron(expression)
    assert refused.value.field == "cron"


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("7,9 * * * *", 2),
        ("0 6 * * *", 1440),
        ("0 6,18 * * *", 720),
        ("*/7 * * * *", 4),
        # over midnight, and not where the next day never matches
        ("2,58 0,23 * * *", 4),
        ("2,58 0,23 * * mon", 56),
        ("2,58 0,23 * * mon,tue", 4),
        ("2,58 0,23 1,29 2,3 *", 4),
        ("2,58 0,23 29 2 *", 56),
    ],
)
def test_the_shortest_gap_of_an_expression(expression: str, minutes: int) -> None:
    assert shortest_gap(expression) == timedelta(minutes=minutes)


def expressions() -> st.SearchStrategy[str]:
    def numbers(low: int, high: int, most: int) -> st.SearchStrategy[str]:
        chosen = st.sets(st.integers(low, high), min_size=1, max_size=most)
        return st.one_of(st.just("*"), chosen.map(lambda each: ",".join(map(str, sorted(each)))))

    parts = st.tuples(numbers(0, 59, 4), numbers(0, 23, 4), numbers(1, 28, 3), numbers(1, 12, 6), numbers(0, 6, 3))
    return parts.map(" ".join)


@settings(deadline=None)
@given(
    expression=expressions(),
    zone=st.sampled_from([NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "America/Santiago"]),
    start=st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2027-01-01")),
)
def test_all_wall_times_that_match_and_no_others_each_once(expression: str, zone: str, start: datetime) -> None:
    """Against every minute of four days."""
    instant = start.replace(tzinfo=UTC)
    until = instant + timedelta(days=4)
    walls = (start.replace(second=0, microsecond=0) + timedelta(minutes=n) for n in range(-27 * 60, 6 * 24 * 60))
    matching = {instant_of(wall, zone_named(zone)) for wall in walls if matches(expression, wall)}
    expected = sorted(due for due in matching if instant < due < until)

    found = []
    for due, _ in cron_after(expression, zone_named(zone), instant):
        if due >= until:
            break
        found.append(due)

    assert found == expected


@settings(deadline=None)
@given(expression=expressions())
def test_no_gap_is_shorter_than_the_shortest(expression: str) -> None:
    found = islice(cron_after(expression, zone_named("UTC"), utc("2026-01-01")), 300)

    gaps = [after - before for (before, _), (after, _) in pairwise(found)]

    assert min(gaps) >= shortest_gap(expression)


def matches(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = (
        None if part == "*" else set(map(int, part.split(","))) for part in expression.split()
    )

    def allows(numbers: set[int] | None, number: int) -> bool:
        return numbers is None or number in numbers

    on_day, on_weekday = allows(day, wall.day), allows(weekday, wall.isoweekday() % 7)
    # Of two that are both given, one is enough.
    is_day = (on_day or on_weekday) if day and weekday else (on_day and on_weekday)
    return is_day and allows(minute, wall.minute) and allows(hour, wall.hour) and allows(month, wall.month)
