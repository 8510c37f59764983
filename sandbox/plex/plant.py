"""One plant (PCN): its setup values, employees, accounts, books, buildings, cost centers and fiscal periods."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.plex import naming
from sandbox.plex.books import Books
from sandbox.plex.defaults import COST_CENTERS, identity
from sandbox.plex.tables import Record, Row, Table

SETUP_OF_FIELD = {
    "status": "statuses",
    "position": "positions",
    "department": "departments",
    "shift": "shifts",
    "type": "types",
    "building": "buildings",
}
LINKS_PER_PLANT = 1_000_000
PERIOD_STATUSES = ("Open", "Soft Closed", "Closed")
FISCAL_YEARS = (2025, 2026, 2027)
FIRST_OPEN_YEAR = 2026
CREATED = "2025-01-06T08:00:00.0000001Z"


@dataclass
class Pending:
    """An accepted command that reads do not show yet."""

    reads_left: int
    due: datetime
    carry_out: Callable[[], None]


@dataclass
class Plant:
    """``statuses`` name → is it an active one; ``setup`` kind → values, in the order of their creation."""

    pcn: int
    tenant_id: str
    code: str
    statuses: dict[str, bool]
    setup: dict[str, dict[str, None]]
    employees: Table = field(default_factory=lambda: Table(naming.EMPLOYEE, ("badgeNumber", "userId", "email")))
    accounts: Table = field(default_factory=lambda: Table(naming.ACCOUNT, ("accountNumber", "name")))
    buildings: Table = field(default_factory=lambda: Table(naming.BUILDING, ("buildingCode",)))
    cost_centers: Table = field(default_factory=lambda: Table(naming.COST_CENTER, ("code",)))
    periods: Table = field(default_factory=lambda: Table(naming.PERIOD))
    tenants: Table = field(default_factory=lambda: Table(naming.TENANT))
    pending: dict[str, Pending] = field(default_factory=dict)
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        self.books = Books(self.pcn * LINKS_PER_PLANT)
        self.tenants.add({"id": self.tenant_id, "code": self.code, "pcn": self.pcn})
        for year in FISCAL_YEARS:
            for month in range(1, 13):
                self.periods.add(_period(year, month))

    def knows(self, name: str, value: str) -> bool:
        """Whether the setup table behind an employee field holds the value."""
        kind = SETUP_OF_FIELD[name]
        if kind == "statuses":
            return value in self.statuses
        if kind == "buildings":
            return bool(self.buildings.find("buildingCode", value))
        return value in self.setup[kind]

    def unknown(self, record: Record) -> list[str]:
        """Employee fields whose value is not in this plant's setup."""
        return [f for f in SETUP_OF_FIELD if record.get(f) is not None and not self.knows(f, record[f])]

    @property
    def building_codes(self) -> list[str]:
        return [row.record["buildingCode"] for row in self.buildings]

    def active(self, employee: Row) -> bool:
        return self.statuses.get(employee.record["status"], True)

    def add_building(self, building: str | Record) -> Row:
        given = {"buildingCode": building} if isinstance(building, str) else building
        code = given["buildingCode"]
        return self.buildings.add(
            {"id": identity(self.pcn, "building", code), "name": f"Building {code}", "active": True, **given}
        )

    def add_account(self, given: Record, now: str = CREATED, by: str | None = None) -> Row:
        """Also makes the cost center of a three-segment number known."""
        number = given["accountNumber"]
        segments = number.split("-")
        center = segments[1] if len(segments) == 3 else None
        if center is not None and not self.cost_centers.find("code", center):
            self.add_cost_center({"code": center, "name": COST_CENTERS.get(center, center)}, now)
        active = given.get("active", True)
        account = {
            "id": identity(self.pcn, "account", number),
            "active": active,
            "inactiveDate": None if active else now,
            "costCenter": center,
            "createdDate": now,
            "modifiedBy": by,
            "modifiedDate": now,
        }
        return self.accounts.add(account | given)

    def account(self, number: str) -> Record:
        """KeyError for a number the chart does not have."""
        hits = self.accounts.find("accountNumber", number)
        if not hits:
            raise KeyError(number)
        return hits[0].record

    def add_cost_center(self, given: Record, now: str = CREATED) -> Row:
        made = {"id": identity(self.pcn, "cost center", given["code"]), "active": True}
        return self.cost_centers.add(made | {"createdDate": now, "modifiedDate": now} | given)

    def add_employee(self, given: Record, now: str = CREATED) -> Row:
        blank = dict.fromkeys(self.employees.names.connect)
        return self.employees.add(blank | {"createdDate": now, "modifiedDate": now} | given)

    def settle(self, ids: Iterable[str], now: datetime) -> None:
        """Count one read of these employees; show what has become due."""
        for employee_id in [i for i in ids if i in self.pending]:
            pending = self.pending[employee_id]
            if pending.reads_left > 0:
                pending.reads_left -= 1
            elif pending.due <= now:
                self.carry_out(employee_id)

    def carry_out(self, employee_id: str) -> None:
        """Finish what was accepted for this employee, if anything."""
        pending = self.pending.pop(employee_id, None)
        if pending is not None:
            pending.carry_out()


def _period(year: int, month: int) -> Record:
    last = calendar.monthrange(year, month)[1]
    status = "Open" if year >= FIRST_OPEN_YEAR else "Closed"
    return {
        "fiscalYear": str(year),
        "periodDisplay": f"{month:02}-{year}",
        "beginDate": f"{year}-{month:02}-01T00:00:00.0000000Z",
        "endDate": f"{year}-{month:02}-{last}T00:00:00.0000000Z",
        "periodStatus": status,
        "yearStatus": status,
    }
