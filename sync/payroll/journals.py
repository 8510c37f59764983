"""From a register to balanced journals. Pure: the same register, rules and options give the same bytes for ever.

Every line of the register ends on an account, or the whole run has findings and is not posted; nothing is left out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from sync.payroll.findings import Finding
from sync.payroll.register import PaidLine
from sync.payroll.rules import RuleTable


class JournalKind(enum.StrEnum):
    """What a journal is for.

    PAYROLL: everything in one. ACCRUAL: the cost and what is owed for it, and SETTLEMENT: what is owed is paid.
    MONTH_END: the share of the cost that belongs to the month the period began in, and MONTH_END_REVERSAL: the same
    taken back on the first of the next month. REVERSAL and ADJUSTMENT are corrections (``correcting``).
    """

    PAYROLL = "payroll"
    ACCRUAL = "accrual"
    SETTLEMENT = "settlement"
    MONTH_END = "month_end"
    MONTH_END_REVERSAL = "month_end_reversal"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class Detail(enum.StrEnum):
    """How fine the lines are: one per account, per account and department (and the other dimensions the account's
    text does not already show), or per account and worker."""

    ACCOUNT = "account"
    DEPARTMENT = "department"
    WORKER = "worker"


class Split(enum.StrEnum):
    """How the cost of a period over a month end is shared out: not at all, by calendar days, by Mondays to Fridays."""

    NONE = "none"
    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant decided, and what the ledger takes.

    ``separate_settlement`` makes an ACCRUAL and a SETTLEMENT of what is otherwise one PAYROLL journal. Amounts are
    rounded (half up) to the currency's minor unit; what that leaves goes to ``rounding_account``, at most
    ``rounding_limit`` per journal. ``cost_center_from`` is a name of PRECEDENCE.
    """

    detail: Detail = Detail.DEPARTMENT
    separate_settlement: bool = False
    cost_center_from: str = "department"
    rounding_account: str = ""
    rounding_limit: Decimal = Decimal("1.00")
    month_end: Split = Split.NONE
    accrued_account: str = ""
    max_lines: int = 1000


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the journals say about the run. ``title`` is short and without names of people."""

    run: str
    title: str
    check_date: date
    period_start: date | None = None
    period_end: date | None = None


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """``companies``: source company id to the ledger's company; ``default_company`` is meant where the ledger has
    one only (then no mapping is needed), None where every company must be mapped. ``cost_centers``: the mapped
    code by value of the dimension ``Options.cost_center_from``. ``words``: (dimension, id) to its name for
    descriptions, and ("item", key) to the item's."""

    companies: Mapping[str, str]
    default_company: str | None
    cost_centers: Mapping[str, str]
    words: Mapping[tuple[str, str], str]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one pay item put on a journal line: exact, before rounding; debits positive, credits negative."""

    item: str
    rule: int
    amount: Decimal
    people: int
    hours: Decimal = Decimal(0)


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be posted. ``department`` is the source id where the line has one; ``worker`` is set at Detail.WORKER.

    ``people`` is how many the amount concerns: a line of one person shows that person's pay.
    """

    number: int
    account: str
    debit: Decimal
    credit: Decimal
    description: str
    department: str = ""
    cost_center: str = ""
    worker: str = ""
    people: int = 0
    shares: tuple[Share, ...] = ()


class DraftJournal(msgspec.Struct, frozen=True, kw_only=True):
    """A balanced journal, ready for the ledger as it is: ``part`` of ``parts`` where one would be too long."""

    kind: JournalKind
    company: str
    currency: str
    part: int
    parts: int
    posting_date: date
    description: str
    lines: tuple[DraftLine, ...]
    people: int

    @property
    def key(self) -> str:
        """What tells the journals of a run apart."""
        return f"{self.kind.value}:{self.company}:{self.currency}:{self.part}"

    @property
    def debit(self) -> Decimal:
        """The sum of the debits, which is that of the credits."""
        return sum((line.debit for line in self.lines), Decimal(0))


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """Either journals and no finding, or findings: then the journals hold what could be placed, for a person to look
    at, and must not be posted."""

    journals: tuple[DraftJournal, ...]
    findings: tuple[Finding, ...]


def build(
    facts: RunFacts, lines: Iterable[PaidLine], rules: RuleTable, around: Surroundings, options: Options
) -> Built:
    """The journals of a run: by kind, company, currency and part; lines by account, department, worker, debit first.

    The sum of each journal equals the register's to the cent; the rounding line is apart and visible. A net amount
    below zero on a side goes to the other side. Lines that come to zero are left out. Findings: NO_RULE (also for a
    side the rule lacks, named in ``detail``), NO_COST_CENTER, NO_COMPANY, NO_ROUNDING_ACCOUNT, ROUNDING, UNBALANCED,
    NO_ACCRUAL_ACCOUNT.
    """
    raise NotImplementedError


def content_hash(journal: DraftJournal) -> str:
    """SHA-256 (hex) over everything that is posted and approved: company, currency, date, description, lines."""
    raise NotImplementedError


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency (ISO 4217): 0.01 for most, 1 for JPY, 0.001 for KWD."""
    raise NotImplementedError
