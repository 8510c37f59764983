"""Pay days by each kind of rule, and where weekends and holidays move them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.scheduling.business_days import BusinessDays, Roll
from sync.scheduling.calendars import Custom, Monthly, Rule, SemiMonthly, Weekly, pay_days
from sync.scheduling.refusing import ScheduleError

USA = BusinessDays(country="US")
ENGLAND = BusinessDays(country="GB", subdivision="ENG")
PLAIN = BusinessDays()
DAYS = st.dates(date(2015, 1, 1), date(2045, 1, 1))


def day(text: str) -> date:
    return date.fromisoformat(text)


def custom(texts: str) -> Custom:
    return Custom(tuple(map(day, texts.split())))


def rules() -> st.SearchStrategy[Rule]:
    return st.one_of(
        st.builds(Weekly, st.sampled_from([7, 14]), DAYS),
        st.builds(Monthly, st.integers(1, 31)),
        st.tuples(st.integers(1, 27), st.integers(2, 31)).filter(lambda two: two[0] < two[1]).map(
            lambda two: SemiMonthly(*two)
        ),
        st.builds(Custom, st.lists(DAYS, min_size=1, max_size=40).map(tuple)),
    )  # fmt: skip


def calendars() -> st.SearchStrategy[BusinessDays]:
    own = st.sets(st.dates(date(2025, 1, 1), date(2025, 4, 1)), max_size=25)
    return own.map(lambda days: BusinessDays(country="US", own=dict.fromkeys(days, "")))


@pytest.mark.parametrize(
    ("rule", "days", "roll", "first", "last", "expected"),
    [
        # by weeks, before and after the anchor, over the end of a year and 29 February
        (
            Weekly(7, day("2026-06-05")),
            PLAIN,
            Roll.BEFORE,
            "2026-05-20",
            "2026-06-12",
            "2026-05-22 2026-05-29 2026-06-05 2026-06-12",
        ),
        (
            Weekly(14, day("2026-12-18")),
            USA,
            Roll.BEFORE,
            "2026-12-10",
            "2027-01-15",
            "2026-12-18 2026-12-31 2027-01-15",
        ),
        (
            Weekly(14, day("2024-02-01")),
            PLAIN,
            Roll.BEFORE,
            "2024-02-10",
            "2024-03-15",
            "2024-02-15 2024-02-29 2024-03-14",
        ),
        (Weekly(14, day("2030-01-04")), PLAIN, Roll.BEFORE, "2026-11-20", "2026-12-10", "2026-11-27"),
        # by months: the last day, shorter months, a leap year
        (Monthly(31), PLAIN, Roll.NONE, "2027-01-01", "2027-04-30", "2027-01-31 2027-02-28 2027-03-31 2027-04-30"),
        (Monthly(30), PLAIN, Roll.NONE, "2028-01-01", "2028-04-30", "2028-01-30 2028-02-29 2028-03-30 2028-04-30"),
        (Monthly(29), PLAIN, Roll.NONE, "2027-02-01", "2027-03-31", "2027-02-28 2027-03-29"),
        (
            SemiMonthly(15, 31),
            USA,
            Roll.BEFORE,
            "2026-02-01",
            "2026-03-31",
            "2026-02-13 2026-02-27 2026-03-13 2026-03-31",
        ),
        (
            SemiMonthly(1, 15),
            USA,
            Roll.AFTER,
            "2026-08-01",
            "2026-09-15",
            "2026-08-03 2026-08-17 2026-09-01 2026-09-15",
        ),
        # a holiday: into the month and the year before, into the month after
        (Monthly(1), USA, Roll.BEFORE, "2026-12-31", "2027-02-28", "2026-12-31 2027-02-01"),
        (Monthly(1), USA, Roll.BEFORE, "2027-04-02", "2027-05-31", "2027-04-30"),
        (Monthly(31), USA, Roll.AFTER, "2026-01-01", "2026-02-28", "2026-02-02"),
        (Monthly(31), USA, Roll.AFTER, "2027-12-01", "2028-01-03", "2028-01-03"),
        # holidays in a row, and a holiday observed on another holiday's day
        (Monthly(25), ENGLAND, Roll.BEFORE, "2027-12-01", "2027-12-31", "2027-12-24"),
        (Monthly(25), ENGLAND, Roll.AFTER, "2027-12-01", "2027-12-31", "2027-12-29"),
        (Monthly(26), ENGLAND, Roll.BEFORE, "2026-12-01", "2026-12-31", "2026-12-24"),
        (
            Monthly(25),
            BusinessDays(country="US", own={day("2026-12-24"): "", day("2026-12-25"): "ours too"}),
            Roll.BEFORE,
            "2026-12-01",
            "2026-12-31",
            "2026-12-23",
        ),
        # single dates: in order, each once
        (
            custom("2026-12-24 2026-02-28 2026-12-24"),
            PLAIN,
            Roll.BEFORE,
            "2026-01-01",
            "2030-01-01",
            "2026-02-27 2026-12-24",
        ),
        (custom("2026-12-24"), PLAIN, Roll.BEFORE, "2027-01-01", "2030-01-01", ""),
        # what a holiday moves out of the days asked for is not theirs, and what it moves into them is
        (Monthly(1), USA, Roll.BEFORE, "2027-01-01", "2027-01-15", ""),
        (Monthly(31), USA, Roll.AFTER, "2026-01-01", "2026-02-01", ""),
        (Monthly(31), USA, Roll.AFTER, "2026-02-01", "2026-02-28", "2026-02-02"),
    ],
)
def test_pay_dates(rule: Rule, days: BusinessDays, roll: Roll, first: str, last: str, expected: str) -> None:
    found = pay_days(rule, days, roll, day(first), day(last))

    assert [each.pay_date.isoformat() for each in found] == expected.split()


def test_two_pay_days_that_are_moved_to_one_date_stay_two() -> None:
    found = list(pay_days(custom("2026-12-24 2026-12-25"), USA, Roll.BEFORE, day("2026-12-01"), day("2026-12-31")))

    assert [each.nominal for each in found] == [day("2026-12-24"), day("2026-12-25")]
    assert [each.pay_date for each in found] == [day("2026-12-24")] * 2


@pytest.mark.parametrize(
    ("field", "kind", "entered", "sentence"),
    [
        ("days", Weekly, (10, day("2026-01-01")), "every 7 or every 14 days"),
        ("first_day", Monthly, (0,), "from 1 to 31"),
        ("first_day", Monthly, (32,), "from 1 to 31"),
        ("first_day", SemiMonthly, (0, 15), "from 1 to 31"),
        ("second_day", SemiMonthly, (15, 32), "from 1 to 31"),
        ("second_day", SemiMonthly, (15, 15), "must be later"),
        ("first_day", SemiMonthly, (28, 31), "in February the two would be one day"),
        ("dates", Custom, ((),), "has no pay dates"),
    ],
    ids=lambda value: str(value),
)
def test_a_calendar_that_cannot_be_kept_is_refused_by_its_field(
    field: str, kind: type[Rule], entered: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(ScheduleError, match=sentence) as refused:
        kind(*entered)
    assert refused.value.field == field


@given(rule=rules(), days=calendars(), roll=st.sampled_from(Roll), first=DAYS, length=st.integers(0, 500))
def test_every_nominal_date_is_there_once_where_the_holidays_put_it(
    rule: Rule, days: BusinessDays, roll: Roll, first: date, length: int
) -> None:
    last = first + timedelta(days=length)

    found = list(pay_days(rule, days, roll, first, last))

    around = [first + timedelta(days=n) for n in range(-70, length + 70)]
    moved = [(nominal, moved_by_hand(nominal, days, roll)) for nominal in around if is_nominal(rule, nominal)]
    assert [(each.nominal, each.pay_date) for each in found] == [pair for pair in moved if first <= pair[1] <= last]
    assert all(before.pay_date <= after.pay_date for before, after in pairwise(found))
    assert roll is Roll.NONE or all(days.is_business_day(each.pay_date) for each in found)


@given(rule=rules(), days=calendars(), roll=st.sampled_from(Roll), first=DAYS, cut=st.integers(0, 99))
def test_days_asked_for_in_two_parts_are_those_asked_for_at_once(
    rule: Rule, days: BusinessDays, roll: Roll, first: date, cut: int
) -> None:
    middle, last = first + timedelta(days=cut), first + timedelta(days=100)

    parts = [
        *pay_days(rule, days, roll, first, middle),
        *pay_days(rule, days, roll, middle + timedelta(days=1), last),
    ]

    assert parts == list(pay_days(rule, days, roll, first, last))


def is_nominal(rule: Rule, asked: date) -> bool:
    """Said of a single day, without counting from any other."""
    month_ends = (asked + timedelta(days=1)).month != asked.month
    match rule:
        case Weekly():
            return (asked - rule.anchor).days % rule.days == 0
        case SemiMonthly():
            return any(
                asked.day == each or (month_ends and each > asked.day) for each in (rule.first_day, rule.second_day)
            )
        case Monthly():
            return asked.day == rule.day or (month_ends and rule.day > asked.day)
        case Custom():
            return asked in rule.dates


def moved_by_hand(nominal: date, days: BusinessDays, roll: Roll) -> date:
    while roll is not Roll.NONE and not days.is_business_day(nominal):
        nominal += timedelta(days=-1 if roll is Roll.BEFORE else 1)
    return nominal
