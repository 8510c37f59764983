"""Lakemont, a firm of 400 people in three legal entities, as Rippling and Dynamics know it before they are connected.

Most people were entered in Dynamics by hand, with the mistakes of hands. ``CROSSWALK`` is what the controller says the
one system's words mean in the other; the proof goes by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

NAME = "Lakemont"
SLUG = "lakemont"
TIME_ZONE = "America/Chicago"
HEADCOUNT = 400
FORMER = 6
CONTRACTORS = 12
"""Of the 400; in Dynamics they are vendors, and no pay run pays them."""
KEYED_BY_HAND = 340
KEYED_FORMER = 2
"""People who have left, and whose employment nobody has ended in Dynamics."""
VENDOR_GROUP = "40"


@dataclass(frozen=True)
class Entity:
    """One legal entity with its one office, in the words of both systems."""

    city: str
    region: str
    legal_name: str
    id: str
    business_unit: str

    @property
    def office(self) -> str:
        """Its work location in Rippling."""
        return f"{self.city} office"


CHICAGO = Entity("Chicago", "IL", "Lakemont Advisory LLC", "lmad", "001")
NEW_YORK = Entity("New York", "NY", "Lakemont Research LLC", "lmrs", "002")
ATLANTA = Entity("Atlanta", "GA", "Lakemont Technology LLC", "lmtc", "003")
ENTITIES = (CHICAGO, NEW_YORK, ATLANTA)

DEPARTMENTS = {
    "Executive": "110",
    "Finance & Accounting": "120",
    "Human Resources": "130",
    "Information Technology": "140",
    "Sales & Marketing": "150",
    "Legal": "160",
    "Strategy": "210",
    "Operations Consulting": "220",
    "Restructuring": "230",
    "Transactions": "240",
    "Tax Advisory": "250",
    "Actuarial": "260",
    "Public Sector": "270",
    "Market Research": "310",
    "Pricing": "320",
    "Surveys": "330",
    "Data Engineering": "410",
    "Cloud Services": "420",
    "Cyber Security": "430",
    "Managed Services": "440",
}
"""Name in Rippling → department in Dynamics."""


def cost_center(department: str) -> str:
    """The cost center in Dynamics that a department's pay goes to."""
    return f"{DEPARTMENTS[department]}0"


CROSSWALK: dict[str, dict[str, str]] = {
    "department": DEPARTMENTS,
    "location": {entity.office: entity.business_unit for entity in ENTITIES},
    "company": {entity.legal_name: entity.id for entity in ENTITIES},
    "employment_type": {
        "Salaried, full-time": "Employee",
        "Salaried, part-time": "Employee",
        "Hourly, full-time": "Employee",
        "Hourly, part-time": "Employee",
        "Temporary": "Employee",
        "Contractor": "Contractor",
    },
}
"""Kind → name in Rippling → key in Dynamics."""
KINDS = tuple(CROSSWALK)

Person = dict[str, Any]


def meaning(kind: str, name: str) -> str | None:
    """What this value of Rippling is to be in Dynamics, None for a value the controller knows nothing of."""
    return CROSSWALK[kind].get(name)


def entity_of(shown: Mapping[str, Any]) -> Entity:
    """The legal entity that employs a worker, or that a pay run is of."""
    return next(entity for entity in ENTITIES if entity.legal_name == shown["legal_entity"])


def local_today() -> date:
    """Today where the company is."""
    return datetime.now(ZoneInfo(TIME_ZONE)).date()


# -- Rippling ------------------------------------------------------------------------------------------------------


def rippling_options() -> dict[str, Any]:
    """The firm in Rippling, before some of its people are contractors and before anybody was paid."""
    noon = datetime.combine(local_today(), time(12), ZoneInfo(TIME_ZONE))
    return {
        "seed": 4,
        "size": HEADCOUNT,
        "terminated": FORMER,
        "now": noon.isoformat(),
        "plants": [
            {"name": one.office, "city": one.city, "region": one.region, "legal_name": one.legal_name}
            for one in ENTITIES
        ],
        "departments": [{"name": name, "reference_code": code} for name, code in DEPARTMENTS.items()],
        "payroll": {"runs": 0, "route": "v2"},
        "log_requests": False,
    }


def contractors(workers: list[Person]) -> list[Person]:
    """Those of the firm's people who are contractors: they lead nobody."""
    return [worker for worker in workers if worker["status"] == "ACTIVE" and not worker["is_manager"]][-CONTRACTORS:]


# -- Dynamics ------------------------------------------------------------------------------------------------------


def dynamics_options(workers: list[Person]) -> dict[str, Any]:
    """The firm in Dynamics, as it was before anybody connected it."""
    return {
        "legal_entities": [{"id": one.id, "name": one.legal_name, "currency": "USD"} for one in ENTITIES],
        "dimensions": {
            "Department": {code: name for name, code in DEPARTMENTS.items()},
            "CostCenter": {cost_center(name): name for name in DEPARTMENTS},
            "BusinessUnit": {one.business_unit: one.city for one in ENTITIES},
        },
        "workers": list(_keyed_by_hand(workers)),
        "log_requests": False,
    }


def _keyed_by_hand(workers: list[Person]) -> Iterator[dict[str, Any]]:
    outside = {worker["id"] for worker in contractors(workers)}
    active = [one for one in workers if one["status"] == "ACTIVE" and one["id"] not in outside]
    former = [one for one in workers if one["status"] == "TERMINATED"]
    for place, worker in enumerate(active[:KEYED_BY_HAND]):
        yield _employed(worker, entity_of(worker)) | _slip(place, worker)
    for worker in former[:KEYED_FORMER]:
        yield _employed(worker, entity_of(worker))


def _employed(worker: Person, entity: Entity) -> dict[str, Any]:
    start = datetime.combine(date.fromisoformat(worker["start_date"]), time(), ZoneInfo(TIME_ZONE))
    return {
        "PersonnelNumber": str(worker["number"]),
        "FirstName": worker["given_name"],
        "LastName": worker["family_name"],
        "PrimaryContactEmail": worker["work_email"],
        "LegalEntityId": entity.id,
        "EmploymentStartDate": start.astimezone(UTC).isoformat(),
        "DimensionDisplayValue": dimensions(DEPARTMENTS[worker["department"]], entity),
    }


def _slip(place: int, worker: Person) -> dict[str, Any]:
    """What hands get wrong: an old department, a name in capitals, now and then the other legal entity."""
    slips: dict[str, Any] = {}
    if place % 17 == 3:
        slips["DimensionDisplayValue"] = dimensions(DEPARTMENTS["Executive"], entity_of(worker))
    if place % 13 == 5:
        slips["LastName"] = worker["family_name"].upper()
    if place in (40, 80):
        slips["LegalEntityId"] = next(entity.id for entity in ENTITIES if entity is not entity_of(worker))
    return slips


def dimensions(department: str, entity: Entity) -> str:
    """Default dimensions of an employment, as this environment writes them."""
    return f"{department}--{entity.business_unit}"
