"""Dynamics as a ledger: accounts, companies, fiscal periods, journals, and what was entered on an account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from connectors.dynamics.dimensions import Dimensions
from connectors.dynamics.display import MAIN_ACCOUNT, Format, display, read_account
from connectors.dynamics.journal_checks import JournalChecks
from connectors.dynamics.journal_groups import most_lines
from connectors.dynamics.journal_lines import key_of, values_of
from connectors.dynamics.journals import Journals
from connectors.dynamics.ledgers import Ledgers
from connectors.dynamics.literals import begins, between, both, either, equal, read_day
from connectors.dynamics.odata import OData
from connectors.dynamics.settings import DynamicsSettings
from connectors.dynamics.structures import Structures
from connectors.errors import RecordRejectedError
from connectors.journals import FiscalPeriod, Journal, LedgerLine, PostedJournal
from connectors.records import Account

LINES = "LedgerJournalLines"
LEDGER_FORMAT, CURRENCY_OF = "ledger_format", "currency of {}"
"""What a check learns: the active format as JSON, and by legal entity the currency of its books."""


class _Posted(msgspec.Struct, frozen=True, rename="pascal"):
    """A line and, in the same row, what stands against it; companies may be in upper case (dynamics §2)."""

    journal_batch_number: str
    trans_date: str
    account_type: str | None
    account_display_value: str | None
    offset_account_type: str | None
    offset_account_display_value: str | None
    debit_amount: Decimal
    credit_amount: Decimal
    text: str | None
    company: str | None
    offset_company: str | None


class Books:
    """The books of a connection's legal entities: a ``LedgerTarget`` without the client. Thread-safe."""

    def __init__(self, odata: OData, settings: DynamicsSettings) -> None:
        self._odata = odata
        self._settings = settings
        self._ledgers = Ledgers(odata)
        self.dimensions = Dimensions(odata)
        self._checks = JournalChecks(self.dimensions, Structures(odata), self._ledgers, settings.books)
        self._journals = Journals(odata, self.dimensions, self._checks, self._ledgers.period_name)
        self.max_lines = most_lines(settings.books.lines_per_journal, settings.books.lines_per_voucher)
        self._learned = odata.context.learned
        known = self._learned.get(LEDGER_FORMAT)
        self._known_format = msgspec.json.decode(known, type=Format) if known else None

    def companies(self) -> Sequence[str]:
        return self._settings.legal_entities

    def learned(self) -> dict[str, str]:
        """The format and the currencies as they are now, for the connection to keep."""
        found = {LEDGER_FORMAT: msgspec.json.encode(self.dimensions.ledger_format()).decode()}
        return found | {
            CURRENCY_OF.format(entity): self._ledgers.of(entity).currency for entity in self._settings.legal_entities
        }

    def currency(self, company: str | None) -> str:
        """As the last check learned it; companies never change the currency of their books."""
        entity = self._settings.legal_entity(company)
        return self._learned.get(CURRENCY_OF.format(entity)) or self._ledgers.of(entity).currency

    def accounts(self) -> Iterator[Account]:
        """The main accounts; dimensions are no part of the chart."""
        return self._ledgers.accounts(self._settings.legal_entities)

    def account_error(self, number: str) -> str:
        """By form, and by the dimensions of the format that the last check learned, spelled as they are there: two
        spellings would be two accounts to us. What a company takes is looked at before posting."""
        form = self._known_format or self.dimensions.ledger_format()
        try:
            values = read_account(number)
            display(values, form)
        except ValueError as error:
            return str(error)
        other = [f"'{form.spelled(name)}', not '{name}'" for name in values if form.spelled(name) != name]
        return f"Upper and lower case as in Dynamics, please: it says {', '.join(other)}." if other else ""

    def format_change(self) -> str:
        """Also when no check has learned the format yet."""
        now = self.dimensions.ledger_format()
        if self._known_format is None:
            return "Test the connection to Dynamics first: how its accounts are written is not known yet."
        if now == self._known_format:
            return ""
        return (
            f"Dynamics now writes accounts as {now}; when the connection was last tested it was {self._known_format}. "
            "Have the former format made active again, or look through the account rules and test the connection: then "
            "the new one counts."
        )

    def fiscal_periods(self, company: str | None, first: date, last: date) -> Sequence[FiscalPeriod]:
        """``ConnectionConfigError`` for a legal entity that shows no periods at all."""
        periods = self._ledgers.periods(self._settings.legal_entity(company))
        return [period for period in periods if period.begin <= last and period.end >= first]

    def refusal(self, journal: Journal) -> str:
        """By the account structures, and by what main accounts, dimension values and periods allow on its day."""
        entity = self._settings.legal_entity(journal.company)
        try:
            self._checks.require(journal, entity, self._checks.prepare(journal, entity))
        except RecordRejectedError as error:
            return error.sentence
        return ""

    def find_journal(self, journal: Journal) -> Sequence[PostedJournal]:
        return self._journals.find(journal)

    def post_journal(self, journal: Journal) -> PostedJournal:
        return self._journals.post(journal)

    def get_journal(self, journal_id: str, company: str | None) -> PostedJournal | None:
        return self._journals.get(journal_id, company)

    def activity(self, company: str | None, account: str, first: date, last: date) -> Iterator[LedgerLine]:
        """What general journals of the company hold for the account, posted or waiting to be, lines and their offsets
        alike. What other modules post does not pass through these journals, and is in no public list (dynamics §6)."""
        entity = self._settings.legal_entity(company)
        form = self.dimensions.ledger_format()
        try:
            values = self._checks.values(account, entity)
        except ValueError as error:
            raise RecordRejectedError(str(error), field="account") from None
        wanted = key_of(values)
        select = ("dataAreaId", "LineNumber", *(field.encode_name for field in msgspec.structs.fields(_Posted)))
        where = both(equal("dataAreaId", entity), between("TransDate", first, last), _on(values[MAIN_ACCOUNT], form))
        order = ("JournalBatchNumber", "LineNumber")
        for row in self._odata.rows(LINES, select=select, where=where, order=order, type=_Posted):
            day = read_day(row.trans_date)
            if day is None or not first <= day <= last:
                continue
            for side in _sides(row):
                if (side.company or entity).lower() == entity and key_of(values_of(side, form)) == wanted:
                    yield LedgerLine(
                        account=account,
                        journal=row.journal_batch_number,
                        posting_date=day,
                        description=row.text or "",
                        debit=side.debit,
                        credit=side.credit,
                    )


class _Side(NamedTuple):
    """One account of a line."""

    account_type: str | None
    account_display_value: str | None
    company: str | None
    debit: Decimal
    credit: Decimal


def _sides(row: _Posted) -> tuple[_Side, ...]:
    own = _Side(row.account_type, row.account_display_value, row.company, row.debit_amount, row.credit_amount)
    if not row.offset_account_display_value:
        return (own,)
    offset = (row.offset_account_type, row.offset_account_display_value, row.offset_company)
    return own, _Side(*offset, row.credit_amount, row.debit_amount)


def _on(main_account: str, form: Format) -> str:
    """Lines that may be on the account: more than that, as a filter knows no segments; all where the main account is
    escaped in display strings, or is not what they begin with."""
    if form.names[0] != MAIN_ACCOUNT or not main_account.isalnum():
        return ""
    return either([begins(name, main_account) for name in ("AccountDisplayValue", "OffsetAccountDisplayValue")])
