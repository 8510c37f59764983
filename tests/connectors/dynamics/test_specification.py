"""The names we read and write are those Dynamics publishes, where its description is present.

Workers, EmployeesV2 and EmploymentsV2 are in no machine description: their names are held against the entities they
grew out of.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.dynamics import batch, mapper, schemas, vendors
from connectors.dynamics.batch import Operation
from connectors.dynamics.checks import READ
from connectors.dynamics.reference import UNITS
from tests.connectors.dynamics.specification import check_request, common, facts, needs_specification

pytestmark = needs_specification

LINE = {
    "dataAreaId": "usmf",
    "JournalBatchNumber": "00001",
    "AccountType": "Ledger",
    "AccountDisplayValue": "601500-022-0015-",
    "DebitAmount": 12.5,
    "TransDate": "2026-11-20T12:00:00Z",
}
ENUM = "Microsoft.Dynamics.DataEntities.FiscalPeriodType"


def request(method: str, path: str, body: object = None, **query: str) -> dict[str, Any]:
    options = [["cross-company", "true"], *([f"${name}", value] for name, value in query.items())]
    text = json.dumps(body) if body else ""
    return {"method": method, "path": f"/data/{path}", "query": options, "headers": {}, "body": text}


def batched(method: str, path: str, body: dict[str, object]) -> dict[str, Any]:
    kind, content = batch.build([[Operation(method=method, path=path, body=body)]], "https://contoso.example")
    return request("POST", "$batch") | {"headers": {"content-type": kind}, "body": content.decode()}


def test_described_requests_pass() -> None:
    check_request(request("POST", "LedgerJournalLines", LINE))
    check_request(batched("POST", "LedgerJournalLines", LINE))
    check_request(batched("PATCH", "VendorsV2(dataAreaId='usmf',VendorAccountNumber='V%201')", {"OnHoldStatus": "All"}))
    check_request(request("GET", "FiscalPeriods", select="Calendar", filter=f"(Type eq {ENUM}'Operating')"))
    check_request(request("GET", "Workers", orderby="PersonnelNumber", filter="NameAlias eq 'O''Neil and (b)'"))


@pytest.mark.parametrize(
    "wrong",
    [
        request("POST", "LedgerJournalLines", LINE | {"Department": "022"}),
        request("POST", "LedgerJournalLines", LINE | {"DebitAmount": "12.50"}),
        request("POST", "LedgerJournalLines", LINE | {"AccountType": "Account"}),
        request("POST", "LedgerJournalLines", LINE | {"TransDate": 20261120}),
        batched("POST", "LedgerJournalLines", LINE | {"Department": "022"}),
        batched("DELETE", "LedgerJournalHeaders(JournalBatchNumber='00001')", {}),
        request("GET", "LedgerJournals"),
        request("DELETE", "LedgerJournalHeaders"),
        request("PATCH", "Workers(WorkerId='1')", {"FirstName": "Zoë"}),
        request("GET", "Workers", select="PersonnelNumber,Salary"),
        request("GET", "Workers", orderby="WorkerId"),
        request("GET", "Workers", search="Zoë"),
        request("GET", "FiscalPeriods", filter="Type eq 'Operating'"),
        request("GET", "FiscalPeriods", filter=f"Type eq {ENUM}'Working'"),
        request("GET", "FiscalPeriods", filter="Days eq 'many'"),
        request("GET", "Workers", filter="contains(PersonnelNumber,'1')"),
        request("GET", "Workers", filter="PersonnelNumber in ('1','2')"),
    ],
    ids=[
        "property",
        "type",
        "member",
        "day",
        "in a batch",
        "key in a batch",
        "entity set",
        "method",
        "key",
        "select",
        "orderby",
        "option",
        "no enumeration",
        "no member",
        "number",
        "function",
        "operator",
    ],
)
def test_requests_that_are_not_described_fail(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_request(wrong)


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
