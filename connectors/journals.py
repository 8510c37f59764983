"""Our own words for what a ledger holds: journals, fiscal periods, and the activity of accounts.

Amounts are exact decimals in the journal's currency; none is negative, and a line has either a debit or a credit.
"""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``account`` is the account's number as people write it, all segments included."""

    account: str
    description: str
    debit: Decimal = ZERO
    credit: Decimal = ZERO


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal to be posted. ``reference`` is ours, unique for ever, and is found again on the ledger.

    ``company`` is the ledger's own company (plant, legal entity), None where the connection has one only.
    ``content_hash`` (hex) covers everything that is posted; it is left on the ledger beside the reference. ``id`` is
    the ledger's own once it was seen there: a ledger that can looks there as well, should somebody have removed ours.
    """

    reference: str
    company: str | None
    currency: str
    posting_date: date
    description: str
    lines: tuple[JournalLine, ...]
    content_hash: str = ""
    id: str = ""

    @property
    def debit(self) -> Decimal:
        """The sum of the debits."""
        return sum((line.debit for line in self.lines), ZERO)

    @property
    def credit(self) -> Decimal:
        """The sum of the credits."""
        return sum((line.credit for line in self.lines), ZERO)


class PostedJournal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal as the ledger holds it. ``number`` is what people look it up by.

    ``content_hash`` is the one left beside our reference, or its beginning where there is no room for all of it;
    empty where there is none. ``booked`` is True once the ledger lets nobody change it any more. ``complete`` is False
    while the ledger has a part of it only, because writing it was interrupted: posting the same journal again then
    writes the rest, and never a second one. ``currency`` is empty where the ledger does not say one.

    ``differs`` says, in words without amounts that complete "but …", how it differs from the journal that was asked for
    in what its lines do not show; such a journal is another one. ``totals_only`` is True where the ledger keeps no
    lines of what is booked and has the totals of the journal that was asked for: ``lines`` are that one's, and accounts
    show none of it.
    """

    id: str
    number: str
    reference: str
    company: str | None
    posting_date: date
    period: str
    lines: tuple[JournalLine, ...]
    content_hash: str = ""
    currency: str = ""
    booked: bool = False
    complete: bool = True
    differs: str = ""
    totals_only: bool = False

    def departure(self, journal: Journal) -> str:
        """How it differs from ``journal`` beyond accounts and amounts of lines, completing "but …"; empty when it does
        not. Without lines it has no day of its own."""
        if self.differs:
            return self.differs
        if self.currency and self.currency != journal.currency:
            return "it is in another currency"
        return "it is on another day" if self.lines and self.posting_date != journal.posting_date else ""

    @property
    def debit(self) -> Decimal:
        """The sum of the debits."""
        return sum((line.debit for line in self.lines), ZERO)

    @property
    def credit(self) -> Decimal:
        """The sum of the credits."""
        return sum((line.credit for line in self.lines), ZERO)


class PeriodState(enum.StrEnum):
    """Whether a fiscal period takes journals. ``SOFT_CLOSED`` does so only from users with a special right."""

    OPEN = "open"
    SOFT_CLOSED = "soft_closed"
    CLOSED = "closed"


class FiscalPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """One period of a company's books under the ledger's own name; both days belong to it."""

    name: str
    begin: date
    end: date
    state: PeriodState


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an account's activity, whoever posted it. ``journal`` is the number of its journal."""

    account: str
    journal: str
    posting_date: date
    description: str = ""
    debit: Decimal = ZERO
    credit: Decimal = ZERO
