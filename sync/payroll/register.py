"""The payroll register: what was paid to whom, checked to the cent before anything is made of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from connectors.pay_runs import PayKind, PayStatement
from sync.payroll.findings import Finding

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


class Dimensions(msgspec.Struct, frozen=True, order=True):
    """Where a cost belongs, as source ids; empty where the source says nothing."""

    company: str = ""
    department: str = ""
    location: str = ""
    job_code: str = ""


class PaidLine(msgspec.Struct, frozen=True):
    """One line of the register. ``item`` is the pay item's key (``item_key``); ``label`` the employee number.

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


def check_statements(statements: Iterable[PayStatement], *, corrects: bool) -> list[Finding]:
    """NET_DIFFERS, GROSS_DIFFERS and DIRECTION findings, one each per currency, with everybody concerned.

    Per worker and to the cent: earnings - employee taxes - employee deductions - garnishments + reimbursements = net,
    and what the source calls gross is the sum of the earnings. Amounts below zero are a finding (per kind) unless the
    run ``corrects`` earlier ones; a net below zero always is.
    """
    raise NotImplementedError


def paid_lines(statement: PayStatement, dimensions: Dimensions) -> list[PaidLine]:
    """The statement's lines where they belong.

    ``dimensions`` are the worker's own as of the check date; what the statement itself says goes first. Costs
    (DEBITED) of a worker with time shares are split by hours, exactly: the last cents go to the largest share, and
    the parts add up to the line. What is owed is not split.
    """
    raise NotImplementedError


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
    """Per currency, in order of its code."""
    raise NotImplementedError
