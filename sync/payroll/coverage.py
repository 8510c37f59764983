"""How much of what was paid has a rule, in money and not in rows: per run, per pay item, and from run to run.

Amounts are without their signs, so that a correction hides nothing. Lines of nothing need no rule and do not count.
Every amount says how many people it concerns: whoever may not see one person's pay may not see it if it is one's.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Sum
from django.db.models.functions import Abs

from connectors.pay_runs import PayKind
from sync.models import AccountRule, Integration, PaidLine, PayItem, PayRun
from sync.payroll.account_rules import rule_of
from sync.payroll.money import ZERO
from sync.payroll.register import Dimensions
from sync.payroll.rule_checks import ACCOUNTS, Chart
from sync.payroll.rules import PRECEDENCE, RuleTable
from sync.payroll.surroundings import load_rules

RUNS = 6
"""So many runs make a history."""

LATEST = 3
"""So many of the latest runs say what an item is worth: different groups are paid in different runs."""

TOTAL, OVERRIDE, DEFAULT, WITHOUT = "total", "override", "default", "without"


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """Money without its signs, on how many lines of the register, and how many people it concerns."""

    amount: Decimal = ZERO
    lines: int = 0
    people: int = 0


class RunCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One currency of a run: ``ruled`` by an ``override`` (a rule limited to a dimension) or by an item's
    ``default``, and what is ``without`` a rule."""

    currency: str
    total: Weight
    ruled: Weight
    override: Weight
    default: Weight
    without: Weight

    @property
    def percent(self) -> int:
        """The share of the money that has a rule, rounded down; 100 when there is none."""
        return int(100 * self.ruled.amount / self.total.amount) if self.total.amount else 100


class ItemState(enum.StrEnum):
    """UNMAPPED: some of it has no rule. INACTIVE: a rule names an account that is not active. DEFAULT: all of it goes
    by one rule without limits. MAPPED: there are rules for departments or other places too."""

    UNMAPPED = "unmapped"
    INACTIVE = "inactive"
    DEFAULT = "default"
    MAPPED = "mapped"


class ItemCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One pay item with its rules of whatever dates, and by currency what the latest runs paid of it: in all, by an
    ``override``, by its ``default``, and ``without`` a rule."""

    item: str
    kind: PayKind
    name: str
    state: ItemState
    rules: list[AccountRule]
    total: Mapping[str, Weight]
    override: Mapping[str, Weight]
    default: Mapping[str, Weight]
    without: Mapping[str, Weight]


def coverage(pay_run: PayRun) -> list[RunCoverage]:
    """By currency, going by the rules as they are now and hold on the check date. Two queries."""
    return _coverages(pay_run.integration, [pay_run])[0]


def history(integration: Integration, runs: int = RUNS) -> list[tuple[PayRun, list[RunCoverage]]]:
    """``coverage`` of the latest runs, the latest first. Three queries."""
    latest = latest_runs(integration, runs)
    return list(zip(latest, _coverages(integration, latest), strict=True))


def items_of(integration: Integration, *, on: date, runs: int = LATEST) -> list[ItemCoverage]:
    """Every pay item that was seen or has a rule, by kind and name, going by the rules that hold on a day.

    The money is that of the latest ``runs``. Constant number of queries.
    """
    rules: dict[str, list[AccountRule]] = defaultdict(list)
    for row in AccountRule.objects.filter(integration=integration):
        rules[row.item].append(row)
    names = dict(PayItem.objects.filter(integration=integration).values_list("key", "name"))
    table = RuleTable((rule_of(row) for rows in rules.values() for row in rows), on)
    scales: dict[tuple[str, str], _Scales] = defaultdict(_Scales)
    for heap in _heaps(latest_runs(integration, runs)):
        for word in (TOTAL, _word(table, heap)):
            scales[heap.item, word].add(heap.currency, heap)
    chart = Chart(integration)
    found = []
    for item in {*names, *rules}:
        held = [row for row in rules[item] if row.valid_from <= on and (row.valid_to is None or on < row.valid_to)]
        found.append(
            ItemCoverage(
                item=item,
                kind=PayKind(item.partition(":")[0]),
                name=names.get(item) or item.partition(":")[2],
                state=_state(held, bool(scales[item, WITHOUT].heaps), chart),
                rules=rules[item],
                **{word: scales[item, word].weights() for word in (TOTAL, OVERRIDE, DEFAULT, WITHOUT)},
            )
        )
    return sorted(found, key=lambda one: (list(PayKind).index(one.kind), one.name.casefold(), one.item))


def _state(held: Sequence[AccountRule], lacks_rule: bool, chart: Chart) -> ItemState:
    if lacks_rule or not held:
        return ItemState.UNMAPPED
    if any(chart.problem(text) for row in held for name in ACCOUNTS if (text := getattr(row, name))):
        return ItemState.INACTIVE
    limited = any(getattr(row, name) for row in held for name in PRECEDENCE)
    return ItemState.MAPPED if limited else ItemState.DEFAULT


def latest_runs(integration: Integration, runs: int = LATEST) -> list[PayRun]:
    """The latest runs that have a register, the latest first. One query."""
    read = PayRun.objects.filter(integration=integration, read_at__isnull=False).exclude(state=PayRun.State.VOID)
    return list(read.select_related("integration").order_by("-check_date", "-pk")[:runs])


class _Heap(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one run that a rule cannot tell apart."""

    run: int
    item: str
    currency: str
    dimensions: Dimensions
    amount: Decimal
    lines: int
    workers: list[str]


