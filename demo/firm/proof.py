"""The proof of people: Rippling's and Dynamics' records compared person by person. Nothing here asks the product."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from demo.api import Customer
from demo.firm import company
from demo.firm.company import Person

ON_HOLD = "All"
FORMAT = ("Department", "CostCenter", "BusinessUnit")


def in_rippling(rippling: Customer) -> dict[str, Person]:
    """Rippling's workers by employee number."""
    return {str(worker["number"]): worker for worker in rippling.snapshot()["workers"]}


def in_dynamics(dynamics: Customer) -> dict[str, list[Person]]:
    """Whom Dynamics has as an active worker or contractor, by number: one entry for each employment or vendor."""
    snapshot, now = dynamics.snapshot(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    names = {worker["PersonnelNumber"]: worker for worker in snapshot["workers"]}
    found: dict[str, list[Person]] = defaultdict(list)
    for job in snapshot["employments"]:
        if job["EmploymentStartDate"] <= now <= job["EmploymentEndDate"]:
            found[job["PersonnelNumber"]].append(_worker(names[job["PersonnelNumber"]], job))
    for vendor in snapshot["vendors"]:
        if vendor["VendorGroupId"] == company.VENDOR_GROUP and vendor.get("OnHoldStatus") != ON_HOLD:
            found[vendor["OurAccountNumber"]].append(_contractor(vendor))
    return found


def headcounts(rippling: Customer, dynamics: Customer) -> dict[str, tuple[int, int]]:
    """City of each legal entity → active people there, in Rippling and in Dynamics."""
    workers = [worker for worker in in_rippling(rippling).values() if worker["status"] == "ACTIVE"]
    held = [one for several in in_dynamics(dynamics).values() for one in several]
    return {
        entity.city: (
            sum(company.entity_of(worker) is entity for worker in workers),
            sum(one["company"] == entity.id for one in held),
        )
        for entity in company.ENTITIES
    }


def differences(rippling: Customer, dynamics: Customer, contractors: set[str]) -> list[str]:
    """A sentence for everything in which the two do not agree; empty means proved. ``contractors`` are numbers."""
    workers, held = in_rippling(rippling), in_dynamics(dynamics)
    found = [f"{number}: active {len(several)} times." for number, several in held.items() if len(several) > 1]
    found += [f"{number}: active in Dynamics, but unknown to Rippling." for number in held.keys() - workers.keys()]
    for number, worker in workers.items():
        active = worker["status"] == "ACTIVE"
        if active is not (number in held):
            found.append(f"{number}: {'not ' * active}active in Dynamics, {'but ' * active}{worker['status']}.")
        elif active:
            found += _fields(number, wanted(worker, is_contractor=number in contractors), held[number][0])
    return found


def wanted(worker: Person, *, is_contractor: bool) -> Person:
    """What Dynamics is to hold of an active worker, by the controller's crosswalk. Vendors have no dimensions."""
    entity = company.entity_of(worker)
    person = {
        "is": "contractor" if is_contractor else "employee",
        "first name": worker["given_name"],
        "last name": worker["family_name"],
        "e-mail": worker["work_email"],
        "company": entity.id,
    }
    if is_contractor:
        return person
    dimensions = {"Department": company.DEPARTMENTS[worker["department"]], "BusinessUnit": entity.business_unit}
    return person | dimensions


def _worker(worker: Person, job: Person) -> Person:
    values = job.get("DimensionDisplayValue", "").split("-")
    return {
        "is": "employee",
        "first name": worker["FirstName"],
        "last name": worker["LastName"],
        "e-mail": worker["PrimaryContactEmail"],
        "company": job["LegalEntityId"],
        **dict(zip(FORMAT, values, strict=False)),
    }


def _contractor(vendor: Person) -> Person:
    return {
        "is": "contractor",
        "first name": vendor["PersonFirstName"],
        "last name": vendor["PersonLastName"],
        "e-mail": vendor["PrimaryEmailAddress"],
        "company": vendor["dataAreaId"],
    }


PERSONAL = frozenset({"first name", "last name", "e-mail"})


def _fields(number: str, shall: Person, held: dict[str, Any]) -> list[str]:
    found = []
    for name, value in shall.items():
        if held.get(name) != value:
            what = "differs" if name in PERSONAL else f"is {held.get(name)!r}, should be {value!r}"
            found.append(f"{number}: {name} in Dynamics {what}.")
    return found
