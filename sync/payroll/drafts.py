"""What journals are made of: the tenant's options, the facts of a run, and the drafts that come of them. Pure."""

from __future__ import annotations

import enum
import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from sync.payroll.findings import Finding


class JournalKind(enum.StrEnum):
    """What a journal is for.

    PAYROLL: everything in one. ACCRUAL: the cost and what is owed for it, and SETTLEMENT: what is owed is paid.
    MONTH_END: the share of the cost that belongs to the month the period began in, and MONTH_END_REVERSAL: the same
    taken back on the first of the next month (``months``). REVERSAL and ADJUSTMENT are corrections (``correcting``).
    """

    PAYROLL = "payroll"
    ACCRUAL = "accrual"
    SETTLEMENT = "settlement"
    MONTH_END = "month_end"
    MONTH_END_REVERSAL = "month_end_reversal"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class Detail(enum.StrEnum):
    """How fine the lines are: one per account, per account and department, or per account and worker."""

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
    ``rounding_limit`` per journal. ``cost_center_from`` is a name of PRECEDENCE. ``max_lines`` is at least 2.
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
    """What the journals say about the run: never its title, which people write and may put a name in."""

    run: str
    kind: str
    check_date: date
    pay_group: str = ""
    period_start: date | None = None
    period_end: date | None = None


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """``companies``: source company id to the ledger's company; ``default_company`` is meant where the ledger has
    one only (then no mapping is needed), None where every company must be mapped. ``cost_centers``: the mapped
    code by value of the dimension ``Options.cost_center_from``. ``departments`` and ``locations``: the source's to the
    ledger's. ``words``: (dimension, id) to its name for
    descriptions, and ("item", key) to the item's. ``account_part`` writes a code as a part of an account's text,
    ``account_text`` an account in the one way that journals have it."""

    companies: Mapping[str, str]
    default_company: str | None
    cost_centers: Mapping[str, str]
    words: Mapping[tuple[str, str], str]
    departments: Mapping[str, str] = {}
    locations: Mapping[str, str] = {}
    account_part: Callable[[str], str] = str
    account_text: Callable[[str], str] = str


class Side(enum.StrEnum):
    """Of a rule: its debit account takes what the run costs, its credit account what is owed."""

    DEBIT = "debit"
    CREDIT = "credit"


class Share(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one pay item put on a journal line: exact, before rounding; debits positive, credits negative.

    ``side`` is the rule's side it came by: a cost that is taken back is a negative amount on the DEBIT side.
    """

    item: str
    rule: int
    side: Side
    amount: Decimal
    people: int
    hours: Decimal = Decimal(0)


class DraftLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line to be posted. ``department`` is the source id where the line has one; ``worker`` is set at Detail.WORKER.

    ``people`` is how many the amount concerns: a line of one person shows that person's pay. ``shares`` add up to the
    line before it was rounded; a line without any is the rounding itself.
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
    """A balanced journal, ready for the ledger as it is: ``part`` of ``parts`` where one would be too long.

    The parts of all MONTH_END journals of a run are counted through, over its month ends; so are those that take
    them back. ``unposted`` are the shares of lines that came to zero: they belong to the sums, but not to the ledger.
    """

    kind: JournalKind
    company: str
    currency: str
    part: int
    parts: int
    posting_date: date
    description: str
    lines: tuple[DraftLine, ...]
    people: int
    unposted: tuple[Share, ...] = ()

    @property
    def key(self) -> str:
        """See ``journal_key``."""
        return journal_key(self.kind, self.company, self.currency, self.part)

    @property
    def debit(self) -> Decimal:
        """The sum of the debits, which is that of the credits."""
        return sum((line.debit for line in self.lines), Decimal(0))


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """Either journals and no finding, or findings: then the journals hold what could be placed, for a person to look
    at, and must not be posted."""

    journals: tuple[DraftJournal, ...]
    findings: tuple[Finding, ...]


def journal_key(kind: JournalKind, company: str, currency: str, part: int) -> str:
    """What tells the journals of a run apart."""
    return f"{kind.value}:{company}:{currency}:{part}"


AGAIN = "#"
"""In a key, what marks a journal that stands in for one of the same place that was reversed."""


def place_of(key: str) -> str:
    """The key of the journal that this one stands in for."""
    return key.partition(AGAIN)[0]


FORMAT = 1


def content_hash(journal: DraftJournal, salt: uuid.UUID) -> str:
    """SHA-256 (hex) over everything that is posted and approved: company, currency, date, description, lines.

    ``salt`` is the journal's own, told to nobody who may not see all of its amounts: without it, a masked amount could
    be guessed until the hash is right. Equal amounts count as equal however many zeros they are written with.
    """
    content = [
        FORMAT,
        salt,
        journal.company,
        journal.currency,
        journal.posting_date,
        journal.description,
        [[line.account, _plain(line.debit), _plain(line.credit), line.description] for line in journal.lines],
    ]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
