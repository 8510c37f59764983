"""Northfield, the company of the demonstration: a discrete manufacturer with two plants and 150 employees.

Rippling pays them. Plex runs the plants; part of the people were keyed into it by hand, with the mistakes of hands.
``CROSSWALK`` is what the accountant says the one system's words mean in the other; the proof goes by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

NAME = "Northfield"
SLUG = "northfield"
TIME_ZONE = "America/Detroit"
HEADCOUNT = 150
FORMER = 6
KEYED_BY_HAND = 40
"""Active in Plex before anything is connected; one of them has left according to Rippling."""
KEYED_FORMER = 3


@dataclass(frozen=True)
class Plant:
    """One site, in the words of both systems."""

    city: str
    legal_entity: str
    work_location: str
    pcn: str
    company_code: str
    building: str
    code: str
    """First digit of its departments' codes in Rippling and of its cost centers in Plex."""


MAUMEE = Plant("Maumee", "Northfield Components LLC", "Plant 1 - Maumee", "300101", "northfield-1", "MAUMEE", "1")
MONROE = Plant("Monroe", "Northfield Castings Inc", "Plant 2 - Monroe", "300102", "northfield-2", "MONROE", "2")
PLANTS = (MAUMEE, MONROE)

SHOP = {
    "Machining": ("5100", "Machining"),
    "Assembly": ("5200", "Assembly"),
    "Welding & Fabrication": ("5300", "Welding"),
    "Paint & Finishing": ("5400", "Finishing"),
    "Tool & Die": ("5500", "Tool Room"),
    "Quality": ("6100", "Quality"),
    "Maintenance": ("6200", "Maintenance"),
    "Shipping & Receiving": ("6300", "Shipping"),
}
"""Departments that each plant has for itself: name in Rippling → code there, department in Plex."""
OFFICES = {
    "Executive": "Administration",
    "Operations": "Operations",
    "Supply Chain": "Purchasing",
    "Engineering": "Engineering",
    "Finance & Accounting": "Accounting",
    "Human Resources": "Human Resources",
    "Sales & Marketing": "Sales",
    "Information Technology": "IT",
}
NEW_DEPARTMENT = "Battery Assembly – Monroe"
NEW_DEPARTMENT_IN_PLEX = "Battery Line"

POSITIONS = {
    "CNC Machinist": "Machinist",
    "CNC Operator": "Machine Operator",
    "Tool and Die Maker": "Toolmaker",
    "Apprentice Toolmaker": "Toolmaker Apprentice",
    "Forklift Operator": "Material Handler",
    "Payroll Specialist": "Payroll Clerk",
}
"""Titles that Plex calls something else; all others have the same name in both."""
TYPES = {
    "Salaried, full-time": "Full Time",
    "Salaried, part-time": "Part Time",
    "Hourly, full-time": "Full Time",
    "Hourly, part-time": "Part Time",
    "Temporary": "Temporary",
    "Contractor": "Contractor",
}


def shop_department(name: str, plant: Plant) -> str:
    """What Rippling calls a shop department of one plant."""
    return f"{name} – {plant.city}"


CROSSWALK: dict[str, dict[str, str]] = {
    "department": {
        NEW_DEPARTMENT: NEW_DEPARTMENT_IN_PLEX,
        **OFFICES,
        **{shop_department(name, plant): in_plex for plant in PLANTS for name, (_, in_plex) in SHOP.items()},
    },
    "position": POSITIONS,
    "location": {plant.work_location: plant.building for plant in PLANTS},
    "company": {plant.legal_entity: plant.pcn for plant in PLANTS},
    "employment_type": TYPES,
}
"""Kind → name in Rippling → key in Plex. A position that is not named keeps its name."""


def meaning(kind: str, name: str) -> str | None:
    """What this value of Rippling is to be in Plex, None for a value the accountant knows nothing of."""
    return CROSSWALK[kind].get(name, name if kind == "position" else None)


def plant_of(worker: dict[str, Any]) -> Plant:
    """The plant whose legal entity employs this worker."""
    return next(plant for plant in PLANTS if plant.legal_entity == worker["legal_entity"])


def local_today() -> date:
    """Today where the company is."""
    return datetime.now(ZoneInfo(TIME_ZONE)).date()


