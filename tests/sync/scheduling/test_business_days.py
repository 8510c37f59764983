"""Weekends, public holidays and the company's own: which days are worked, and the nth of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.scheduling.business_days import BusinessDays, Roll, countries, subdivisions
from sync.scheduling.refusing import ScheduleError

USA = BusinessDays(country="US")
ENGLAND = BusinessDays(country="GB", subdivision="ENG")
SHUTDOWN = {date(2026, 12, 24) + timedelta(days=n): "Winter break" for n in range(10)}


@pytest.mark.parametrize(
    ("days", "day", "why"),
    [
        (USA, "2026-11-26", "Thanksgiving Day"),
        (USA, "2026-11-27", ""),
        (BusinessDays(country="US", subdivision="CA"), "2026-11-27", "Day After Thanksgiving"),
        # On a Saturday, and observed on the Friday before, which is in another year.
        (USA, "2026-07-03", "Independence Day (observed)"),
        (USA, "2027-12-31", "New Year's Day (observed)"),
        (USA, "2026-11-28", "weekend"),
        (USA, "2098-07-04", "Independence Day"),
        # A year that there is no data for has weekends.
        (USA, "2191-07-04", ""),
        (USA, "2191-07-03", "weekend"),
        (ENGLAND, "2027-12-27", "Christmas Day (observed)"),
        (ENGLAND, "2027-12-28", "Boxing Day (observed)"),
        (BusinessDays(country="DE"), "2026-10-03", "German Unity Day"),
        (BusinessDays(country="SA"), "2026-11-20", "weekend"),
        (BusinessDays(country="SA"), "2026-11-22", ""),
        (BusinessDays(), "2026-12-25", ""),
        (BusinessDays(), "2026-12-26", "weekend"),
        (BusinessDays(own={date(2026, 12, 24): "Founders' Day"}), "2026-12-24", "Founders' Day"),
        (BusinessDays(own={date(2026, 12, 24): ""}), "2026-12-24", "holiday of the company"),
        (BusinessDays(country="US", worked=frozenset({date(2026, 11, 26)})), "2026-11-26", ""),
        (BusinessDays(country="US", worked=frozenset({date(2026, 11, 28)})), "2026-11-28", ""),
    ],
)
def test_a_day_is_worked_or_not_for_a_reason(days: BusinessDays, day: str, why: str) -> None:
    assert days.closed_because(date.fromisoformat(day)) == why
    assert days.is_business_day(date.fromisoformat(day)) is (why == "")


@pytest.mark.parametrize(
    ("days", "day", "n", "there"),
    [
        (USA, "2026-11-25", 1, "2026-11-27"),
        (USA, "2026-11-27", -1, "2026-11-25"),
        (USA, "2026-11-28", -2, "2026-11-25"),
        (USA, "2026-11-28", 0, "2026-11-28"),
        (USA, "2027-01-04", -3, "2026-12-29"),
        (USA, "2028-02-28", 1, "2028-02-29"),
        # Christmas and Boxing Day on a weekend: four days in a row.
        (ENGLAND, "2027-12-24", 1, "2027-12-29"),
        (ENGLAND, "2027-12-29", -1, "2027-12-24"),
        (BusinessDays(country="US", own=SHUTDOWN), "2026-12-23", 1, "2027-01-04"),
    ],
)
def test_the_nth_business_day_from_a_day(days: BusinessDays, day: str, n: int, there: str) -> None:
    assert days.shift(date.fromisoformat(day), n) == date.fromisoformat(there)


def test_a_holiday_rolls_in_the_direction_that_was_chosen() -> None:
    christmas = date(2026, 12, 25)

    assert USA.rolled(christmas, Roll.BEFORE) == date(2026, 12, 24)
    assert USA.rolled(christmas, Roll.AFTER) == date(2026, 12, 28)
    assert USA.rolled(christmas, Roll.NONE) == christmas
    assert {USA.rolled(date(2026, 12, 23), roll) for roll in Roll} == {date(2026, 12, 23)}


@pytest.mark.parametrize(
    ("field", "country", "subdivision", "sentence"),
    [
        ("country", "XX", "", "The holidays of “XX” are not known. Enter a two-letter country code"),
        ("country", "us", "", "are not known"),
        ("country", "USA", "", "are not known"),
        ("country", "", "CA", "Choose the country"),
        ("subdivision", "US", "ZZ", "“ZZ” is no state or region of US"),
    ],
)
def test_a_place_there_is_not_is_refused_by_its_field(
    field: str, country: str, subdivision: str, sentence: str
) -> None:
    with pytest.raises(ScheduleError, match=sentence) as refused:
        BusinessDays(country=country, subdivision=subdivision)
    assert refused.value.field == field


def test_a_day_cannot_be_a_holiday_and_worked() -> None:
    with pytest.raises(ScheduleError, match="2026-12-24 is entered both") as refused:
        BusinessDays(own={date(2026, 12, 24): ""}, worked=frozenset({date(2026, 12, 24)}))
    assert refused.value.field == "worked"


def test_a_closure_just_short_enough_is_answered_from_any_day() -> None:
    first = date(2026, 3, 30)  # a Monday: with the weekend before it 60 days, ending on a Wednesday
    days = BusinessDays(own={first + timedelta(days=n): "" for n in range(58)})

    assert days.shift(date(2026, 3, 27), 1) == date(2026, 5, 27)
    assert days.shift(date(2026, 5, 27), -1) == date(2026, 3, 27)
    with pytest.raises(ScheduleError, match="More than 60 days in a row"):
        BusinessDays(own={first + timedelta(days=n): "" for n in range(59)})


def test_a_calendar_without_business_days_is_refused_and_does_not_search_for_ever() -> None:
    closed = {date(2026, 1, 1) + timedelta(days=n): "" for n in range(200)}

    with pytest.raises(ScheduleError, match="More than 60 days in a row") as refused:
        BusinessDays(own=closed)
    assert refused.value.field == "own"


def test_there_are_countries_and_subdivisions_to_choose_from() -> None:
    assert {"US", "CA", "MX", "GB", "DE"} <= set(countries())
    assert {len(code) for code in countries()} == {2}
    assert {"CA", "NY", "TX"} <= set(subdivisions("US"))
    assert subdivisions("XX") == ()


def test_threads_that_ask_for_a_new_year_at_once_all_know_its_holidays() -> None:
    days = BusinessDays(country="FR")
    with ThreadPoolExecutor(8) as threads:
        for year in range(2030, 2060):
            assert set(threads.map(days.closed_because, [date(year, 5, 1)] * 16)) == {"Labor Day"}


@given(
    day=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    n=st.integers(-40, 40),
    own=st.sets(st.dates(date(2025, 1, 1), date(2025, 3, 1)), max_size=30),
)
def test_between_a_day_and_the_nth_from_it_are_n_business_days(day: date, n: int, own: set[date]) -> None:
    days = BusinessDays(country="US", own=dict.fromkeys(own, ""))

    there = days.shift(day, n)

    first, last = (day + timedelta(days=1), there) if n > 0 else (there, day - timedelta(days=1))
    between = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    assert sum(days.is_business_day(each) for each in between) == abs(n)
    assert n == 0 or days.is_business_day(there)
