"""Values employees and journals refer to. Plex has no list of most of them: they are learned from what exists.

Source: plex §2.3 (no resource for positions, departments, shifts, statuses, types, cost centers), §2.4.5.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime

from connectors.plex.client import PlexClient, Row
from connectors.plex.refusals import AccessError
from connectors.plex.schemas import (
    BUILDINGS,
    COST_CENTERS,
    EMPLOYEES,
    TRIAL_BALANCE,
    BuildingRow,
    CostCenterRow,
    EmployeeRow,
    TrialBalanceRow,
    read_row,
)
from connectors.plex.settings import Plant
from connectors.records import Account, OrgUnit, RefKind

LEARNED = {
    RefKind.STATUS: ("status", "statuses"),
    RefKind.POSITION: ("position", "positions"),
    RefKind.DEPARTMENT: ("department", "departments"),
    RefKind.SHIFT: ("shift", "shifts"),
    RefKind.EMPLOYMENT_TYPE: ("type", "types"),
}
ORG_KINDS = (*LEARNED, RefKind.LOCATION, RefKind.COST_CENTER, RefKind.COMPANY)
_BALANCE_MONTHS = 12


class _Found:
    """Values by code with the plants they were found in; a code of two plants is one value."""

    def __init__(self) -> None:
        self._plants: dict[str, set[str]] = defaultdict(set)
        self._names: dict[str, str] = {}
        self._active: dict[str, bool] = {}

    def add(self, code: str | None, pcn: str, name: str | None = None, *, active: bool = True) -> None:
        if code:
            self._plants[code].add(pcn)
            self._active[code] = self._active.get(code, False) or active
            if name:
                self._names[code] = name

    def units(self, kind: RefKind, plants: int) -> Iterator[OrgUnit]:
        """``company`` is set for a value of only one of several plants."""
        for code, pcns in sorted(self._plants.items()):
            company = next(iter(pcns)) if len(pcns) == 1 < plants else None
            name = self._names.get(code, code)
            yield OrgUnit(kind=kind, id=code, code=code, name=name, company=company, active=self._active[code])


class SetupValues:
    """Reference values of one connection, each kind read when it is asked for."""

    def __init__(
        self,
        client: PlexClient,
        now: Callable[[], datetime],
        employees: Callable[[], Iterable[tuple[Plant, Row]]],
        accounts: Callable[[], Iterable[Account]],
    ) -> None:
        self._client = client
        self._now = now
        self._employees = employees
        self._accounts = accounts
        self._plants = client.settings.plants
        self._lock = threading.Lock()
        self._learned: dict[RefKind, _Found] = {}

    def units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Every value of ``kind``, sorted by code, except companies: the connection's own plant comes first."""
        if kind is RefKind.COMPANY:
            for plant in self._plants:
                yield OrgUnit(kind=kind, id=plant.pcn, code=plant.code, name=plant.code)
            return
        if kind is RefKind.LOCATION:
            found = self._buildings()
        elif kind is RefKind.COST_CENTER:
            found = self._cost_centers()
        else:
            found = self._carried(kind)
        yield from found.units(kind, len(self._plants))

    def _carried(self, kind: RefKind) -> _Found:
        """What employees carry and what the customer added, learned in one pass."""
        with self._lock:
            if not self._learned:
                learned = {kind: _Found() for kind in LEARNED}
                for learned_kind, (_, setting) in LEARNED.items():
                    for value in self._client.settings.known[setting]:
                        for plant in self._plants:
                            learned[learned_kind].add(value, plant.pcn)
                for plant, raw in self._employees():
                    row = read_row(raw, EmployeeRow, EMPLOYEES)
                    for learned_kind, (column, _) in LEARNED.items():
                        learned[learned_kind].add(getattr(row, column), plant.pcn)
                self._learned = learned
        return self._learned[kind]

    def _buildings(self) -> _Found:
        found = _Found()
        for plant in self._plants:
            for raw in self._client.rows(plant, BUILDINGS):
                row = read_row(raw, BuildingRow, BUILDINGS)
                found.add(row.building_code, plant.pcn, row.name, active=row.active)
        return found

    def _cost_centers(self) -> _Found:
        """Segments of the chart; with names where the documents profile lists cost centers, else with those the
        trial balance of the last twelve months uses, as far as Plex shows it."""
        found = _Found()
        for account in self._accounts():
            found.add(account.segments.get("cost_center"), account.company or "", active=account.active)
        for plant in self._plants:
            try:
                self._add_listed(plant, found)
            except AccessError:
                continue  # check() says so; the chart has the codes that accounts can carry
        return found

    def _add_listed(self, plant: Plant, found: _Found) -> None:
        if self._client.settings.profile == "documents":
            for raw in self._client.rows(plant, COST_CENTERS):
                center = read_row(raw, CostCenterRow, COST_CENTERS)
                found.add(center.code, plant.pcn, center.name, active=center.active)
            return
        for raw in self._client.rows(plant, TRIAL_BALANCE, balance_periods(self._now().date())):
            found.add(read_row(raw, TrialBalanceRow, TRIAL_BALANCE).cost_center_segment, plant.pcn)


def balance_periods(today: date, months: int = _BALANCE_MONTHS) -> list[tuple[str, str]]:
    """The trial balance's filters for so many months up to ``today``, periods as MM-YYYY (plex §2.4.3)."""
    month = today.year * 12 + today.month - months
    return [
        ("periodDisplayBegin", f"{month % 12 + 1:02}-{month // 12}"),
        ("periodDisplayEnd", f"{today.month:02}-{today.year}"),
    ]
