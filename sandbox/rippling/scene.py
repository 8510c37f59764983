"""A company while one change happens to it: finding what is meant, and saving what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.table import Row

NAME_FIELDS = frozenset({"given_name", "middle_name", "family_name", "preferred_given_name", "preferred_family_name"})
REFERENCES = {
    "department": ("departments", "department_id"),
    "legal_entity": ("legal-entities", "legal_entity_id"),
    "employment_type": ("employment-types", "employment_type_id"),
    "level": ("levels", "level_id"),
}
FIXED = frozenset({"id", "created_at", "updated_at"})
"""Fields that only ``raw`` may set."""

Change = Callable[..., dict[str, Any]]


@dataclass
class Scene:
    """A company while one change happens to it."""

    company: RipplingCompany
    stamp: str | None
    """The ``updated_at`` of what is touched; None leaves it."""

    def save(self, resource: str, row: Row, **changes: Any) -> Row:
        stamped = {} if self.stamp is None else {"updated_at": self.stamp}
        return self.company.put(resource, {**row, **stamped, **changes})

    def worker(self, name: str | int) -> Row:
        found = self.company.workers.get(str(name))
        if found is None:
            known = (w for w in self.company.workers if str(name) in (str(w.get("number")), w.get("work_email")))
            found = next(known, None)
        if found is None:
            raise ValueError(f"no worker {name!r}")
        return found

    def row(self, resource: str, name: str) -> Row:
        found = self.company.tables[resource].get(name)
        if found is None:
            keys = ("name", "reference_code", "legal_name", "label")
            known = (row for row in self.company.tables[resource] if name in (row.get(key) for key in keys))
            found = next(known, None)
        if found is None:
            raise ValueError(f"no row {name!r} among {resource}")
        return found

    def shown(self, worker: Row) -> Row:
        return {**worker, "user": self.company.tables["users"].get(worker.get("user_id"))}

    def set(self, worker: Row, user: Row, given: dict[str, Any]) -> tuple[Row, Row]:
        """Both rows with these fields, stamped and saved. Raises ValueError for a field that neither has."""
        names = {name: given[name] for name in NAME_FIELDS & set(given)}
        of_worker, of_user = self._split(worker, user, {k: v for k, v in given.items() if k not in names})
        if names:
            of_user["name"] = _named({**user["name"], **names})
            of_user["display_name"] = of_user["name"]["formatted"]
        if "work_email" in of_worker:
            email = of_worker["work_email"]
            of_user |= {"username": email, "emails": [{"value": email, "type": "WORK", "display": email}]}
        if "number" in of_worker:
            of_user["number"] = str(of_worker["number"])
        if of_user:
            user = self.save("users", user, **of_user)
        return self.save("workers", worker, **of_worker), user

    def _split(self, worker: Row, user: Row, given: dict[str, Any]) -> tuple[Row, Row]:
        of_worker: Row = {}
        of_user: Row = {}
        for name, value in given.items():
            if name in REFERENCES:
                resource, target = REFERENCES[name]
                of_worker[target] = None if value is None else self.row(resource, value)["id"]
            elif name == "work_location":
                of_worker["location"] = self._location(value)
            elif name == "manager":
                of_worker["manager_id"] = None if value is None else self.worker(value)["id"]
            elif (name in worker or name == "custom_fields") and name not in FIXED:
                of_worker[name] = value
            elif name in user and name not in FIXED:
                of_user[name] = value
            else:
                raise ValueError(f"neither workers nor users have a field {name!r} that can be set")
        return of_worker, of_user

    def _location(self, name: str | None) -> Row:
        if name is None:
            return {"type": "REMOTE", "work_location_id": None}
        return {"type": "WORK", "work_location_id": self.row("work-locations", name)["id"]}


def _named(name: Row) -> Row:
    return {**name, "formatted": f"{name['given_name']} {name['family_name']}"}