def _heaps(pay_runs: Iterable[PayRun]) -> Iterator[_Heap]:
    """The registers of these runs. One query."""
    rows = PaidLine.objects.filter(pay_run__in=[run.pk for run in pay_runs]).exclude(amount=0).order_by()
    alike = rows.values_list("pay_run_id", "item", "currency", "company", "department", "location", "job_code")
    weighed = alike.annotate(money=Sum(Abs("amount")), number=Count("pk"), people=ArrayAgg("worker", distinct=True))
    for run, item, currency, company, department, location, job_code, amount, lines, workers in weighed.iterator():
        place = Dimensions(company=company, department=department, location=location, job_code=job_code)
        yield _Heap(
            run=run, item=item, currency=currency, dimensions=place, amount=amount, lines=lines, workers=workers
        )


def _word(table: RuleTable, heap: _Heap) -> str:
    """By which sort of rule it goes."""
    choice = table.choose(heap.item, heap.dimensions)
    return WITHOUT if choice is None else OVERRIDE if choice.because else DEFAULT


class _Scales:
    """Heaps by a word, and what they weigh together."""

    def __init__(self) -> None:
        self.heaps: dict[str, list[_Heap]] = defaultdict(list)

    def add(self, word: str, heap: _Heap) -> None:
        self.heaps[word].append(heap)

    def weight(self, *words: str) -> Weight:
        """All heaps of these words together."""
        heaps = [heap for word in words for heap in self.heaps.get(word, ())]
        return Weight(
            amount=sum((heap.amount for heap in heaps), ZERO),
            lines=sum(heap.lines for heap in heaps),
            people=len({worker for heap in heaps for worker in heap.workers}),
        )

    def weights(self) -> dict[str, Weight]:
        """By word."""
        return {word: self.weight(word) for word in sorted(self.heaps)}


def _coverages(integration: Integration, pay_runs: Sequence[PayRun]) -> list[list[RunCoverage]]:
    """Of each run, in their order."""
    rules = load_rules(integration)
    tables = {run.check_date: RuleTable(rules, run.check_date) for run in pay_runs}
    table_of = {run.pk: tables[run.check_date] for run in pay_runs}
    scales: dict[int, dict[str, _Scales]] = {run.pk: defaultdict(_Scales) for run in pay_runs}
    for heap in _heaps(pay_runs):
        scales[heap.run][heap.currency].add(_word(table_of[heap.run], heap), heap)
    return [
        [
            RunCoverage(
                currency=currency,
                total=of.weight(OVERRIDE, DEFAULT, WITHOUT),
                ruled=of.weight(OVERRIDE, DEFAULT),
                override=of.weight(OVERRIDE),
                default=of.weight(DEFAULT),
                without=of.weight(WITHOUT),
            )
            for currency, of in sorted(scales[run.pk].items())
        ]
        for run in pay_runs
    ]
