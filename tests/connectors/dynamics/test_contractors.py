"""Contractors as vendors on the simulator, by both vendor entities."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.dynamics.connector import DynamicsConnector
from connectors.errors import OutcomeUnknownError, RecordRejectedError
from connectors.records import Employee
from tests.connectors.dynamics.conftest import DynamicsCustomer

both_sets = pytest.mark.parametrize("vendor_set", ["VendorsV2", "VendorsV3"])


def connector_of(customer: DynamicsCustomer, **settings: str) -> DynamicsConnector:
    return customer.connector(settings={"contractors": "vendors", "vendor_group": "40", **settings})


def contractor(connector: DynamicsConnector, number: str = "C-7", **fields: Any) -> Employee:
    given: dict[str, Any] = {
        "reference": connector.reference_for("integration", number),
        "number": number,
        "given_name": "Zoë",
        "family_name": "O'Neil",
        "work_email": "zoe@example.com",
        "employment_type": "Contractor",
        "company": "gbsi",
        **fields,
    }
    return Employee(**given)


def the_vendor(customer: DynamicsCustomer) -> dict[str, Any]:
    (vendor,) = customer.snapshot()["vendors"]
    return dict(vendor)


@both_sets
def test_a_contractor_becomes_a_vendor_and_is_found_again(customer: DynamicsCustomer, vendor_set: str) -> None:
    connector = connector_of(customer, vendor_set=vendor_set)
    somebody = contractor(connector)
    created = connector.create(somebody)
    vendor = the_vendor(customer)
    assert (vendor["dataAreaId"], vendor["VendorGroupId"], vendor["VendorPartyType"]) == ("gbsi", "40", "Person")
    assert (vendor["PersonFirstName"], vendor["PersonLastName"]) == ("Zoë", "O'Neil")
    assert created.id == f"vendor:gbsi:{vendor['VendorAccountNumber']}"
    assert connector.find_by_reference([somebody.reference]) == {somebody.reference: created}
    assert list(connector.find_by_number("C-7")) == [created]
    assert connector.get(created.id or "", "gbsi") == created
    assert connector.get(created.id or "", "usmf") is None
    assert created in list(connector.employees())
    assert all(one["PersonnelNumber"] != "C-7" for one in customer.snapshot()["workers"])


@both_sets
def test_a_contractor_changes_leaves_and_comes_back(customer: DynamicsCustomer, vendor_set: str) -> None:
    connector = connector_of(customer, vendor_set=vendor_set)
    created = connector.create(contractor(connector))
    before = the_vendor(customer)
    changed = connector.update(msgspec.structs.replace(created, family_name="Ek", work_email=None))
    assert (changed.family_name, changed.work_email) == ("Ek", None)
    after = the_vendor(customer)
    differ = {name for name in before if after.get(name) != before[name]}
    assert differ == {"PersonLastName", "PrimaryEmailAddress"}
    assert not connector.deactivate(changed).active
    assert the_vendor(customer)["OnHoldStatus"] == "All"
    assert connector.activate(changed).active
    assert the_vendor(customer)["OnHoldStatus"] == "No"


def test_finances_own_holds_do_not_count(customer: DynamicsCustomer) -> None:
    connector = connector_of(customer)
    created = connector.create(contractor(connector))
    customer.change(
        "change_vendor", company="gbsi", number=str(created.id).split(":")[2], fields={"OnHoldStatus": "Payment"}
    )
    held = connector.get(created.id or "", "gbsi")
    assert held is not None
    assert held.active


def test_a_contractor_whose_answer_is_lost_is_found(customer: DynamicsCustomer) -> None:
    connector = connector_of(customer)
    somebody = contractor(connector)
    customer.fault("cut_after", method="POST", path="/data/VendorsV2")
    with pytest.raises(OutcomeUnknownError):
        connector.create(somebody)
    assert list(connector.find_by_reference([somebody.reference])) == [somebody.reference]


def test_a_change_that_waits_for_approval_is_not_taken_for_made(customer: DynamicsCustomer) -> None:
    connector = connector_of(customer)
    created = connector.create(contractor(connector))
    customer.behave(vendor_approval=True)
    with pytest.raises(RecordRejectedError, match="approval"):
        connector.deactivate(created)
    assert the_vendor(customer).get("OnHoldStatus", "No") == "No"


def test_vendors_do_not_move_nor_become_employees(customer: DynamicsCustomer) -> None:
    connector = connector_of(customer)
    created = connector.create(contractor(connector))
    with pytest.raises(RecordRejectedError, match="cannot move"):
        connector.transfer(msgspec.structs.replace(created, company="usmf"), "gbsi")
    with pytest.raises(RecordRejectedError, match="cannot become an employee"):
        connector.update(msgspec.structs.replace(created, employment_type="Employee"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"company": "usmf"}, "one legal entity's"), ({"employment_type": "Employee"}, "cannot become an employee")],
)
def test_whoever_comes_back_as_somebody_else_stays_on_hold(
    customer: DynamicsCustomer, changed: dict[str, str], said: str
) -> None:
    connector = connector_of(customer)
    left = connector.deactivate(connector.create(contractor(connector)))
    with pytest.raises(RecordRejectedError, match=said) as refused:
        connector.activate(msgspec.structs.replace(left, **changed))
    assert refused.value.field == next(iter(changed))
    vendor = the_vendor(customer)
    assert (vendor["dataAreaId"], vendor["OnHoldStatus"]) == ("gbsi", "All")
    shown = connector.get(left.id or "", "gbsi")
    assert shown is not None
    assert not shown.active


@pytest.mark.parametrize("missing", ["number", "given_name", "family_name"])
def test_what_a_vendor_needs_is_named(customer: DynamicsCustomer, missing: str) -> None:
    connector = connector_of(customer)
    incomplete = msgspec.structs.replace(contractor(connector), **{missing: None})
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(incomplete)
    assert refused.value.field == missing
    assert customer.snapshot()["vendors"] == []


def test_without_vendors_a_contractor_is_a_worker(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    created = connector.create(contractor(connector, "90007"))
    assert (created.id, created.employment_type) == ("90007", "Contractor")
    assert customer.employments("90007")[0]["WorkerType"] == "Contractor"
    assert customer.snapshot()["vendors"] == []
