"""What a legal entity's ledger is made of: currency, chart of accounts, structures, fiscal periods. Read only."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

import msgspec

from connectors.dynamics.literals import EnumMember, both, either, equal, read_day
from connectors.dynamics.odata import OData
from connectors.errors import ConnectionConfigError, UnexpectedReplyError
from connectors.journals import FiscalPeriod, PeriodState
from connectors.records import Account

ACCOUNTS_A_REQUEST = 20
_LEDGERS, _ACCOUNTS, _OWN_ACCOUNTS = "Ledgers", "MainAccounts", "MainAccountLegalEntities"
_PERIODS, _YEARS = "FiscalPeriods", "FiscalYears"
_NOT_FOR_POSTING = frozenset({"Total", "Reporting"})
_STATES = {"Open": PeriodState.OPEN, "Close": PeriodState.CLOSED}


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """One legal entity's; ``structures`` are the names of its account structures."""

    chart: str
    currency: str
    calendar: str
    structures: tuple[str, ...]


class _AccountRow(msgspec.Struct, rename="pascal"):
    main_account_id: str
    name: str | None = None
    main_account_type: str | None = None
    is_suspended: str | None = None
    do_not_allow_manual_entry: str | None = None
    active_from: str | None = None
    active_to: str | None = None


class _OwnAccountRow(msgspec.Struct, rename="pascal"):
    """What a legal entity says of an account of the chart in addition."""

    main_account_id: str
    legal_entity_id: str
    is_suspended: str | None = None
    do_not_allow_manual_entry: str | None = None
    active_from: str | None = None
    active_to: str | None = None


class _PeriodRow(msgspec.Struct, rename="pascal"):
    fiscal_year: str
    period_name: str
    start_date: str
    end_date: str


class _YearRow(msgspec.Struct, rename="pascal"):
    fiscal_year: str
    status: str