# -- Rippling ------------------------------------------------------------------------------------------------------


def rippling_options() -> dict[str, Any]:
    """The company in Rippling before it is arranged by plant, and before it pays anybody through Rippling. At its
    noon, the date is the same here and there."""
    noon = datetime.combine(local_today(), time(12), ZoneInfo(TIME_ZONE))
    return {
        "size": HEADCOUNT,
        "terminated": FORMER,
        "now": noon.isoformat(),
        "payroll": {"runs": 0, "route": "v2"},
        "log_requests": False,
    }


def arrangement(workers: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The changes (action, arguments) that give each plant shop departments of its own."""
    for name, (code, _) in SHOP.items():
        for plant in PLANTS:
            words = {"name": shop_department(name, plant), "reference_code": f"{plant.code}-{code}"}
            if plant is MAUMEE:
                yield "rename_department", {"department": name, **words}
            else:
                yield "add_department", {"parent": "Operations", **words}
    for worker in workers:
        if worker["department"] in SHOP and plant_of(worker) is MONROE:
            department = shop_department(worker["department"], MONROE)
            yield "transfer", {"worker": worker["id"], "department": department}


# -- Plex ----------------------------------------------------------------------------------------------------------


def plex_options(
    workers: list[dict[str, Any]], titles: list[str], charts: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """The same company in Plex, as it was before anybody connected it; ``charts`` are the accounts by PCN."""
    return {
        "plants": [
            {
                "pcn": int(plant.pcn),
                "code": plant.company_code,
                "buildings": [{"buildingCode": plant.building, "name": f"{plant.city} plant"}],
                "accounts": charts[plant.pcn],
            }
            for plant in PLANTS
        ],
        "setup": {
            "statuses": {"Active": "active", "Leave": "active", "Terminated": "inactive"},
            "departments": plex_departments(),
            "positions": plex_positions(titles),
            "types": sorted(set(TYPES.values())),
            "shifts": ["1st", "2nd", "3rd"],
        },
        "employees": list(_keyed_by_hand(workers)),
        "log_requests": False,
    }


def plex_departments() -> list[str]:
    """Departments that both plants have set up, in Plex's order."""
    return sorted(set(CROSSWALK["department"].values()))


def plex_positions(titles: list[str]) -> list[str]:
    """Positions that both plants have set up."""
    return sorted({POSITIONS.get(title, title) for title in titles})


def _keyed_by_hand(workers: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    active = [worker for worker in workers if worker["status"] == "ACTIVE"]
    former = [worker for worker in workers if worker["status"] == "TERMINATED"]
    step = len(active) // KEYED_BY_HAND
    for place, worker in enumerate(active[::step][: KEYED_BY_HAND - 1]):
        yield _employee(worker, plant_of(worker)) | _slip(place, worker)
    # Left in Rippling, and nobody told Plex.
    yield _employee(former[0], plant_of(former[0]))
    for worker in former[1 : 1 + KEYED_FORMER]:
        yield _employee(worker, plant_of(worker)) | {"status": "Terminated"}


def _employee(worker: dict[str, Any], plant: Plant) -> dict[str, Any]:
    return {
        "pcn": int(plant.pcn),
        "badgeNumber": str(worker["number"]),
        "userId": worker["work_email"].partition("@")[0],
        "firstName": worker["given_name"],
        "lastName": worker["family_name"],
        "status": "Active",
        "position": meaning("position", worker["title"]),
        "department": meaning("department", worker["department"]),
        "building": plant.building,
        "shift": "1st",
        "type": "Full Time",
        "homePhone": "555-0100",
    }


def _slip(place: int, worker: dict[str, Any]) -> dict[str, Any]:
    """What hands get wrong: an old department, a name in capitals, now and then the other plant."""
    slips: dict[str, Any] = {}
    if place % 7 == 3:
        slips["department"] = "Administration"
    if place % 5 == 1:
        slips["lastName"] = worker["family_name"].upper()
    if place in (11, 22):
        other = next(plant for plant in PLANTS if plant is not plant_of(worker))
        slips |= {"pcn": int(other.pcn), "building": other.building}
    return slips
