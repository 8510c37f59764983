"""A Plex customer (enterprise): its plants, credentials, settings and what was written."""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.core import Company
from sandbox.plex import changes, defaults
from sandbox.plex.instants import written
from sandbox.plex.plant import Plant
from sandbox.plex.settings import Settings

SNAPSHOT_FIELDS = (
    "id",
    "badgeNumber",
    "userId",
    "firstName",
    "middleName",
    "lastName",
    "status",
    "position",
    "department",
    "building",
    "shift",
    "type",
    "email",
    "supervisorId",
)
WRITES = ("creates", "updates", "activations", "deactivations", "transfers", "journals", "rejected")
JOURNAL_FIELDS = ("id", "description", "note", "status", "currency", "reversing", "booked", "postDate")


@dataclass(kw_only=True)
class PlexCompany(Company):
    """``foreign`` is another customer's plant, which answers by default under ``default_pcn_wrong``.

    ``distortions`` await the next journals; ``failing``: resource → how many of its next writes are carried out and
    then answered with 500.
    """

    now: Callable[[], datetime]
    client_id: str
    client_secret: str
    api_key: str | None
    plants: dict[int, Plant]
    foreign: Plant
    settings: Settings
    tokens: dict[str, datetime] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WRITES, 0)))
    distortions: deque[dict[str, Any]] = field(default_factory=deque)
    failing: Counter[str] = field(default_factory=Counter)
    _calls: deque[datetime] = field(default_factory=deque)

    @property
    def user_id(self) -> str:
        """Who Plex says has changed something that came over the API."""
        return defaults.identity(self.seed, "api user")

    @property
    def accountant_id(self) -> str:
        """Who Plex says has entered or changed a journal by hand."""
        return defaults.identity(self.seed, "accountant")

    def stamp(self) -> str:
        return written(self.now())

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def enterprise_of(self, plant: Plant) -> list[Plant]:
        """All plants of the customer that owns this one."""
        return [plant] if plant is self.foreign else list(self.plants.values())

    def plant_of_tenant(self, tenant_id: str) -> Plant | None:
        return next((p for p in self.plants.values() if p.tenant_id == tenant_id), None)

    def seconds_to_wait(self) -> float:
        """0 and the call is counted, or the time until the rate limit lets one more through."""
        limit = self.settings.rate_limit
        if limit is None:
            return 0.0
        now, window = self.now(), timedelta(seconds=self.settings.rate_limit_window)
        while self._calls and self._calls[0] <= now - window:
            self._calls.popleft()
        if len(self._calls) < limit:
            self._calls.append(now)
            return 0.0
        return (self._calls[0] + window - now).total_seconds()

    def duplicates(self) -> dict[str, list[str]]:
        """Badge numbers carried by several employees of the enterprise → their ids."""
        owners: dict[str, list[str]] = {}
        for plant in self.plants.values():
            for badge, rows in plant.employees.shared("badgeNumber"):
                owners.setdefault(badge, []).extend(row.record["id"] for row in rows)
        return {badge: ids for badge, ids in owners.items() if len(ids) > 1}

    def snapshot(self, *, compact: bool = False) -> dict[str, Any]:
        plants = [_plant(plant, compact) for plant in self.plants.values()]
        return {
            "plants": plants,
            "foreign": _plant(self.foreign, compact),
            "counts": {name: sum(p["counts"][name] for p in plants) for name in ("employees", "active", "accounts")},
            "writes": dict(self.writes),
            "duplicates": self.duplicates(),
        }

    def change(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if action not in changes.ACTIONS:
            raise ValueError(f"no such change; one of {sorted(changes.ACTIONS)}")
        return changes.ACTIONS[action](self, arguments)


def _plant(plant: Plant, compact: bool) -> dict[str, Any]:
    counts = {
        "employees": len(plant.employees),
        "active": sum(plant.active(row) for row in plant.employees),
        "accounts": len(plant.accounts),
        "journals": len(plant.books.journals),
    }
    shown: dict[str, Any] = {"pcn": plant.pcn, "tenant_id": plant.tenant_id, "code": plant.code, "counts": counts}
    if not compact:
        shown["employees"] = list(_employees(plant))
        shown["journals"] = list(_journals(plant))
    return shown


def _employees(plant: Plant) -> Iterator[dict[str, Any]]:
    for row in plant.employees:
        yield {name: row.record[name] for name in SNAPSHOT_FIELDS} | {"active": plant.active(row)}


def _journals(plant: Plant) -> Iterator[dict[str, Any]]:
    for row in plant.books.journals:
        record = row.record
        lines = [
            {"accountNo": line["accountNumber"], "debit": str(line["debit"]), "credit": str(line["credit"])}
            for line in record["lines"]
        ]
        yield {
            "number": record["journalNumber"],
            "period": record["periodDisplay"],
            **{name: record[name] for name in JOURNAL_FIELDS},
            "lines": lines,
        }
