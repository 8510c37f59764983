"""Which rule wins, and that no number of rules changes why."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.register import Dimensions
from sync.payroll.rules import PRECEDENCE, Rule, RuleTable
from tests.sync.payroll.strategies import CHECK_DATE, ITEMS, dimensions, rule_lists

HERE = Dimensions(company="ACME", department="D1", location="L1", job_code="J1")
PAY = "earning:REG"


def rule(number: int, *limits: str, **values: object) -> Rule:
    return Rule(id=number, item=PAY, **{name: getattr(HERE, name) for name in limits}, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (["company"], []),
        (["location"], ["company"]),
        (["department"], ["location"]),
        (["job_code"], ["department"]),
        (["location", "company"], ["job_code"]),
        (["department", "company"], ["location", "company"]),
        (["department", "location"], ["department", "company"]),
        (["job_code", "company"], ["department", "location"]),
        (["department", "location", "company"], ["job_code", "department"]),
        (["job_code", "location", "company"], ["department", "location", "company"]),
        (["job_code", "department", "location", "company"], ["job_code", "department", "location"]),
    ],
)
def test_more_dimensions_beat_fewer_then_the_most_telling_wins(stronger: list[str], weaker: list[str]) -> None:
    table = RuleTable([rule(1, *weaker), rule(2, *stronger)], CHECK_DATE)

    choice = table.choose(PAY, HERE)

    assert choice is not None
    assert choice.rule.id == 2
    assert choice.because == tuple(stronger)


def test_a_rule_for_another_place_is_no_rule() -> None:
    table = RuleTable([rule(1, "department")], CHECK_DATE)

    assert table.choose(PAY, Dimensions(company="ACME", department="D2")) is None
    assert table.choose(PAY, Dimensions(company="ACME")) is None


def test_an_item_without_a_rule_gets_none_of_another_item() -> None:
    table = RuleTable([rule(1)], CHECK_DATE)

    assert table.choose("earning:BONUS", HERE) is None


def test_a_worker_without_a_department_gets_the_default_for_its_own_reason() -> None:
    choice = RuleTable([rule(1, "department"), rule(2)], CHECK_DATE).choose(PAY, Dimensions())

    assert choice is not None
    assert (choice.rule.id, choice.because) == (2, ())


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), 1),
        (date(2026, 1, 1), 2),
        (date(2026, 6, 30), 2),
        (date(2026, 7, 1), None),
    ],
)
def test_a_rule_holds_from_its_first_day_and_not_on_its_last(day: date, expected: int | None) -> None:
    rules = [rule(1, valid_to=date(2026, 1, 1)), rule(2, valid_from=date(2026, 1, 1), valid_to=date(2026, 7, 1))]

    choice = RuleTable(rules, day).choose(PAY, HERE)

    assert (choice.rule.id if choice else None) == expected


def test_of_two_rules_for_the_same_place_the_later_start_is_the_newer_decision() -> None:
    older, newer = rule(9), rule(1, valid_from=date(2026, 6, 1))

    for rules in ([older, newer], [newer, older]):
        choice = RuleTable(rules, CHECK_DATE).choose(PAY, HERE)
        assert choice is not None
        assert choice.rule is newer


def test_a_thousand_rules_for_other_places_do_not_matter() -> None:
    rules = [rule(1, "department"), *(Rule(id=n, item=PAY, department=f"X{n}") for n in range(2, 1_000))]
    random.Random(1).shuffle(rules)

    choice = RuleTable(rules, CHECK_DATE).choose(PAY, HERE)

    assert choice is not None
    assert choice.rule.id == 1


def brute_force(rules: list[Rule], item: str, place: Dimensions) -> Rule | None:
    """The definition, word by word, over all rules."""
    fitting = [
        r
        for r in rules
        if r.item == item
        and r.valid_from <= CHECK_DATE
        and (r.valid_to is None or r.valid_to > CHECK_DATE)
        and all(getattr(r, name) in ("", getattr(place, name)) for name in PRECEDENCE)
    ]

    def strength(r: Rule) -> tuple[object, ...]:
        limited = [bool(getattr(r, name)) for name in PRECEDENCE]
        return sum(limited), limited, r.valid_from, r.id

    return max(fitting, key=strength, default=None)


@given(rules=rule_lists(ITEMS[:3]), item=st.sampled_from(ITEMS[:3]), place=dimensions, seed=st.randoms())
def test_choosing_is_what_looking_at_every_rule_would_find(
    rules: list[Rule], item: str, place: Dimensions, seed: random.Random
) -> None:
    expected = brute_force(rules, item, place)
    seed.shuffle(rules)

    choice = RuleTable(rules, CHECK_DATE).choose(item, place)

    assert (choice.rule if choice else None) == expected
    if choice is not None:
        assert choice.because == tuple(name for name in PRECEDENCE if getattr(choice.rule, name))
