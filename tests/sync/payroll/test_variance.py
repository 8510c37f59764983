"""A run against the one before it: what changed, by how much, why, and what a reviewer must look at."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.variance import (
    HISTORY,
    Figure,
    Reason,
    RunFigures,
    Thresholds,
    Variance,
    compare,
    movers,
    total,
)

D = Decimal
THRESHOLDS = Thresholds(percent=D(10), amount=D(500))


def run(*figures: tuple[str, str, str, int], people: int = 10, currency: str = "USD") -> RunFigures:
    cells = (Figure(account=a, department=d, amount=D(amount), people=n) for a, d, amount, n in figures)
    return RunFigures(currency=currency, people=people, figures=tuple(cells))


LAST = run(
    ("6000", "Assembly", "40000.00", 10),
    ("6000", "Welding", "12000.00", 3),
    ("6100", "Assembly", "3060.00", 10),
    ("6200", "Welding", "900.00", 1),
    ("2100", "", "-55960.00", 13),
    people=13,
)
THIS = run(
    ("6000", "Assembly", "48000.00", 12),
    ("6000", "Welding", "15000.00", 3),
    ("6100", "Assembly", "3672.00", 12),
    ("6300", "Paint", "700.00", 1),
    ("2100", "", "-67372.00", 15),
    people=15,
)


def by_cell(variances: Sequence[Variance]) -> dict[tuple[str, str], Variance]:
    return {(variance.account, variance.department): variance for variance in variances}


def test_two_hires_a_raise_a_new_bonus_and_one_that_ended() -> None:
    variances = by_cell(compare(THIS, LAST, [LAST], THRESHOLDS))

    assert {cell: (str(v.change), str(v.percent), v.flagged, v.reason.value) for cell, v in variances.items()} == {
        ("2100", ""): ("-11412.00", "20.39", True, "headcount"),
        ("6000", "Assembly"): ("8000.00", "20.00", True, "headcount"),
        ("6000", "Welding"): ("3000.00", "25.00", True, "rate"),
        ("6100", "Assembly"): ("612.00", "20.00", True, "headcount"),
        ("6200", "Welding"): ("-900.00", "-100.00", True, "gone"),
        ("6300", "Paint"): ("700.00", "None", True, "new"),
    }
    assert (variances["6200", "Welding"].people, variances["6200", "Welding"].people_before) == (0, 1)


def test_the_total_is_what_was_debited_and_everybody() -> None:
    whole = total(THIS, LAST, [LAST], THRESHOLDS)

    assert (whole.account, whole.department, whole.currency) == ("", "", "USD")
    assert (whole.current, whole.previous, whole.people, whole.people_before) == (D(67372), D(55960), 15, 13)
    assert whole.flagged
    assert whole.reason is Reason.HEADCOUNT


def test_the_largest_movers_come_first_either_way() -> None:
    largest = movers(compare(THIS, LAST, [], THRESHOLDS), 3)

    assert [(v.account, v.department) for v in largest] == [("2100", ""), ("6000", "Assembly"), ("6000", "Welding")]
    assert movers(compare(LAST, LAST, [], THRESHOLDS)) == []


@pytest.mark.parametrize(
    ("amount", "flagged"),
    [
        ("11000.00", False),  # 10 %, which is not more than 10 %
        ("11000.01", True),
        ("9000.00", False),
        ("8999.99", True),
        ("10000.00", False),
    ],
)
def test_a_change_must_exceed_the_percentage(amount: str, flagged: bool) -> None:
    [variance] = compare(run(("1", "", amount, 5)), run(("1", "", "10000.00", 5)), [], THRESHOLDS)
    assert variance.flagged is flagged


@pytest.mark.parametrize(("amount", "flagged"), [("1500.00", False), ("1500.01", True), ("500.00", False)])
def test_a_change_must_exceed_the_amount_too(amount: str, flagged: bool) -> None:
    [variance] = compare(run(("1", "", amount, 5)), run(("1", "", "1000.00", 5)), [], THRESHOLDS)
    assert variance.flagged is flagged


@pytest.mark.parametrize(("percent", "flagged"), [("99.99", True), ("100", False)])
def test_what_is_new_or_gone_has_changed_by_a_hundred_percent(percent: str, flagged: bool) -> None:
    thresholds = Thresholds(percent=D(percent), amount=D(500))
    there, nothing = run(("1", "", "600.00", 5)), run()

    [new], [gone] = compare(there, nothing, [], thresholds), compare(nothing, there, [], thresholds)

    assert (new.reason, new.percent, new.flagged) == (Reason.NEW, None, flagged)
    assert (gone.reason, gone.percent, gone.flagged) == (Reason.GONE, D("-100.00"), flagged)


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (("1000", 10), ("1000", 12), Reason.UNCHANGED),
        (("1000", 10), ("1100", 11), Reason.HEADCOUNT),
        (("1000", 10), ("880", 8), Reason.HEADCOUNT),  # 110 a head, 10 % more
        (("1000", 10), ("881", 8), Reason.MIXED),
        (("1000", 10), ("1001", 10), Reason.RATE),
        (("1000", 10), ("1400", 11), Reason.RATE),
        (("1000", 10), ("1800", 12), Reason.MIXED),
        (("-1000", 10), ("-1200", 12), Reason.HEADCOUNT),
        (("0", 10), ("500", 10), Reason.RATE),
        (("0.01", 0), ("0.02", 0), Reason.MIXED),
    ],
)
def test_reasons(before: tuple[str, int], now: tuple[str, int], reason: Reason) -> None:
    [variance] = compare(run(("1", "", *now)), run(("1", "", *before)), [], THRESHOLDS)
    assert variance.reason is reason


@pytest.mark.parametrize(
    ("history", "median", "earlier"),
    [
        ([], None, 0),
        (["80"], "80", 1),
        (["80", "91"], "85.5", 2),
        (["80", "90", "500"], "90", 3),
        (["1", "2", "3", "4", "5", "6", "1000", "1000"], "3.5", 6),
        (["80", None, "90"], "80", 3),  # one that had no such amount
    ],
)
def test_the_median_is_that_of_the_runs_there_are(history: list[str | None], median: str | None, earlier: int) -> None:
    runs = [run(("1", "", amount, 5)) if amount else run() for amount in history]

    [variance] = compare(run(("1", "", "100", 5)), run(("1", "", "90", 5)), runs, THRESHOLDS)

    assert variance.earlier == earlier
    assert variance.median == (None if median is None else D(median))
    assert variance.change_to_median == (None if median is None else D(100) - D(median))


def test_the_first_run_has_nothing_to_be_flagged_against() -> None:
    variances = [*compare(THIS, None, [], THRESHOLDS), total(THIS, None, [], THRESHOLDS)]

    assert {(v.reason, v.flagged, v.percent, v.median) for v in variances} == {(Reason.FIRST, False, None, None)}


def test_currencies_are_never_mixed() -> None:
    euros = run(("1", "", "1", 1), currency="EUR")
    with pytest.raises(ValueError, match="one currency"):
        compare(THIS, euros, [], THRESHOLDS)
    with pytest.raises(ValueError, match="one currency"):
        total(THIS, LAST, [LAST, euros], THRESHOLDS)


def test_a_cell_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        compare(run(("1", "", "1", 1), ("1", "", "2", 1)), LAST, [], THRESHOLDS)


amounts = st.decimals("-99999.99", "99999.99", places=2)
figures = st.dictionaries(
    st.tuples(st.sampled_from("123"), st.sampled_from(["", "A", "B"])), st.tuples(amounts, st.integers(0, 9))
)
runs = figures.map(lambda cells: run(*((*cell, str(amount), people) for cell, (amount, people) in cells.items())))


@given(runs, runs, st.lists(runs, max_size=8), st.decimals(0, 200, places=1), st.decimals(0, 5000, places=2))
def test_every_figure_is_accounted_for(
    now: RunFigures, before: RunFigures, history: list[RunFigures], percent: Decimal, amount: Decimal
) -> None:
    variances = compare(now, before, history, Thresholds(percent=percent, amount=amount))

    assert sum(v.current for v in variances) == sum(f.amount for f in now.figures)
    assert sum(v.previous for v in variances) == sum(f.amount for f in before.figures)
    assert [(v.account, v.department) for v in variances] == sorted({(v.account, v.department) for v in variances})
    for v in variances:
        assert v.change == v.current - v.previous
        share = abs(Fraction(v.change)) / abs(Fraction(v.previous or v.change)) * 100 if v.change else 0
        assert v.flagged == (abs(v.change) > amount and share > Fraction(percent))
        assert v.earlier == min(len(history), HISTORY)
        assert (v.percent is None) == (not v.previous)
        assert {type(x) for x in (v.current, v.previous, v.change)} == {Decimal}
        assert type(v.median) is (Decimal if history else type(None))
