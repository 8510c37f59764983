"""The payroll register: what was paid to whom, checked to the cent before anything is made of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from connectors.pay_runs import PayKind, PayStatement
from sync.payroll.findings import Finding, FindingCode, Tally
from sync.payroll.money import ZERO, minor_unit, rounded, shared_out

DEBITED = frozenset({PayKind.EARNING, PayKind.REIMBURSEMENT, PayKind.EMPLOYER_TAX, PayKind.EMPLOYER_CONTRIBUTION})
"""Kinds that cost the company something: their amount is debited."""

CREDITED = frozenset(
    {
        PayKind.EMPLOYEE_TAX,
        PayKind.EMPLOYEE_DEDUCTION,
        PayKind.GARNISHMENT,
        PayKind.NET_PAY,
        PayKind.EMPLOYER_TAX,
        PayKind.EMPLOYER_CONTRIBUTION,
    }
)
"""Kinds that are owed to somebody: their amount is credited. What the employer adds is both."""


class Dimensions(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a cost belongs, as source ids; empty where the source says nothing."""

    company: str = ""
    department: str = ""
    location: str = ""
    job_code: str = ""


class PaidLine(msgspec.Struct, frozen=True, gc=False):
    """One line of the register. ``item`` is the pay item's key (``item_key``); ``label`` the employee number, the
    worker's source id where there is none.

    ``amount`` is exact, in ``currency``, in the payroll's own sense. A line of a worker whose time was split comes as
    several, whose amounts add up to it.
    """

    worker: str
    label: str
    kind: PayKind
    item: str
    amount: Decimal
    currency: str
    dimensions: Dimensions
    hours: Decimal | None = None


def item_key(kind: PayKind, code: str) -> str:
    """The key of a pay item: the same code may be a deduction and a contribution, which are two items."""
    return f"{kind.value}:{code}"


PAID_OUT = frozenset({PayKind.EARNING, PayKind.REIMBURSEMENT})
KEPT_BACK = frozenset({PayKind.EMPLOYEE_TAX, PayKind.EMPLOYEE_DEDUCTION, PayKind.GARNISHMENT})


def check_statements(statements: Iterable[PayStatement], *, corrects: bool) -> list[Finding]:
    """NET_DIFFERS, GROSS_DIFFERS and DIRECTION findings, one each per currency, with everybody concerned.

    Per statement and to the cent: earnings - employee taxes - employee deductions - garnishments + reimbursements =
    net, and what the source calls gross is the sum of the earnings. Both sides are summed exactly, then rounded to
    the currency's minor unit, then compared; the finding's amount is the sum of the exact differences, none of them
    set off against another. Amounts below zero are a finding (per kind) unless the run ``corrects`` earlier ones; a
    net below zero always is.
    """
    tally = Tally()
    for statement in statements:
        _check(statement, corrects, tally)
    return tally.findings()


def _check(statement: PayStatement, corrects: bool, tally: Tally) -> None:
    gross = expected = net = ZERO
    for line in statement.lines:
        kind, amount = line.kind, line.amount
        if kind is PayKind.NET_PAY:
            net += amount
            continue
        if kind in PAID_OUT:
            expected += amount
            if kind is PayKind.EARNING:
                gross += amount
        elif kind in KEPT_BACK:
            expected -= amount
        if amount < ZERO and not corrects:
            _found(tally, FindingCode.DIRECTION, kind, -amount, statement)
    if net < ZERO:
        _found(tally, FindingCode.DIRECTION, PayKind.NET_PAY, -net, statement)
    unit = minor_unit(statement.currency)
    if rounded(net, unit) != rounded(expected, unit):
        _found(tally, FindingCode.NET_DIFFERS, PayKind.NET_PAY, abs(net - expected), statement)
    if statement.gross is not None and rounded(statement.gross, unit) != rounded(gross, unit):
        _found(tally, FindingCode.GROSS_DIFFERS, PayKind.EARNING, abs(statement.gross - gross), statement)


def _found(tally: Tally, code: FindingCode, kind: PayKind, amount: Decimal, statement: PayStatement) -> None:
    tally.add(code, kind.value, amount=amount, currency=statement.currency, people=[label_of(statement)])