class Ledgers:
    """The ledgers of a connection's legal entities, each read once. Thread-safe."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._learning = threading.Lock()
        self._ledgers: dict[str, Ledger] = {}
        self._periods: dict[str, list[FiscalPeriod]] = {}

    def of(self, company: str) -> Ledger:
        """The ledger of ``company``; ConnectionConfigError when Dynamics shows none."""
        with self._learning:
            if company not in self._ledgers:
                self._ledgers[company] = self._read(company)
            return self._ledgers[company]

    def accounts(self, companies: Collection[str]) -> Iterator[Account]:
        """Every main account of every chart, once for each company that uses it, streamed.

        Active is one that can be posted to by hand there; its dates are looked at when something is posted.
        """
        charts: dict[str, list[str]] = {}
        for company in companies:
            charts.setdefault(self.of(company).chart, []).append(company)
        for chart, users in charts.items():
            own = {(row.main_account_id, row.legal_entity_id.lower()): row for row in self._own_rows(chart, users)}
            for row in self._rows(chart):
                for company in users:
                    also = own.get((row.main_account_id, company))
                    yield Account(
                        id=f"{chart}/{row.main_account_id}",
                        number=row.main_account_id,
                        name=row.name or "",
                        category=row.main_account_type or "",
                        active=not (_closed(row) or (also and _closed(also))),
                        company=company,
                    )

    def problems(self, company: str, day: date, numbers: Collection[str]) -> list[str]:
        """What keeps ``company`` from posting to these main accounts on ``day``: a sentence each."""
        chart, wanted = self.of(company).chart, sorted(numbers)
        found = []
        for start in range(0, len(wanted), ACCOUNTS_A_REQUEST):
            some = wanted[start : start + ACCOUNTS_A_REQUEST]
            which = either([equal("MainAccountId", number) for number in some])
            rows = {row.main_account_id.casefold(): row for row in self._rows(chart, which)}
            own = {row.main_account_id.casefold(): row for row in self._own_rows(chart, [company], which)}
            for number in some:
                problem = _problem(rows.get(number.casefold()), own.get(number.casefold()), day)
                found += [f"Main account {number} {problem} in Dynamics for {company}."] if problem else []
        return found

    def periods(self, company: str) -> list[FiscalPeriod]:
        """The operating periods of the company's calendar in order, each named by year and period.

        Only years show whether they are closed; that a single period is closed shows itself when something is posted
        (dynamics, additions). ConnectionConfigError when there is none.
        """
        calendar = self.of(company).calendar
        with self._learning:
            if company not in self._periods:
                self._periods[company] = self._read_periods(company, calendar)
            return self._periods[company]

    def period_name(self, company: str, day: date) -> str:
        """The name of the period that holds ``day``, empty when none does."""
        return next((own.name for own in self.periods(company) if own.begin <= day <= own.end), "")

    def _read(self, company: str) -> Ledger:
        structures = tuple(f"AccountStructureName{number}" for number in range(1, 21))
        select = ("LegalEntityId", "ChartOfAccounts", "AccountingCurrency", "FiscalCalendar", *structures)
        row = self._odata.one(_LEDGERS, {"LegalEntityId": company}, select=select, type=dict[str, Any])
        if row is None or not (row.get("ChartOfAccounts") and row.get("AccountingCurrency")):
            raise ConnectionConfigError(
                f"Dynamics has no ledger with a chart of accounts and a currency for the legal entity {company}. "
                "Correct the legal entities of this connection, or set its ledger up in Dynamics."
            )
        return Ledger(
            chart=row["ChartOfAccounts"],
            currency=row["AccountingCurrency"].upper(),
            calendar=row.get("FiscalCalendar") or "",
            structures=tuple(name for column in structures if (name := row.get(column) or "")),
        )

    def _rows(self, chart: str, which: str = "") -> Iterator[_AccountRow]:
        select = _names(_AccountRow)
        where = both(equal("ChartOfAccounts", chart), which)
        return self._odata.rows(_ACCOUNTS, select=select, where=where, order=select[:1], type=_AccountRow)

    def _own_rows(self, chart: str, companies: Collection[str], which: str = "") -> Iterator[_OwnAccountRow]:
        entities = either([equal("LegalEntityId", company) for company in companies])
        select = _names(_OwnAccountRow)
        where = both(equal("ChartOfAccounts", chart), entities, which)
        return self._odata.rows(_OWN_ACCOUNTS, select=select, where=where, order=select[:2], type=_OwnAccountRow)

    def _read_periods(self, company: str, calendar: str) -> list[FiscalPeriod]:
        years = both(equal("Calendar", calendar), equal("LegalEntityId", company))
        select = ("LegalEntityId", "Calendar", *_names(_YearRow))
        states = {
            row.fiscal_year: _state(row)
            for row in self._odata.rows(_YEARS, select=select, where=years, order=("FiscalYear",), type=_YearRow)
        }
        select = ("Calendar", *_names(_PeriodRow))
        where = both(equal("Calendar", calendar), equal("Type", EnumMember("FiscalPeriodType", "Operating")))
        order = ("StartDate", "EndDate", "PeriodName")
        rows = self._odata.rows(_PERIODS, select=select, where=where, order=order, type=_PeriodRow)
        periods = [
            FiscalPeriod(
                name=f"{row.fiscal_year} {row.period_name}",
                begin=_day(row.start_date),
                end=_day(row.end_date),
                state=states.get(row.fiscal_year, PeriodState.OPEN),
            )
            for row in rows
        ]
        if not periods:
            raise ConnectionConfigError(
                f"Dynamics shows no fiscal periods for the legal entity {company}. Give its ledger a fiscal calendar, "
                "and the user of this connection's app a security role that may see it."
            )
        return sorted(periods, key=lambda period: (period.begin, period.end))


def _names(row: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(row))


def _closed(row: _AccountRow | _OwnAccountRow) -> bool:
    total = isinstance(row, _AccountRow) and row.main_account_type in _NOT_FOR_POSTING
    return total or row.is_suspended == "Yes" or row.do_not_allow_manual_entry == "Yes"


def _problem(row: _AccountRow | None, own: _OwnAccountRow | None, day: date) -> str:
    if row is None:
        return "does not exist"
    if row.main_account_type in _NOT_FOR_POSTING:
        return "is a total"
    for rule in (row, own) if own else (row,):
        if rule.is_suspended == "Yes":
            return "is suspended"
        if rule.do_not_allow_manual_entry == "Yes":
            return "does not allow manual entry"
        first, last = read_day(rule.active_from), read_day(rule.active_to)
        if (first and day < first) or (last and day > last):
            return f"is not active on {day}"
    return ""


def _state(row: _YearRow) -> PeriodState:
    if row.status not in _STATES:
        raise UnexpectedReplyError(
            f"Dynamics says the fiscal year {row.fiscal_year} is '{row.status}', which is neither open nor closed. "
            "Nothing was posted; we have to look at it.",
            detail="fiscal year: unknown status",
        )
    return _STATES[row.status]


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise UnexpectedReplyError(
            "Dynamics has a fiscal period without a beginning or an end. Nothing was posted; we have to look at it.",
            detail="fiscal period: empty date",
        )
    return day
