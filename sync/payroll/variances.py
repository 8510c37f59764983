"""A pay run against the ones before it: the figures of its journals, compared, and only what may be seen of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from django.db.models import Q, QuerySet

from sync.models import PayrollSettings, PayRun, Posting, PostingLine
from sync.payroll.masks import RunMasks, kinds_of, masks_of
from sync.payroll.variance import (
    HISTORY,
    Figure,
    RunFigures,
    Thresholds,
    Variance,
    compare,
    movers,
    total,
)
from sync.payroll.visibility import Sight

APART = (Posting.Kind.SETTLEMENT, Posting.Kind.MONTH_END, Posting.Kind.MONTH_END_REVERSAL)
"""Journals that move the same money once more."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A variance, and which of its amounts may be shown; the change only where both may."""

    variance: Variance
    current: bool
    previous: bool
    median: bool

    @property
    def change(self) -> bool:
        """True when the change and its percentage may be shown."""
        return self.current and self.previous


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One currency of a run against ``previous`` (None for the first run of its pay group) and ``earlier`` runs."""

    currency: str
    previous: PayRun | None
    earlier: int
    whole: Seen
    rows: tuple[Seen, ...]

    @property
    def flagged(self) -> list[Seen]:
        """What exceeds both thresholds."""
        return [row for row in self.rows if row.variance.flagged]

    @property
    def movers(self) -> list[Seen]:
        """The largest changes of those that may be shown, the largest first."""
        by_cell = {(row.variance.account, row.variance.department): row for row in self.rows if row.change}
        return [by_cell[one.account, one.department] for one in movers(row.variance for row in by_cell.values())]


class _Run(msgspec.Struct, kw_only=True):
    """A pay run with what its journals hold."""

    pay_run: PayRun
    postings: list[Posting]
    lines: dict[int, list[PostingLine]]
    masks: RunMasks

    def figures(self, currency: str) -> RunFigures:
        nets: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        people: dict[tuple[str, str], int] = {}
        for posting in self.postings:
            if posting.currency != currency or is_apart(posting):
                continue
            in_journal: dict[tuple[str, str], int] = defaultdict(int)
            for line in self.lines.get(posting.pk, ()):
                cell = line.account, line.department
                nets[cell] += line.debit - line.credit
                in_journal[cell] += line.people
            for cell, number in in_journal.items():
                people[cell] = max(people.get(cell, 0), number)
        return RunFigures(
            currency=currency,
            people=self.pay_run.people,
            figures=tuple(
                Figure(account=cell[0], department=cell[1], amount=net, people=people[cell])
                for cell, net in sorted(nets.items())
            ),
        )

    def shows(self, account: str, department: str) -> bool:
        return not self.masks.hides_cell(account, department)

    @property
    def shows_whole(self) -> bool:
        return not self.masks.hides_run


def load_journals(pay_runs: Sequence[PayRun]) -> dict[int, tuple[list[Posting], dict[int, list[PostingLine]]]]:
    """Per run's id the journals it stands for, and their lines by journal. Two queries."""
    journals: dict[int, list[Posting]] = defaultdict(list)
    standing = Posting.objects.filter(pay_run__in=pay_runs).exclude(
        state__in=[Posting.State.SUPERSEDED, Posting.State.REJECTED]
    )
    for posting in standing.select_related("reverses").order_by("pk"):
        journals[posting.pay_run_id].append(posting)
    lines: dict[int, list[PostingLine]] = defaultdict(list)
    of_runs = [posting.pk for postings in journals.values() for posting in postings]
    for line in PostingLine.objects.filter(posting__in=of_runs).order_by("posting", "number"):
        lines[line.posting_id].append(line)
    return {run.pk: (journals[run.pk], {p.pk: lines[p.pk] for p in journals[run.pk]}) for run in pay_runs}


def comparisons(pay_run: PayRun, settings: PayrollSettings, sight: Sight) -> list[Comparison]:
    """The run against those before it, one per currency. A constant number of queries."""
    earlier = list(_before(pay_run)[:HISTORY])
    journals = load_journals([pay_run, *earlier])
    kinds = kinds_of(posting for postings, _ in journals.values() for posting in postings)
    runs = [
        _Run(
            pay_run=run,
            postings=postings,
            lines=lines,
            masks=masks_of(run, postings, lines, kinds, sight, settings.fewest_people),
        )
        for run in [pay_run, *earlier]
        for postings, lines in [journals[run.pk]]
    ]
    thresholds = Thresholds(percent=Decimal(settings.variance_percent), amount=settings.variance_amount)
    currencies = sorted({posting.currency for posting in runs[0].postings})
    return [_compared(runs, currency, thresholds) for currency in currencies]


def _before(pay_run: PayRun) -> QuerySet[PayRun]:
    """Earlier runs of the same kind and the same people that have journals, the latest first."""
    on_ledger = Posting.objects.filter(state__in=[Posting.State.POSTED, Posting.State.RECONCILED])
    same = PayRun.objects.filter(
        integration=pay_run.integration_id,
        company=pay_run.company,
        pay_group=pay_run.pay_group,
        kind=pay_run.kind,
        pk__in=on_ledger.values("pay_run"),
    )
    sooner = Q(check_date__lt=pay_run.check_date) | Q(check_date=pay_run.check_date, pk__lt=pay_run.pk)
    return same.filter(sooner).order_by("-check_date", "-pk")


def _compared(runs: Sequence[_Run], currency: str, thresholds: Thresholds) -> Comparison:
    current, before = runs[0], [run for run in runs[1:] if any(p.currency == currency for p in run.postings)]
    previous = before[0] if before else None
    history = [run.figures(currency) for run in before]
    now = current.figures(currency)
    rows = compare(now, history[0] if history else None, history, thresholds)
    whole = total(now, history[0] if history else None, history, thresholds)
    return Comparison(
        currency=currency,
        previous=previous.pay_run if previous else None,
        earlier=len(before),
        whole=Seen(
            variance=whole,
            current=current.shows_whole,
            previous=all(run.shows_whole for run in before[:1]),
            median=all(run.shows_whole for run in [current, *before]),
        ),
        rows=tuple(
            Seen(
                variance=row,
                current=current.shows(row.account, row.department),
                previous=all(run.shows(row.account, row.department) for run in before[:1]),
                median=all(run.shows(row.account, row.department) for run in [current, *before]),
            )
            for row in rows
        ),
    )


def is_apart(posting: Posting) -> bool:
    """True for what moves the same money once more, and for what takes that back."""
    return (posting.reverses.kind if posting.reverses else posting.kind) in APART
