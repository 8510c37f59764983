"""The invented manufacturer that every company is: plants, departments, titles, employment types, job codes.

Nothing here is a real firm. Ids are 24 hex digits as Rippling's are, and depend on the seed alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sandbox.rippling.table import Row, Table

FOUNDED = "2004-03-15T15:00:00.000000+00:00"

DEPARTMENTS: tuple[dict[str, str], ...] = (
    {"name": "Executive", "reference_code": "1000"},
    {"name": "Operations", "reference_code": "5000"},
    {"name": "Machining", "reference_code": "5100", "parent": "Operations"},
    {"name": "Assembly", "reference_code": "5200", "parent": "Operations"},
    {"name": "Welding & Fabrication", "reference_code": "5300", "parent": "Operations"},
    {"name": "Paint & Finishing", "reference_code": "5400", "parent": "Operations"},
    {"name": "Tool & Die", "reference_code": "5500", "parent": "Operations"},
    {"name": "Quality", "reference_code": "6100", "parent": "Operations"},
    {"name": "Maintenance", "reference_code": "6200", "parent": "Operations"},
    {"name": "Shipping & Receiving", "reference_code": "6300", "parent": "Operations"},
    {"name": "Supply Chain", "reference_code": "6400"},
    {"name": "Engineering", "reference_code": "7100"},
    {"name": "Finance & Accounting", "reference_code": "8100"},
    {"name": "Human Resources", "reference_code": "8200"},
    {"name": "Sales & Marketing", "reference_code": "8300"},
    {"name": "Information Technology", "reference_code": "8400"},
)
WEIGHTS = {
    "Machining": 26, "Assembly": 30, "Welding & Fabrication": 14, "Paint & Finishing": 7, "Quality": 9,
    "Maintenance": 6, "Shipping & Receiving": 8, "Engineering": 6, "Tool & Die": 5, "Supply Chain": 4,
}  # fmt: skip
"""How many people a department draws; 1 for one that is not here."""

TITLES: dict[str, tuple[str, ...]] = {
    "Executive": ("President", "Executive Assistant"),
    "Operations": ("Director of Operations", "Production Planner"),
    "Machining": ("Machining Supervisor", "CNC Machinist", "CNC Operator", "Set-up Technician"),
    "Assembly": ("Assembly Supervisor", "Assembler I", "Assembler II", "Line Lead"),
    "Welding & Fabrication": ("Welding Supervisor", "Welder", "Press Brake Operator"),
    "Paint & Finishing": ("Finishing Supervisor", "Powder Coater", "Finisher"),
    "Tool & Die": ("Tool Room Supervisor", "Tool and Die Maker", "Apprentice Toolmaker"),
    "Quality": ("Quality Manager", "Quality Inspector", "Metrology Technician"),
    "Maintenance": ("Maintenance Supervisor", "Maintenance Technician", "Electrician"),
    "Shipping & Receiving": ("Logistics Supervisor", "Material Handler", "Forklift Operator"),
    "Supply Chain": ("Supply Chain Manager", "Buyer", "Material Planner"),
    "Engineering": ("Engineering Manager", "Manufacturing Engineer", "Design Engineer"),
    "Finance & Accounting": ("Controller", "Cost Accountant", "Payroll Specialist"),
    "Human Resources": ("HR Manager", "HR Generalist"),
    "Sales & Marketing": ("Sales Manager", "Account Manager", "Inside Sales Representative"),
    "Information Technology": ("IT Manager", "Systems Administrator"),
}
OTHER_TITLES = ("Supervisor", "Specialist", "Associate")
"""Titles in a department that is not in TITLES."""

EMPLOYMENT_TYPES = (
    ("Salaried, full-time", "SALARIED_FT", "EMPLOYEE", "SALARIED", "FULL-TIME"),
    ("Salaried, part-time", "SALARIED_PT", "EMPLOYEE", "SALARIED", "PART-TIME"),
    ("Hourly, full-time", "HOURLY_FT", "EMPLOYEE", "HOURLY", "FULL-TIME"),
    ("Hourly, part-time", "HOURLY_PT", "EMPLOYEE", "HOURLY", "PART-TIME"),
    ("Temporary", "TEMP", "EMPLOYEE", "HOURLY", "TEMPORARY"),
    ("Contractor", "CONTRACTOR", "CONTRACTOR", "HOURLY", "FULL-TIME"),
)
"""Label, name, type, pay period, amount of work; the name is also the v1 ``employmentType``. Source: rippling §12.1."""

PLANTS: tuple[dict[str, str], ...] = (
    {
        "name": "Plant 1 - Maumee",
        "street": "4100 Foundry Road",
        "city": "Maumee",
        "region": "OH",
        "postal_code": "43537",
        "legal_name": "Northfield Components LLC",
        "tax_identifier": "00-1000001",
    },
    {
        "name": "Plant 2 - Monroe",
        "street": "77 Raisin River Drive",
        "city": "Monroe",
        "region": "MI",
        "postal_code": "48161",
        "legal_name": "Northfield Castings Inc",
        "tax_identifier": "00-1000002",
    },
)

TEAMS = ("Safety Committee", "Continuous Improvement", "First Responders")
LEVELS = ("Associate", "Lead", "Supervisor", "Manager", "Executive")
DIMENSIONS = {"Production Line": "LINE", "Work Order Type": "WOTYPE"}
CODES = {"Production Line": ("Line A", "Line B", "Line C"), "Work Order Type": ("Production", "Rework", "Set-up")}
CUSTOM_FIELDS = {"Clock badge": "TEXT", "Forklift licence expires": "DATE"}


@dataclass(frozen=True)
class Ids:
    """Makes the ids of a company: eight digits for the kind, ten for the seed, six for the number."""

    seed: int

    def __call__(self, kind: str, number: int) -> str:
        return f"{self.prefix(kind)}{number:06x}"

    def prefix(self, kind: str) -> str:
        stem = hashlib.blake2b(kind.encode(), digest_size=3).hexdigest()
        whose = hashlib.blake2b(str(self.seed).encode(), digest_size=5).hexdigest()
        return f"65{stem}{whose}"


@dataclass(frozen=True)
class Plant:
    """One site: where people work and which legal entity employs them there."""

    location: Row
    entity: Row


@dataclass(frozen=True)
class Organization:
    """The reference rows of a company by v2 resource name, and its plants."""

    tables: dict[str, Table]
    plants: tuple[Plant, ...]


def build(
    ids: Ids, company_id: str, plants: list[dict[str, str]] | None, departments: list[dict[str, str]] | None
) -> Organization:
    """The organisation with these plants and departments; what a plant leaves out comes from the built-in ones."""
    given = (
        PLANTS
        if plants is None
        else [{**PLANTS[n % 2], "tax_identifier": f"00-1{n + 1:06d}", **plant} for n, plant in enumerate(plants)]
    )
    sites = tuple(_plant(ids, company_id, number, plant) for number, plant in enumerate(given))
    department_rows = _departments(ids, DEPARTMENTS if departments is None else departments)
    titles = sorted({title for row in department_rows for title in TITLES.get(row["name"], OTHER_TITLES)})
    dimensions = [
        _row(ids, "job-dimensions", n, name=name, external_id=code, includes_custom_location=False,
             roster_type="PER_DIMENSION", group_id=None, org_attribute_associations=["DEPARTMENT"])
        for n, (name, code) in enumerate(DIMENSIONS.items())
    ]  # fmt: skip
    tables = {
        "departments": department_rows,
        "legal-entities": [site.entity for site in sites],
        "work-locations": [site.location for site in sites],
        "titles": [_row(ids, "titles", n, name=name) for n, name in enumerate(titles)],
        "employment-types": [
            _row(ids, "employment-types", n, label=label, name=name, type=kind, compensation_time_period=period,
                 amount_worked=amount)
            for n, (label, name, kind, period, amount) in enumerate(EMPLOYMENT_TYPES)
        ],
        "teams": [_row(ids, "teams", n, name=name, parent_id=None) for n, name in enumerate(TEAMS)],
        "tracks": [_row(ids, "tracks", 0, name="Career")],
        "levels": [
            _row(ids, "levels", n, name=name, parent_id=None, global_level=n + 1, description=None, rank=n + 1,
                 track_id=ids("tracks", 0))
            for n, name in enumerate(LEVELS)
        ],
        "job-dimensions": dimensions,
        "job-codes": _job_codes(ids, dimensions),
        "custom-fields": [
            _row(ids, "custom-fields", n, name=name, description=None, required=False, type=kind)
            for n, (name, kind) in enumerate(CUSTOM_FIELDS.items())
        ],
        "companies": [_company(company_id, sites)],
    }  # fmt: skip
    return Organization({name: Table(rows) for name, rows in tables.items()}, sites)


def department_row(ids: Ids, number: int, name: str, reference_code: str | None, parent: Row | None, now: str) -> Row:
    row_id = ids("departments", number)
    above = [] if parent is None else parent["department_hierarchy_id"]
    return {
        "id": row_id,
        "created_at": now,
        "updated_at": now,
        "name": name,
        "parent_id": None if parent is None else parent["id"],
        "reference_code": reference_code,
        "department_hierarchy_id": [*above, row_id],
    }


def _row(ids: Ids, kind: str, number: int, **fields: Any) -> Row:
    return {"id": ids(kind, number), "created_at": FOUNDED, "updated_at": FOUNDED, **fields}


def _departments(ids: Ids, given: tuple[dict[str, str], ...] | list[dict[str, str]]) -> list[Row]:
    """Parents must come before their children."""
    rows: dict[str, Row] = {}
    for number, fields in enumerate(given):
        parent = rows[fields["parent"]] if "parent" in fields else None
        code = fields.get("reference_code")
        rows[fields["name"]] = department_row(ids, number, fields["name"], code, parent, FOUNDED)
    return list(rows.values())


def _plant(ids: Ids, company_id: str, number: int, plant: dict[str, str]) -> Plant:
    address = {
        "type": "WORK",
        "formatted": f"{plant['street']}, {plant['city']}, {plant['region']} {plant['postal_code']}",
        "street_address": plant["street"],
        "locality": plant["city"],
        "region": plant["region"],
        "postal_code": plant["postal_code"],
        "country": "US",
    }
    location = _row(ids, "work-locations", number, name=plant["name"], address=address)
    entity = _row(
        ids, "legal-entities", number, tax_identifier=plant["tax_identifier"], country={"code": "US"},
        legal_name=plant["legal_name"], entity_level="SUBSIDIARY" if number else "PARENT",
        registration_date="2004-03-15", mailing_address=address, physical_address=address,
        parent_id=ids("legal-entities", 0) if number else None, management_type=None, company_id=company_id,
    )  # fmt: skip
    return Plant(location, entity)


def _job_codes(ids: Ids, dimensions: list[Row]) -> list[Row]:
    pairs = [(dimension, name) for dimension in dimensions for name in CODES[dimension["name"]]]
    return [
        _row(
            ids, "job-codes", n, name=name, job_dimension_id=dimension["id"],
            external_id=f"{dimension['external_id']}-{n + 1:02d}", group_id=None, custom_location=None,
            work_location_id=None, department_id=None, pay_rate=None, pay_rate_exceptions_id=[],
        )
        for n, (dimension, name) in enumerate(pairs)
    ]  # fmt: skip


def _company(company_id: str, sites: tuple[Plant, ...]) -> Row:
    first = sites[0].entity
    return {
        "id": company_id,
        "created_at": FOUNDED,
        "updated_at": FOUNDED,
        "parent_legal_entity_id": first["id"],
        "legal_entities_id": [site.entity["id"] for site in sites],
        "physical_address": first["physical_address"],
        "primary_email": "payroll.office@northfield.example.com",
        "legal_name": first["legal_name"],
        "doing_business_as_name": "Northfield",
        "phone": "+1 555 010 0100",
        "name": "Northfield",
    }
