"""Where the money of a register goes: one posting per account and place, and a finding for all that has none. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache

import msgspec

from connectors.pay_runs import PayKind
from sync.payroll.drafts import Detail, Options, Side, Surroundings
from sync.payroll.findings import FindingCode, Tally
from sync.payroll.money import ZERO, minor_unit
from sync.payroll.register import CREDITED, DEBITED, Dimensions, PaidLine
from sync.payroll.rules import PLACEHOLDERS, Rule, RuleTable, placeholders


class Posting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Money of one pay item on one account: exact, debits positive, credits negative.

    ``company`` is the ledger's. ``settlement`` is the account it is settled from and its cost center, if it is.
    """

    company: str
    currency: str
    account: str
    cost_center: str
    department: str
    worker: str
    item: str
    rule: int
    side: Side
    amount: Decimal
    hours: Decimal
    workers: frozenset[str]
    settlement: tuple[str, str] | None = None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """``postings`` of all that could be placed; ``tally`` says what could not. ``differences``: by how much the
    register's debits exceed its credits, by the ledger's company and currency. ``dusty``: there, the workers with
    amounts finer than the currency's unit. ``labels``: worker to label."""

    postings: list[Posting]
    differences: dict[tuple[str, str], Decimal]
    dusty: dict[tuple[str, str], set[str]]
    labels: dict[str, str]
    tally: Tally

    def dust(self, company: str, currency: str) -> Decimal:
        """By how much debits and credits may differ and still be one register: half a unit for each worker with finer
        amounts, because net pay is paid in whole units. Each statement was checked by itself before."""
        return minor_unit(currency) / 2 * len(self.dusty.get((company, currency), ()))


def place(lines: Iterable[PaidLine], rules: RuleTable, around: Surroundings, options: Options) -> Placed:
    """Every line of the register on the accounts of its rule, or in a finding (NO_COMPANY, NO_RULE, NO_COST_CENTER,
    NOT_MAPPED).

    Lines of nothing are nobody's pay: they need no rule, and nobody is counted for them.
    """
    heaps, labels = _heaped(lines, by_worker=options.detail is Detail.WORKER)
    placed = Placed(postings=[], differences={}, dusty={}, labels=labels, tally=Tally())
    for heap in heaps:
        _Placing(heap, placed, around, options).place(rules)
    return placed


class _Heap:
    """Lines that go the same way: ``amount`` is their sum, ``moved`` that of their absolute amounts."""

    __slots__ = ("amount", "currency", "dimensions", "dusty", "hours", "item", "kind", "moved", "worker", "workers")

    def __init__(self, line: PaidLine, worker: str) -> None:
        self.kind, self.item, self.currency, self.dimensions = line.kind, line.item, line.currency, line.dimensions
        self.worker = worker
        self.amount = self.moved = self.hours = ZERO
        self.workers: set[str] = set()
        self.dusty: set[str] = set()


def _heaped(lines: Iterable[PaidLine], *, by_worker: bool) -> tuple[list[_Heap], dict[str, str]]:
    """The heaps, and the workers' labels."""
    heaps: dict[tuple[str, str, Dimensions, PayKind, str], _Heap] = {}
    labels: dict[str, str] = {}
    unit_of = cache(minor_unit)
    for line in lines:
        amount = line.amount
        if not amount:
            continue
        worker = line.worker if by_worker else ""
        key = (line.item, line.currency, line.dimensions, line.kind, worker)
        heap = heaps.get(key)
        if heap is None:
            heap = heaps[key] = _Heap(line, worker)
        heap.amount += amount
        heap.moved += abs(amount)
        if line.hours is not None:
            heap.hours += line.hours
        heap.workers.add(line.worker)
        if amount % unit_of(line.currency):
            heap.dusty.add(line.worker)
        labels[line.worker] = line.label
    return list(heaps.values()), labels


class _Placing:
    """One heap on its way to its accounts."""

    def __init__(self, heap: _Heap, placed: Placed, around: Surroundings, options: Options) -> None:
        self.heap, self.placed, self.around, self.options = heap, placed, around, options
        self.workers = frozenset(heap.workers)
        self.causes: set[tuple[str, ...]] = set()

    def place(self, rules: RuleTable) -> None:
        heap = self.heap
        company = self.around.companies.get(heap.dimensions.company, self.around.default_company)
        if company is None:
            self._missing(FindingCode.NO_COMPANY, "company", heap.dimensions.company)
        else:
            sides = (heap.kind in DEBITED) - (heap.kind in CREDITED)
            so_far = self.placed.differences.get((company, heap.currency), ZERO)
            self.placed.differences[company, heap.currency] = so_far + sides * heap.amount
            if heap.dusty:
                self.placed.dusty.setdefault((company, heap.currency), set()).update(heap.dusty)
        choice = rules.choose(heap.item, heap.dimensions)
        if choice is None:
            self._missing(FindingCode.NO_RULE, "item", heap.item)
            return
        if heap.kind in DEBITED:
            self._post(company, choice.rule, Side.DEBIT)
        if heap.kind in CREDITED:
            self._post(company, choice.rule, Side.CREDIT)

    def _post(self, company: str | None, rule: Rule, side: Side) -> None:
        heap = self.heap
        text = rule.debit if side is Side.DEBIT else rule.credit
        if not text:
            self._missing(FindingCode.NO_RULE, "item", heap.item, f"{side.value} account")
            return
        account = self._account(text)
        settled = side is Side.CREDIT and self.options.separate_settlement and rule.settlement
        settlement = self._account(rule.settlement) if settled else None
        if company is None or account is None or (settled and settlement is None):
            return
        self.placed.postings.append(
            Posting(
                company=company,
                currency=heap.currency,
                account=account[0],
                cost_center=account[1],
                department=heap.dimensions.department if self.options.detail is Detail.DEPARTMENT else "",
                worker=heap.worker,
                item=heap.item,
                rule=rule.id,
                side=side,
                amount=heap.amount if side is Side.DEBIT else -heap.amount,
                hours=heap.hours,
                workers=self.workers,
                settlement=settlement,
            )
        )

    def _account(self, text: str) -> tuple[str, str] | None:
        """The account's number and the cost center in it, None (and a finding for each) where something is not
        mapped."""
        filled = {place: self._mapped(PLACEHOLDERS[place]) for place in placeholders(text)}
        if not all(filled.values()):
            return None
        for place, value in filled.items():
            text = text.replace(place, self.around.account_part(value))
        return self.around.account_text(text), filled.get("{cost_center}", "")

    def _mapped(self, kind: str) -> str:
        """What the heap's dimension means on the ledger; empty (and a finding) where that is not mapped."""
        if kind == "cost_center":
            code, name, mapped = FindingCode.NO_COST_CENTER, self.options.cost_center_from, self.around.cost_centers
        else:
            code, name = FindingCode.NOT_MAPPED, kind
            mapped = self.around.departments if kind == "department" else self.around.locations
        value = getattr(self.heap.dimensions, name)
        if not mapped.get(value):
            self._missing(code, name, value)
        return mapped.get(value, "")

    def _missing(self, code: FindingCode, kind: str, culprit: str, detail: str = "") -> None:
        """The money of a heap is in a finding once, also where two of its accounts lack the same."""
        cause = (code, kind, culprit, detail)
        if cause in self.causes:
            return
        self.causes.add(cause)
        heap = self.heap
        people = [self.placed.labels[worker] for worker in heap.workers]
        self.placed.tally.add(
            code, kind, culprit, amount=heap.moved, currency=heap.currency, people=people, detail=detail
        )
