"""The proof: both simulators read and compared person by person. Nothing here asks the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from demo import company
from demo.api import Customer

Person = dict[str, Any]


def in_rippling(customer: Customer) -> dict[str, Person]:
    """Rippling's workers by employee number."""
    return {str(worker["number"]): worker for worker in customer.snapshot()["workers"]}


def in_plex(customer: Customer) -> dict[str, list[Person]]:
    """Plex's employees of both plants by badge number, each with its PCN and the badge of its supervisor."""
    rows = [
        {**employee, "pcn": str(plant["pcn"])}
        for plant in customer.snapshot()["plants"]
        for employee in plant["employees"]
    ]
    badges = {row["id"]: row["badgeNumber"] for row in rows}
    found: dict[str, list[Person]] = defaultdict(list)
    for row in rows:
        found[row["badgeNumber"]].append(row | {"supervisor": badges.get(row["supervisorId"])})
    return found


def one_in_plex(customer: Customer) -> dict[str, Person]:
    """Plex's employees by badge number, where only one carries it."""
    return {badge: rows[0] for badge, rows in in_plex(customer).items() if len(rows) == 1}


def headcounts(rippling: Customer, plex: Customer) -> dict[str, tuple[int, int]]:
    """City of each plant → active people there, in Rippling and in Plex."""
    workers = [worker for worker in in_rippling(rippling).values() if worker["status"] == "ACTIVE"]
    employees = [row for rows in in_plex(plex).values() for row in rows if row["active"]]
    return {
        plant.city: (
            sum(company.plant_of(worker) is plant for worker in workers),
            sum(row["pcn"] == plant.pcn for row in employees),
        )
        for plant in company.PLANTS
    }


def differences(rippling: Customer, plex: Customer, emails: Mapping[str, str | None] | None = None) -> list[str]:
    """A sentence for everything in which the two do not agree; empty means proved.

    ``emails`` are the addresses Plex held when Rippling stopped showing them: those must be untouched, and nobody
    else may have got one.
    """
    workers, employees = in_rippling(rippling), in_plex(plex)
    by_id = {worker["id"]: worker for worker in workers.values()}
    found = [f"{badge}: {len(rows)} employees in Plex carry it." for badge, rows in employees.items() if len(rows) > 1]
    for number, worker in workers.items():
        rows = employees.get(number, [])
        active = [row for row in rows if row["active"]]
        if worker["status"] != "ACTIVE":
            found += [f"{number}: not active in Rippling, but in Plex." for _ in active]
        elif not active:
            found.append(f"{number}: active in Rippling, but not in Plex.")
        else:
            email = worker["work_email"] if emails is None else emails.get(number)
            found += _fields(number, wanted(worker, by_id) | {"email": email}, active[0])
    found += [
        f"{badge}: active in Plex, but unknown to Rippling."
        for badge, rows in employees.items()
        if badge not in workers and any(row["active"] for row in rows)
    ]
    return found


def wanted(worker: Person, by_id: Mapping[str, Person]) -> dict[str, str | None]:
    """What Plex is to hold of an active worker, by the accountant's crosswalk."""
    manager = by_id.get(worker["manager_id"])
    plant = company.plant_of(worker)
    shall: dict[str, str | None] = {
        "firstName": worker["given_name"],
        "lastName": worker["family_name"],
        "department": company.meaning("department", worker["department"]),
        "position": company.meaning("position", worker["title"]),
        "building": company.meaning("location", worker["work_location"]),
        "pcn": plant.pcn,
    }
    if manager is not None and manager["status"] == "ACTIVE":
        shall["supervisor"] = str(manager["number"])
    return shall


PERSONAL = frozenset({"firstName", "lastName", "email"})


def _fields(number: str, shall: Mapping[str, str | None], row: Person) -> list[str]:
    found = []
    for name, value in shall.items():
        if (row[name] or None) != (value or None):
            what = "differs" if name in PERSONAL else f"is {row[name]!r}, should be {value!r}"
            found.append(f"{number}: {name} in Plex {what}.")
    return found
