"""Vouchers of a few lines: each balances, nothing is lost, and little is added."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dynamics.journal_groups import grouped, most_lines

cents = st.integers(min_value=-(10**9), max_value=10**9).filter(bool).map(lambda n: Decimal(n).scaleb(-2))


def amounts(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


def test_what_fits_one_voucher_is_one_voucher() -> None:
    lines = amounts("1234567.89", "0.10", "-1233317.99", "-1250.00")
    assert grouped(lines, 10) == [list(enumerate(lines))]


def test_lines_that_balance_side_by_side_stay_whole_and_share_vouchers() -> None:
    lines = amounts("1", "-1", "2", "3", "-5", "4", "-4", "6", "-6")
    assert [[place for place, _ in group] for group in grouped(lines, 5)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]


def test_one_large_credit_is_parted_among_the_vouchers_of_its_debits() -> None:
    lines = [Decimal(n) for n in range(1, 37)]
    lines.append(-sum(lines, Decimal(0)))
    groups = grouped(lines, 10)
    assert [len(group) for group in groups] == [10, 10, 10, 10]
    assert [place for group in groups for place, _ in group if place < 36] == list(range(36))


def test_a_journal_that_does_not_balance_has_no_groups() -> None:
    with pytest.raises(ValueError, match="differ"):
        grouped(amounts("1", "-2"), 10)


@given(lines=st.lists(cents, max_size=60), most=st.integers(2, 12))
def test_every_group_balances_and_every_line_is_whole_again(lines: list[Decimal], most: int) -> None:
    if balance := sum(lines, Decimal(0)):
        lines = [*lines, -balance]
    groups = grouped(lines, most)
    found: dict[int, Decimal] = defaultdict(Decimal)
    for group in groups:
        assert 2 <= len(group) <= most
        assert sum(amount for _, amount in group) == 0
        for place, amount in group:
            assert (amount > 0) == (lines[place] > 0)
            assert amount
            found[place] += amount
    assert [found[place] for place in range(len(lines))] == lines
    assert sum(map(len, groups)) <= len(lines) + len(groups)


@given(written=st.integers(2, 60), most=st.integers(2, 12), data=st.data())
def test_as_many_lines_as_may_be_are_never_written_as_more(written: int, most: int, data: st.DataObject) -> None:
    number = most_lines(written, most)
    lines = data.draw(st.lists(cents, min_size=number - 1, max_size=number - 1).filter(sum))
    lines.append(-sum(lines, Decimal(0)))
    assert sum(map(len, grouped(lines, most))) <= written


@pytest.mark.parametrize(("written", "most"), [(10_000, 10), (10_000, 2), (500, 100), (4, 2), (2, 100)])
def test_one_net_pay_against_all_others_keeps_the_limit(written: int, most: int) -> None:
    others = [Decimal(1)] * (most_lines(written, most) - 1)
    assert sum(map(len, grouped([*others, -sum(others, Decimal(0))], most))) <= written
