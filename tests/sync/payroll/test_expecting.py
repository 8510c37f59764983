"""Pay days that are to come and those that did not, from the runs that were seen."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.expecting import SHIFT, SILENCE, Expected, Seen, State, expected

GRACE = 2
HORIZON = 35


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]


def outstanding(seen: Sequence[date], today: date, horizon: int = HORIZON) -> list[Expected]:
    return expected([Seen("C1", "Hourly", day) for day in seen], today, horizon, GRACE)


def coming(seen: Sequence[date], today: date, horizon: int = HORIZON) -> list[str]:
    rows = outstanding(seen, today, horizon)
    assert {row.state for row in rows} <= {State.EXPECTED}
    return [row.check_date.isoformat() for row in rows]


@pytest.mark.parametrize(
    ("seen", "today", "following"),
    [
        # weekly
        ("2026-06-05 2026-06-12", "2026-06-12", "2026-06-19 2026-06-26 2026-07-03"),
        # biweekly, over a year's end and over 29 February
        ("2026-12-04 2026-12-18", "2026-12-18", "2027-01-01 2027-01-15"),
        ("2024-02-01 2024-02-15", "2024-02-15", "2024-02-29 2024-03-14"),
        # monthly: on the last working day, on the last day whatever it is, on the same day
        ("2026-01-30 2026-02-27", "2026-02-27", "2026-03-31"),
        ("2025-12-31 2026-01-31", "2026-02-01", "2026-02-28"),
        ("2023-12-31 2024-01-31", "2024-02-01", "2024-02-29"),
        ("2026-11-25 2026-12-25", "2026-12-25", "2027-01-25"),
        # monthly: on the 15th or the Monday after it
        ("2026-02-16 2026-03-16 2026-04-15 2026-05-15 2026-06-15 2026-07-15", "2026-07-15", "2026-08-17"),
        # twice a month: 15th and last working day, 1st and 15th
        ("2026-06-15 2026-06-30 2026-07-15", "2026-07-15", "2026-07-31 2026-08-14"),
        ("2025-11-28 2025-12-15 2025-12-31", "2026-01-01", "2026-01-15 2026-01-30"),
        ("2026-04-01 2026-04-15 2026-05-01", "2026-05-01", "2026-05-15 2026-06-01"),
    ],
)
def test_the_rhythm_of_the_runs_seen_goes_on(seen: str, today: str, following: str) -> None:
    last = date.fromisoformat(following.split()[-1])
    now = date.fromisoformat(today)
    assert coming(days(*seen.split()), now, (last - now).days) == following.split()


@pytest.mark.parametrize(
    "seen",
    [
        [],
        ["2026-06-05"],
        ["2026-06-05", "2026-06-14"],
        ["2026-06-15", "2026-06-30"],  # half months need a third
        ["2026-01-07", "2026-02-19", "2026-03-02", "2026-05-28", "2026-06-09"],
        ["2026-06-04", "2026-06-11", "2026-07-02"],  # weeks, or fortnights, with exceptions
        ["2026-06-01", "2026-06-09", "2026-06-15", "2026-06-24", "2026-07-02"],  # about every week
    ],
)
def test_nothing_is_expected_of_runs_without_a_rhythm(seen: list[str]) -> None:
    assert outstanding(days(*seen), date(2026, 7, 2)) == []


def test_a_group_that_is_paid_weekly_now_was_paid_biweekly_once() -> None:
    fortnights = [date(2026, 1, 2) + timedelta(days=14 * n) for n in range(9)]
    weeks = [fortnights[-1] + timedelta(days=7 * n) for n in range(1, 7)]

    assert coming([*fortnights, *weeks], weeks[-1], 7) == [(weeks[-1] + timedelta(days=7)).isoformat()]


def test_a_pay_day_moved_by_a_holiday_does_not_change_the_rhythm() -> None:
    # Thursdays; Christmas and New Year are paid the day before.
    seen = days("2025-12-04", "2025-12-11", "2025-12-18", "2025-12-24", "2025-12-31")
    assert coming(seen, date(2025, 12, 31), 16) == ["2026-01-08", "2026-01-15"]

    seen = days("2026-04-15", "2026-04-30", "2026-05-15", "2026-05-29", "2026-06-12")
    assert coming(seen, date(2026, 6, 15), 31) == ["2026-06-30", "2026-07-15"]


def test_a_run_within_three_days_is_the_run_that_was_expected() -> None:
    seen = days("2026-06-05", "2026-06-12", "2026-06-19", "2026-06-29")
    assert coming(seen, date(2026, 7, 1), 9) == ["2026-07-03", "2026-07-10"]


def test_a_late_run_is_expected_for_the_grace_and_missed_after_it() -> None:
    seen = days("2026-06-05", "2026-06-19")
    due = date(2026, 7, 3)

    [late] = outstanding(seen, due + timedelta(days=GRACE), 0)
    [missed] = outstanding(seen, due + timedelta(days=GRACE + 1), 0)

    assert (late.check_date, late.state) == (due, State.EXPECTED)
    assert (missed.check_date, missed.state, missed.stopped) == (due, State.MISSED, False)


def test_a_run_that_was_skipped_is_missed_though_others_came_after_it() -> None:
    seen = days("2026-06-05", "2026-06-12", "2026-06-26", "2026-07-03")
    assert [(row.check_date, row.state) for row in outstanding(seen, date(2026, 7, 3), 7)] == [
        (date(2026, 6, 19), State.MISSED),
        (date(2026, 7, 10), State.EXPECTED),
    ]


def test_the_last_two_missed_are_named_and_then_silence_once() -> None:
    seen = days("2026-01-02", "2026-01-09", "2026-01-16")
    first = date(2026, 1, 23)

    rows = outstanding(seen, date(2026, 3, 3), 7)
    assert [(row.check_date.isoformat(), row.state.value) for row in rows] == [
        ("2026-02-20", "missed"),
        ("2026-02-27", "missed"),
        ("2026-03-06", "expected"),
    ]
    assert not any(row.stopped for row in outstanding(seen, first + SILENCE))

    stopped = outstanding(seen, first + SILENCE + timedelta(days=1))
    assert [(row.check_date, row.state, row.stopped) for row in stopped] == [(first, State.MISSED, True)]
    assert outstanding(seen, date(2027, 6, 1)) == stopped, "the same row from day to day, so that one alarm is raised"


def test_companies_and_pay_groups_are_told_apart() -> None:
    seen = [
        *(Seen("C2", "Hourly", day) for day in days("2026-06-05", "2026-06-12")),
        *(Seen("C1", "Salaried", day) for day in days("2026-05-29", "2026-06-30")),
        *(Seen("C1", "Hourly", day) for day in days("2026-06-04", "2026-06-11", "2026-06-11")),
    ]
    assert [
        (row.company, row.pay_group, row.check_date.day) for row in expected(seen, date(2026, 6, 12), 7, GRACE)
    ] == [
        ("C1", "Hourly", 18),
        ("C2", "Hourly", 19),
    ]


def weekly(length: int) -> Callable[[date], Iterator[date]]:
    def pay_days(start: date) -> Iterator[date]:
        while True:
            yield start
            start += timedelta(days=length)

    return pay_days


def monthly(*on: int, before_weekends: bool) -> Callable[[date], Iterator[date]]:
    def pay_days(start: date) -> Iterator[date]:
        month = start.replace(day=1)
        while True:
            last = monthrange(month.year, month.month)[1]
            for day in sorted({min(day, last) for day in on}):
                paid = month.replace(day=day)
                while before_weekends and paid.weekday() > 4:
                    paid -= timedelta(days=1)
                yield paid
            month = month.replace(day=last) + timedelta(days=1)

    return pay_days


def twice_a_month(first: int, before_weekends: bool) -> Callable[[date], Iterator[date]]:
    return monthly(first, first + 15, before_weekends=before_weekends)


rhythms = st.one_of(
    st.sampled_from([7, 14]).map(weekly),
    st.builds(monthly, st.integers(1, 31), before_weekends=st.booleans()),
    st.builds(twice_a_month, st.integers(1, 16), st.booleans()),
)
starts = st.dates(date(2023, 1, 1), date(2029, 12, 31))


@given(rhythms, starts, st.integers(5, 9), st.integers(-3, 3), st.data())
def test_whatever_the_rhythm_the_next_pay_days_are_expected(
    rhythm: Callable[[date], Iterator[date]], start: date, count: int, shift: int, data: st.DataObject
) -> None:
    """Any start, five runs or more, one of which a holiday may have moved: no run is a surprise, none is made up."""
    *seen, following, after = islice(rhythm(start), count + 2)
    # Around a February of four weeks as many as four half months can be fortnights; a holiday may come after that.
    if count > 5:
        seen[data.draw(st.integers(5, count - 1))] += timedelta(days=shift)

    rows = outstanding(seen, seen[-1], (after - seen[-1]).days)

    assert [row.state for row in rows[:1]] == [State.EXPECTED]
    assert abs(rows[0].check_date - following) <= SHIFT
    assert len(rows) <= 2, "two more runs at most: the next and the one after"
    assert all(abs(row.check_date - seen[-1]) > SHIFT for row in rows)


@given(rhythms, starts, st.integers(0, 400))
def test_only_a_group_that_falls_silent_raises_alarms(
    rhythm: Callable[[date], Iterator[date]], start: date, later: int
) -> None:
    """None while the next run is not due, at most two after that, and one for good once it has stopped."""
    *seen, following = islice(rhythm(start), 6 + 1)
    today = seen[-1] + timedelta(days=later)

    rows = outstanding(seen, today)
    missed = [row for row in rows if row.state is State.MISSED]

    assert all(row.check_date > seen[-1] for row in rows)
    assert len(missed) <= 2
    late = today - following
    if late > timedelta(days=GRACE) + SHIFT:
        assert missed
    if late < timedelta(days=GRACE) - SHIFT:
        assert not missed
    if late > SILENCE + SHIFT:
        assert [row.stopped for row in rows] == [True]
    if late < SILENCE - SHIFT:
        assert not any(row.stopped for row in rows)
