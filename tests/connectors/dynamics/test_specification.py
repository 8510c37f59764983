"""The names we read and write are those Dynamics publishes, where its description is present.

Workers, EmployeesV2 and EmploymentsV2 are in no machine description: their names are held against the entities they
grew out of.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from connectors.dynamics import mapper, schemas, vendors
from connectors.dynamics.checks import READ
from connectors.dynamics.reference import UNITS
from tests.conftest import SPECS

FACTS = SPECS / "dynamics" / "entity-facts.json"
COMMON = SPECS / "dynamics" / "cdm"

pytestmark = pytest.mark.skipif(not FACTS.is_file(), reason="the vendor's description is not here")


@functools.cache
def facts() -> Any:
    return json.loads(FACTS.read_text())


def common(entity: str) -> set[str]:
    """The attributes of an entity of the common data model."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "name" in node and "dataType" in node:
                found.add(node["name"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json.loads((COMMON / f"{entity}.cdm.json").read_text())["definitions"])
    return found


@pytest.mark.parametrize("entity_set", ["VendorsV2", "VendorsV3"])
def test_vendors(entity_set: str) -> None:
    entity = facts()["entities"][entity_set]
    assert set(schemas.columns(schemas.VendorRow)) <= set(entity["fields"])
    written = {theirs for theirs, _ in (*vendors._FIELDS.values(), *vendors._REFERENCES.values())}
    assert written | {"OnHoldStatus", "VendorGroupId", "VendorPartyType", "dataAreaId"} <= set(entity["fields"])
    row = schemas.VendorRow(vendor_account_number="1", company="usmf")
    assert list(row.key) == entity["keys"]
    held = entity["fields"]["OnHoldStatus"].removeprefix("enum:")
    assert {vendors.NO_HOLD.name, vendors.ON_HOLD.name} <= set(facts()["enums"][held])
    assert held == vendors.ON_HOLD.enum


@pytest.mark.parametrize("entity_set", UNITS.values())
def test_units(entity_set: str) -> None:
    entity = facts()["entities"][entity_set]
    assert set(schemas.columns(schemas.UnitRow)) <= set(entity["fields"])
    assert entity["keys"] == ["OperatingUnitNumber"]


def test_legal_entities_and_what_the_check_reads() -> None:
    entities = facts()["entities"]
    assert set(schemas.columns(schemas.LegalEntityRow)) <= set(entities["LegalEntities"]["fields"])
    described = [(name, column) for name, column, _ in READ if name in entities]
    assert len(described) >= 7
    for name, column in described:
        assert column in entities[name]["fields"], name
    assert entities["VendorGroups"]["keys"] == ["dataAreaId", "VendorGroupId"]


def test_workers_and_employments() -> None:
    employment = facts()["entities"]["Employments"]["fields"]
    own = set(schemas.columns(schemas.EmploymentRow)) - {"EmploymentId"}
    assert own <= set(employment)
    assert set(facts()["enums"]["HcmEmploymentType"]) == set(schemas.EMPLOYMENT_TYPES)
    worker = common("HcmWorkerEntity")
    assert set(schemas.columns(schemas.WorkerRow)) <= worker
    hired = {*mapper._NAMES.values(), *mapper.REFERENCES, "PersonnelNumber", "EmploymentLegalEntityId"}
    assert hired | {"EmploymentStartDate"} <= common("HcmEmployeeEntity")
    assert set(mapper._NAMES.values()) <= worker
