"""One environment of one customer: its tables, numbers, settings, tokens, and what was asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.core import Company
from sandbox.dynamics import changes, people
from sandbox.dynamics.model import ENTITIES, EntityType, Record, comparable
from sandbox.dynamics.overlaps import Overlaps
from sandbox.dynamics.settings import Settings
from sandbox.dynamics.snapshots import snapshot_of
from sandbox.dynamics.tables import Row, Table, Undo

ZERO = Decimal(0)
SAME_TABLE = {"VendorsV3": "VendorsV2"}
INDEXED = {
    "LedgerJournalLines": ("JournalBatchNumber",),
    "LedgerJournalHeaders": ("Description", "IntegrationKey"),
    "EmploymentsV2": ("PersonnelNumber",),
    "AccountStructureConstraints": ("AccountStructure",),
    "FinancialDimensionValues": ("FinancialDimension",),
}


def fiscal_days(environment: Environment) -> Iterator[Row]:
    """FiscalCalendars: one row for each day of each ledger (dynamics §3)."""
    number = 0
    for ledger in environment.tables["Ledgers"]:
        for period in environment.tables["FiscalPeriods"]:
            first, last = period.record["StartDate"], period.record["EndDate"]
            for offset in range((last - first).days + 1 if period.record["Type"] == "Operating" else 0):
                number += 1
                day = first + timedelta(days=offset)
                yield Row(_fiscal_day(ledger.record, period.record, day, number), number)


def _fiscal_day(ledger: Record, period: Record, day: date, number: int) -> Record:
    return {
        "LedgerGregorianDateId": f"{ledger['LegalEntityId']}-{day:%Y%m%d}",
        "LedgerRecId": ledger["LedgerRecId"],
        "CalendarId": period["Calendar"],
        "CalendarRecId": 1,
        "YearName": period["FiscalYear"],
        "PeriodName": period["PeriodName"],
        "PeriodRecId": number,
        "Month": period["Month"],
        "GregorianDate": day,
    }


VIEWS: dict[str, Callable[[Environment], Iterator[Row]]] = {
    "EmployeesV2": people.employees,
    "Employments": people.employments_of_old,
    "Workers": people.workers,
    "FiscalCalendars": fiscal_days,
}


@dataclass(kw_only=True)
class Environment(Company):
    """``tables`` by entity set. ``undo`` takes back what the operations in hand have changed so far.

    ``closed``: (company, YYYY-MM) of closed periods. ``inner_faults``: what is scripted for changesets inside of
    batches. ``conflicts``: how many of the next line writes meet an update conflict. ``secret_expired``: Entra refuses
    the client secret. ``counts``: requests by kind, those inside of a batch with ``batch:`` before it.
    """

    now: Callable[[], datetime]
    directory_id: str
    client_id: str
    client_secret: str
    certificate: str
    settings: Settings
    default_company: str = ""
    undo: Undo = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    tokens: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    closed: set[tuple[str, str]] = field(default_factory=set)
    inactive_dimensions: set[str] = field(default_factory=set)
    inner_faults: list[dict[str, Any]] = field(default_factory=list)
    conflicts: int = 0
    secret_expired: bool = False
    counted: Counter[str] = field(default_factory=Counter)
    overlaps: Overlaps = field(default_factory=Overlaps)
    _numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    _balances: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, entity in ENTITIES.items():
            if name not in SAME_TABLE:
                self.tables[name] = Table(entity, self.undo, INDEXED.get(name, ()))
        for name, other in SAME_TABLE.items():
            self.tables[name] = self.tables[other]

    def matching(self, entity: EntityType, equal: Record) -> Iterable[Row]:
        """The rows of a set that may have these values; a filter still has to be asked."""
        if entity.name in VIEWS:
            return list(VIEWS[entity.name](self))
        return list(self.tables[entity.name].matching(equal))

    def found(self, entity: EntityType, key: Record) -> Row | None:
        if entity.name not in VIEWS:
            return self.tables[entity.name].find(*key.values())
        for row in VIEWS[entity.name](self):
            if all(comparable(row.record[name]) == value for name, value in key.items()):
                return row
        return None

    def lines_of(self, header: Record) -> list[Row]:
        """The lines of a journal, by number."""
        rows = self.tables["LedgerJournalLines"].matching(
            {"JournalBatchNumber": header["JournalBatchNumber"].casefold()}
        )
        own = [row for row in rows if row.record["dataAreaId"] == header["dataAreaId"]]
        return sorted(own, key=lambda row: row.record["LineNumber"])

    def next_number(self, company: str, sequence: str) -> str:
        """The next of a sequence; one drawn for what is then refused is lost. Journals of each company start alike."""
        self._numbers[company, sequence] += 1
        return f"{self._numbers[company, sequence]:0{6 if sequence in ('worker', 'party') else 5}}"

    def next_voucher(self, company: str, series: str) -> str:
        return f"{series}{self.next_number(company, f'voucher {series}').zfill(6)}"

    def balance(self, header: Record, voucher: str, more: Decimal) -> Decimal:
        """Debits less credits of a voucher, after adding ``more``."""
        key = (header["dataAreaId"], header["JournalBatchNumber"], voucher)
        before = self._balances.get(key, ZERO)
        if more:
            self._balances[key] = before + more
            self.undo.append(lambda: self._balances.__setitem__(key, before))
        return before + more

    def has_period(self, day: date) -> bool:
        return any(r.record["StartDate"] <= day <= r.record["EndDate"] for r in self.tables["FiscalPeriods"])

    def is_closed(self, company: str, day: date) -> bool:
        """Whether the company's period or year of this day is closed; only the year's is shown."""
        years = (row.record for row in self.tables["FiscalYears"])
        shut = any(
            year["Status"] == "Close" and year["FiscalYear"] == str(day.year) and year["LegalEntityId"] == company
            for year in years
        )
        return shut or (company, f"{day:%Y-%m}") in self.closed

    def take_back(self) -> None:
        """Undo everything since ``undo`` was last emptied."""
        while self.undo:
            self.undo.pop()()

    def snapshot(self) -> dict[str, Any]:
        return snapshot_of(self)

    def change(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if action not in changes.ACTIONS:
            raise ValueError(f"no such change; one of {sorted(changes.ACTIONS)}")
        result = changes.ACTIONS[action](self, arguments)
        self.undo.clear()
        return result