def label_of(statement: PayStatement) -> str:
    """What staff know the worker by: the employee number, the source id where there is none."""
    return statement.worker_number or statement.worker_id


def paid_lines(statement: PayStatement, dimensions: Dimensions) -> list[PaidLine]:
    """The statement's lines where they belong.

    ``dimensions`` are the worker's own as of the check date; what the statement itself says goes first. Costs
    (DEBITED) of a worker with time shares are split by hours: to the cent, or as finely as the source states the
    amount; the last cents go to the largest share, and the parts add up to the line. What is owed is not split.
    """
    place = _own_place(statement, dimensions)
    label, worker, currency = label_of(statement), statement.worker_id, statement.currency
    shares = _hours_by_place(statement, place)
    lines = []
    for line in statement.lines:
        item = item_key(line.kind, line.code)
        if shares and line.kind in DEBITED:
            unit, weights = minor_unit(currency), list(shares.values())
            amounts = _split(line.amount, weights, unit)
            hours = [None] * len(shares) if line.hours is None else _split(line.hours, weights, HOURS_UNIT)
            lines += [
                PaidLine(worker, label, line.kind, item, amount, currency, where, part)
                for where, amount, part in zip(shares, amounts, hours, strict=True)
            ]
        else:
            lines.append(PaidLine(worker, label, line.kind, item, line.amount, currency, place, line.hours))
    return lines


HOURS_UNIT = Decimal("0.01")


def _split(amount: Decimal, weights: list[Decimal], unit: Decimal) -> list[Decimal]:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return shared_out(amount, weights, min(unit, Decimal(1).scaleb(exponent)))


def _own_place(statement: PayStatement, own: Dimensions) -> Dimensions:
    stated = (statement.company_id, statement.department_id, statement.location_id, statement.job_code_id)
    if stated == (UNSET, UNSET, UNSET, UNSET):
        return own
    company, department, location, job_code = stated
    return Dimensions(
        _first(company, own.company),
        _first(department, own.department),
        _first(location, own.location),
        _first(job_code, own.job_code),
    )


def _first(stated: str | None | UnsetType, own: str) -> str:
    """An empty value on the statement is a statement too: the worker belongs nowhere there."""
    return own if stated is UNSET else stated or ""


def _hours_by_place(statement: PayStatement, own: Dimensions) -> dict[Dimensions, Decimal]:
    """Hours worked per place, the most first; shares without hours count for nothing."""
    hours: dict[Dimensions, Decimal] = {}
    for share in statement.time_shares:
        place = Dimensions(
            own.company,
            own.department if share.department_id is None else share.department_id,
            own.location if share.location_id is None else share.location_id,
            own.job_code if share.job_code_id is None else share.job_code_id,
        )
        if share.hours > ZERO:
            hours[place] = hours.get(place, ZERO) + share.hours
    return dict(sorted(hours.items(), key=lambda found: (-found[1], found[0])))


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The register of one currency in figures: by kind, and how many people."""

    currency: str
    by_kind: dict[PayKind, Decimal]
    people: int

    @property
    def debit(self) -> Decimal:
        """What the run costs the company."""
        return sum((amount for kind, amount in self.by_kind.items() if kind in DEBITED), Decimal(0))

    @property
    def credit(self) -> Decimal:
        """What it owes: to people, authorities, funds."""
        return sum((amount for kind, amount in self.by_kind.items() if kind in CREDITED), Decimal(0))


def totals(lines: Iterable[PaidLine]) -> list[Totals]:
    """Per currency, in order of its code. Only kinds that occur are in ``by_kind``."""
    sums: dict[str, dict[PayKind, Decimal]] = {}
    people: dict[str, set[str]] = {}
    for line in lines:
        by_kind = sums.get(line.currency)
        if by_kind is None:
            by_kind, people[line.currency] = sums.setdefault(line.currency, {}), set()
        by_kind[line.kind] = by_kind.get(line.kind, ZERO) + line.amount
        people[line.currency].add(line.worker)
    return [
        Totals(currency=currency, by_kind=sums[currency], people=len(people[currency])) for currency in sorted(sums)
    ]
