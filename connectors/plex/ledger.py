"""Plex as a ledger: fiscal periods, journals posted and looked up, and the activity of accounts."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta

from connectors.errors import ConnectorError, OutcomeUnknownError, RecordRejectedError, UnexpectedReplyError
from connectors.http import Reply
from connectors.journals import FiscalPeriod, Journal, LedgerLine, PostedJournal
from connectors.plex.client import PlexClient, row_in
from connectors.plex.journal_refusals import explain_journal
from connectors.plex.journals import ACCOUNT_FILTER, between, journal_body, journal_from, ledger_line_from, period_from
from connectors.plex.lookup import CustomFieldLookup, JournalLookup, TextLookup
from connectors.plex.mapper import segments
from connectors.plex.schemas import ACTIVITY, JOURNALS, PERIODS
from connectors.plex.settings import Plant
from connectors.records import Account

DAY = timedelta(days=1)


class Ledger:
    """The books of one connection's plants. Thread-safe; journals are posted one at a time.

    Fiscal periods and the chart are read once per ledger.
    """

    def __init__(self, client: PlexClient, accounts: Callable[[], Iterable[Account]]) -> None:
        self._client = client
        self._settings = client.settings
        self._accounts = accounts
        field = self._settings.books.custom_field
        self._lookup: JournalLookup = CustomFieldLookup(client, field) if field else TextLookup(client)
        self._learning, self._posting = threading.Lock(), threading.Lock()
        self._periods: dict[str, list[FiscalPeriod]] = {}
        self._account_ids: dict[tuple[str | None, str], str] = {}

    def account_error(self, number: str) -> str:
        """Held against the customer's pattern only; whether the account exists is the chart's word."""
        pattern = self._settings.account_number
        if segments(number, pattern):
            return ""
        parts = ", ".join(name.replace("_", " ") for name in pattern.groupindex)
        return (
            f"'{number}' is not an account number of this Plex connection: by the account number pattern in its "
            f"settings one consists of {parts}."
        )

    def periods(self, company: str | None, first: date, last: date) -> Sequence[FiscalPeriod]:
        """``AccessError`` for a plant that seems to have no periods at all."""
        plant = self._plant(company)
        return [period for period in self._all_periods(plant) if period.begin <= last and period.end >= first]

    def find(self, journal: Journal) -> Sequence[PostedJournal]:
        return self._lookup.find(self._plant(journal.company), journal)

    def post(self, journal: Journal) -> PostedJournal:
        """What Plex answered, also when it is not what was sent: comparing is the caller's."""
        plant = self._plant(journal.company)
        body = journal_body(journal, self._period(plant, journal.posting_date).name, self._settings)
        explain = functools.partial(explain_journal, journal=journal)
        with self._posting:
            posted = self._posted(self._client.write(plant, JOURNALS, "POST", "", body, explain), plant)
            try:
                self._lookup.mark(plant, posted, journal.reference)
            except ConnectorError as error:
                raise OutcomeUnknownError(
                    f"Plex took journal {posted.number}, but its reference could not be saved in the custom field. It "
                    f"will be looked up before anything is sent again.",
                    detail=error.detail,
                ) from error
        return posted

    def get(self, journal_id: str, company: str | None) -> PostedJournal | None:
        plant = self._plant(company)
        raw = self._client.one(plant, JOURNALS, journal_id)
        return None if raw is None else journal_from(raw, plant.pcn)

    def activity(self, company: str | None, account: str, first: date, last: date) -> Iterator[LedgerLine]:
        """Dates are compared here again: Plex ignores filters it does not know (plex §2.5)."""
        plant, profile = self._plant(company), self._settings.profile
        account_filter = (ACCOUNT_FILTER[profile], self._account_id(plant, account))
        dates = between("transaction_date", first - DAY, last + DAY, profile)
        for raw in self._client.rows(plant, ACTIVITY, [account_filter, *dates]):
            line = ledger_line_from(raw)
            if line.account != account:
                raise UnexpectedReplyError(
                    f"Plex sent the activity of another account than {account}. Nothing was concluded from it; we "
                    f"have to look at it.",
                    detail="account activity: filter by account ignored",
                )
            if first <= line.posting_date <= last:
                yield line

    def _period(self, plant: Plant, day: date) -> FiscalPeriod:
        for period in self._all_periods(plant):
            if period.begin <= day <= period.end:
                return period
        raise RecordRejectedError(
            f"PCN {plant.pcn} has no fiscal period for {day}. Have it set up in Plex, or choose another posting date.",
            field="posting_date",
        )

    def _all_periods(self, plant: Plant) -> list[FiscalPeriod]:
        with self._learning:
            if plant.pcn not in self._periods:
                periods = [period_from(raw) for raw in self._client.rows(plant, PERIODS)]
                if not periods:
                    self._client.refuse_empty(plant, "fiscal periods")
                self._periods[plant.pcn] = sorted(periods, key=lambda period: (period.begin, period.end))
            return self._periods[plant.pcn]

    def _account_id(self, plant: Plant, number: str) -> str:
        with self._learning:
            if not self._account_ids:
                self._account_ids = {(account.company, account.number): account.id for account in self._accounts()}
        account_id = self._account_ids.get((plant.pcn, number))
        if account_id is None:
            raise RecordRejectedError(
                f"PCN {plant.pcn} has no account {number}. Correct the account, or create it in Plex.", field="account"
            )
        return account_id

    def _posted(self, reply: Reply, plant: Plant) -> PostedJournal:
        try:
            return journal_from(row_in(reply), plant.pcn)
        except UnexpectedReplyError as error:
            raise OutcomeUnknownError(
                "Plex answered a journal with something we do not understand. It will be looked up before anything is "
                "sent again.",
                detail=error.detail,
            ) from error

    def _plant(self, company: str | None) -> Plant:
        return self._settings.plants[0] if company is None else self._settings.plant(company)
