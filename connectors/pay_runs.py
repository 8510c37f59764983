"""Our own words for what a payroll paid: runs, each worker's pay in them, and the lines of it.

Amounts are exact decimals in the statement's currency and in the payroll's own sense: positive is what the kind
usually is (a tax withheld, a net paid out), negative takes it back.
"""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from connectors.records import UnreadableRecord


class PayKind(enum.StrEnum):
    """What a pay item is. Gross pay is the sum of the earnings; reimbursements come on top of it."""

    EARNING = "earning"
    REIMBURSEMENT = "reimbursement"
    EMPLOYEE_TAX = "employee_tax"
    EMPLOYEE_DEDUCTION = "employee_deduction"
    GARNISHMENT = "garnishment"
    NET_PAY = "net_pay"
    EMPLOYER_TAX = "employer_tax"
    EMPLOYER_CONTRIBUTION = "employer_contribution"


class PayRunState(enum.StrEnum):
    """Where a run stands in payroll. ``VOID`` is any end without payment; ``UNKNOWN`` a state we have no word for."""

    DRAFT = "draft"
    APPROVED = "approved"
    PAID = "paid"
    VOID = "void"
    UNKNOWN = "unknown"


class PayRunKind(enum.StrEnum):
    """What kind of run it is. ``OTHER`` keeps its meaning in ``PayRun.source_kind``."""

    REGULAR = "regular"
    OFF_CYCLE = "off_cycle"
    CORRECTION = "correction"
    OTHER = "other"


class PayRun(msgspec.Struct, frozen=True, kw_only=True):
    """One pay run's header. Dates are the employer's local calendar dates.

    ``company_id`` is the legal entity (``OrgUnit.id`` of kind company), None where the source says none.
    ``pay_group`` names the schedule or frequency its people are paid on, empty where it has none.
    ``source_state`` and ``source_kind`` are the source's own words.
    """

    id: str
    title: str
    state: PayRunState
    source_state: str
    kind: PayRunKind
    source_kind: str
    check_date: date
    period_start: date | None = None
    period_end: date | None = None
    pay_group: str = ""
    company_id: str | None = None


class PayLine(msgspec.Struct, frozen=True):
    """One pay item on one worker's statement. ``code`` is the source's code of the item, its name where it has none.

    ``hours`` is None for what is not paid by the hour.
    """

    kind: PayKind
    code: str
    name: str
    amount: Decimal
    hours: Decimal | None = None


class TimeShare(msgspec.Struct, frozen=True, kw_only=True):
    """Hours a worker spent on something in the run's period. A field that is None is the worker's own."""

    hours: Decimal
    department_id: str | None = None
    location_id: str | None = None
    job_code_id: str | None = None


class PayStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's pay in one run. ``lines`` include the net pay; ``gross`` is what the source says, if it does.

    A dimension that is ``UNSET`` is not on the source's record: the worker's own as of the check date is meant.
    ``time_shares`` is empty where the source has none.
    """

    id: str
    worker_id: str
    worker_number: str = ""
    currency: str
    gross: Decimal | None = None
    lines: tuple[PayLine, ...]
    company_id: str | None | UnsetType = UNSET
    department_id: str | None | UnsetType = UNSET
    location_id: str | None | UnsetType = UNSET
    job_code_id: str | None | UnsetType = UNSET
    time_shares: tuple[TimeShare, ...] = ()


class PayPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a run's statements, and the records in it that could not be read."""

    statements: list[PayStatement]
    unreadable: list[UnreadableRecord] = []
