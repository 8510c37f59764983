"""A long journal in parts: each balances by itself, and together they are the journal."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.parting import parted


@st.composite
def journals(draw: st.DrawFn) -> tuple[list[Decimal], list[str]]:
    """Amounts that add up to zero, some of it within groups."""
    cents = st.integers(-50, 50) | st.integers(-9_999_999, 9_999_999)
    amounts: list[int] = []
    groups: list[str] = []
    for group in draw(st.lists(st.sampled_from("abc"), max_size=6)):
        some = draw(st.lists(cents.filter(lambda amount: amount != 0), min_size=1, max_size=8))
        rest = -sum(some)
        if rest and draw(st.booleans()):
            some.append(rest)
        amounts += some
        groups += [group] * len(some)
    if missing := -sum(amounts):
        amounts.append(missing)
        groups.append("")
    return [Decimal(amount).scaleb(-2) for amount in amounts], groups


@given(journal=journals(), most=st.integers(2, 9))
def test_every_part_is_short_and_balances_and_nothing_is_lost(
    journal: tuple[list[Decimal], list[str]], most: int
) -> None:
    amounts, groups = journal

    parts = parted(amounts, groups, most)

    sums = [Decimal(0)] * len(amounts)
    for part in parts:
        assert len(part) <= most
        assert sum(amount for _, amount in part) == 0
        for number, amount in part:
            assert amount
            assert (amount > 0) == (amounts[number] > 0)
            sums[number] += amount
    assert sums == amounts
    pieces = sum(len(part) for part in parts)
    assert pieces <= len(amounts) + len(parts), "a part needs at most one line of the journal to be cut"


def test_a_journal_that_fits_is_left_as_it_is() -> None:
    amounts = [Decimal(3), Decimal(-1), Decimal(-2)]

    assert parted(amounts, ["b", "a", "c"], 3) == [[(0, Decimal(3)), (1, Decimal(-1)), (2, Decimal(-2))]]


def test_departments_that_balance_stay_whole_and_share_parts() -> None:
    amounts = [Decimal(n) for n in (10, 20, 30, -10, -20, -30)]

    parts = parted(amounts, ["a", "b", "c", "a", "b", "c"], 4)

    assert [[number for number, _ in part] for part in parts] == [[0, 1, 3, 4], [2, 5]]


def test_one_large_line_is_cut_where_nothing_else_balances() -> None:
    amounts = [Decimal(100), Decimal(-60), Decimal(-40)]

    assert parted(amounts, ["", "", ""], 2) == [
        [(0, Decimal(60)), (1, Decimal(-60))],
        [(0, Decimal(40)), (2, Decimal(-40))],
    ]
