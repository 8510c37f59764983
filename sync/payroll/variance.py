"""A pay run against the one before it and against what is usual, by account and department. Pure.

Amounts are net debits (debits minus credits) in one currency. A run in two currencies is compared twice.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import median

import msgspec

ZERO = Decimal(0)
HUNDRED = Decimal(100)
CENT = Decimal("0.01")

HISTORY = 6
"""The median is that of so many earlier runs, of fewer where there are fewer."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """The net debit of one account and department, and how many people it concerns."""

    account: str
    department: str
    amount: Decimal
    people: int


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The journals of one run in one currency: one figure per account and department, and everybody who was paid.

    Corrections are in them; settlements and month-end journals, which move the same money once more, are not.
    """

    currency: str
    people: int
    figures: tuple[Figure, ...]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """A change is flagged when it exceeds both: ``percent`` of the previous amount, and ``amount`` in the currency."""

    percent: Decimal
    amount: Decimal


class Reason(enum.StrEnum):
    """What a change comes from, as far as amounts and people can tell.

    FIRST: there is no previous run. NEW and GONE: the account and department were not in the previous run, are not in
    this one. HEADCOUNT: other people, and the amount per head within the percentage. RATE: the amount per head beyond
    it, or another one for as many people. MIXED: both, or nobody to divide by.
    """

    FIRST = "first"
    NEW = "new"
    GONE = "gone"
    UNCHANGED = "unchanged"
    HEADCOUNT = "headcount"
    RATE = "rate"
    MIXED = "mixed"


class Variance(msgspec.Struct, frozen=True, kw_only=True):
    """One account and department in this run, the previous one, and the median of ``earlier`` runs.

    An amount that a run lacks is zero. ``percent`` is by how much it grew in its own direction (below zero: shrank), to
    two places: more owed is growth, as more cost is; None when the previous amount is zero. ``median`` and
    ``change_to_median`` are None when there is no earlier run. Whoever may not see the pay of ``people`` or of
    ``people_before`` may not see any of it.
    """

    account: str
    department: str
    currency: str
    current: Decimal
    previous: Decimal
    change: Decimal
    percent: Decimal | None
    median: Decimal | None
    change_to_median: Decimal | None
    earlier: int
    people: int
    people_before: int
    flagged: bool
    reason: Reason


def compare(
    current: RunFigures, previous: RunFigures | None, history: Sequence[RunFigures], thresholds: Thresholds
) -> list[Variance]:
    """Every account and department of this run or the previous one, in their order.

    ``history`` are the runs before this one, the latest first; the first HISTORY of them count, and one that lacks an
    amount counts as zero there. What is new or gone has changed by 100 %. Nothing is flagged without a previous run.
    Raises ValueError for runs in another currency, and for an account and department that is twice in one.
    """
    if any(run.currency != current.currency for run in (*([previous] if previous else []), *history)):
        raise ValueError("runs are compared in one currency")
    now, before = _cells(current), (_cells(previous) if previous else {})
    usual = [_cells(run) for run in history[:HISTORY]]
    variances = []
    for cell in sorted(now.keys() | before.keys()):
        here, there = now.get(cell), before.get(cell)
        amount, former = _amount(here), _amount(there)
        middle = median(_amount(run.get(cell)) for run in usual) if usual else None
        change = amount - former
        variances.append(
            Variance(
                account=cell[0],
                department=cell[1],
                currency=current.currency,
                current=amount,
                previous=former,
                change=change,
                percent=(change * HUNDRED / former).quantize(CENT) if former else None,
                median=middle,
                change_to_median=None if middle is None else amount - middle,
                earlier=len(usual),
                people=here.people if here else 0,
                people_before=there.people if there else 0,
                flagged=previous is not None and _exceeds(change, former, thresholds),
                reason=_reason(here, there, thresholds.percent) if previous else Reason.FIRST,
            )
        )
    return variances


def total(
    current: RunFigures, previous: RunFigures | None, history: Sequence[RunFigures], thresholds: Thresholds
) -> Variance:
    """The row below: the run's debits, each account and department net, and everybody who was paid.

    Account and department are empty. Credits are left out, since they come to the same.
    """
    [whole] = compare(_whole(current), previous and _whole(previous), [_whole(run) for run in history], thresholds)
    return whole


def movers(variances: Iterable[Variance], n: int = 5) -> list[Variance]:
    """The ``n`` largest changes either way, the largest first."""
    changed = [variance for variance in variances if variance.change]
    return sorted(changed, key=lambda variance: (-abs(variance.change), variance.account, variance.department))[:n]


def _whole(run: RunFigures) -> RunFigures:
    debits = sum((figure.amount for figure in run.figures if figure.amount > 0), ZERO)
    figure = Figure(account="", department="", amount=debits, people=run.people)
    return msgspec.structs.replace(run, figures=(figure,))


def _cells(run: RunFigures) -> dict[tuple[str, str], Figure]:
    cells = {(figure.account, figure.department): figure for figure in run.figures}
    if len(cells) != len(run.figures):
        raise ValueError("an account and department is twice in one run")
    return cells


def _amount(figure: Figure | None) -> Decimal:
    return figure.amount if figure else ZERO


def _exceeds(change: Decimal, former: Decimal, thresholds: Thresholds) -> bool:
    return abs(change) > thresholds.amount and _beyond(change, former, thresholds.percent)


def _beyond(change: Decimal, former: Decimal, percent: Decimal) -> bool:
    """Whether a change is more than so much of the former amount; of nothing, any change is 100 %."""
    return abs(change) * HUNDRED > percent * abs(former or change)


def _reason(here: Figure | None, there: Figure | None, percent: Decimal) -> Reason:
    if there is None:
        return Reason.NEW
    if here is None:
        return Reason.GONE
    if here.amount == there.amount:
        return Reason.UNCHANGED
    if not here.people or not there.people:
        return Reason.MIXED
    if here.people == there.people:
        return Reason.RATE
    # The amounts per head, both multiplied by both numbers of people: no division, no rounding.
    rate, rate_before = here.amount * there.people, there.amount * here.people
    if not _beyond(rate - rate_before, rate_before, percent):
        return Reason.HEADCOUNT
    people, people_before = Decimal(here.people), Decimal(there.people)
    return Reason.MIXED if _beyond(people - people_before, people_before, percent) else Reason.RATE
