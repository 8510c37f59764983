"""Workers, employments and vendors (dynamics §7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.dynamics_world import Dynamics, said, start
from tests.sandbox.plex_world import Clock

ANN = {
    "EmploymentLegalEntityId": "usmf",
    "FirstName": "Ann",
    "LastName": "Lee",
    "EmploymentStartDate": "2026-06-01T05:00:00Z",
}
DATES = "EmploymentEndDate%20gt%201900-01-01T00:00:00Z"


def employment(number: str, company: str, employment_id: str) -> str:
    return f"EmploymentsV2(PersonnelNumber='{number}',LegalEntityId='{company}',EmploymentId='{employment_id}')"


def test_one_call_hires_a_person_a_worker_and_an_employment() -> None:
    dynamics = Dynamics(workers=3)

    hired = dynamics.post("EmployeesV2", **ANN, BirthDate="1990-02-03T12:00:00Z", Gender="Female")

    assert hired.status_code == 201
    shown = hired.json()
    assert (shown["EmploymentId"], shown["EmploymentEndDate"]) == ("00004", "2154-12-31T23:59:59Z")
    number = shown["PersonnelNumber"]
    worker = dynamics.get(f"Workers('{number}')").json()
    assert (worker["Name"], worker["WorkerStatus"], worker["BirthDate"], worker["Gender"]) == (
        "Ann Lee",
        "Employed",
        "1990-02-03T12:00:00Z",
        "Female",
    )
    kept = [one for one in dynamics.snapshot()["employments"] if one["PersonnelNumber"] == number]
    assert [(one["LegalEntityId"], one["EmploymentStartDate"]) for one in kept] == [("usmf", "2026-06-01T05:00:00Z")]


def test_a_worker_without_a_gender_shows_none() -> None:
    dynamics = Dynamics(workers=1)
    assert [row["Gender"] for row in dynamics.rows("Workers?$select=PersonnelNumber,Gender")] == ["None"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"FirstName": ""}, "Field 'FirstName' must be filled in"),
        ({"EmploymentLegalEntityId": "none"}, "legal entity none does not exist"),
        ({"EmploymentId": "7"}, "Insert not allowed for field 'EmploymentId'"),
        ({"EmploymentStartDate": "2026-06-01"}, "Edm.DateTimeOffset"),
        ({"MaritalStatus": "Widowed"}, "DirPersonMaritalStatus"),
        ({"Salary": 1}, "The property 'Salary' does not exist on type"),
    ],
)
def test_hires_that_are_refused(more: dict[str, Any], reason: str) -> None:
    dynamics = Dynamics()
    assert reason in said(dynamics.post("EmployeesV2", **ANN | more))[1]
    assert dynamics.snapshot()["workers"] == []


def test_a_second_hire_of_the_same_number_is_a_second_employment_or_refused() -> None:
    dynamics = Dynamics()
    body = ANN | {"PersonnelNumber": "000123"}
    assert dynamics.post("EmployeesV2", **body).status_code == 201
    assert dynamics.post("EmployeesV2", **body).status_code == 201
    assert dynamics.snapshot()["duplicates"] == {"000123 usmf": 2}
    assert len(dynamics.snapshot()["workers"]) == 1
    dynamics.change("set_options", second_hire="refuse")
    assert "already exists" in said(dynamics.post("EmployeesV2", **body))[1]
    dynamics.post("EmployeesV2", **ANN)
    dynamics.post("EmployeesV2", **ANN)
    assert len(dynamics.snapshot()["workers"]) == 3


def test_a_worker_changes_but_not_who_it_is() -> None:
    dynamics = Dynamics(workers=1)
    answer = dynamics.patch("Workers('000001')", LastName="Nowak", PrimaryContactEmail="n@contoso.example")
    assert answer.status_code == 204
    kept = dynamics.snapshot()["workers"][0]
    assert (kept["Name"].split()[-1], kept["PrimaryContactEmail"]) == ("Nowak", "n@contoso.example")
    assert "cannot be changed" in said(dynamics.patch("Workers('000001')", WorkerStatus="Terminated"))[1]
    assert dynamics.patch("Workers('000009')", LastName="Nowak").status_code == 404


def test_an_employment_ends_and_is_no_longer_listed_though_it_is_there() -> None:
    """Rows are as of now, unless the filter is about their dates (dynamics §7)."""
    clock = Clock()
    dynamics = Dynamics(base=start(clock), workers=1, token_lifetime=10_000_000)
    key = employment("000001", "usmf", "00001")
    assert dynamics.patch(key, EmploymentEndDate="2026-06-20T04:59:59Z").status_code == 204
    assert len(dynamics.rows("EmploymentsV2")) == 1
    clock.passes(5 * 86_400)
    assert dynamics.rows("EmploymentsV2") == []
    assert dynamics.rows("EmployeesV2") == []
    assert len(dynamics.rows(f"EmploymentsV2?$filter={DATES}")) == 1
    assert dynamics.get(key).json()["EmploymentEndDate"] == "2026-06-20T04:59:59Z"
    assert dynamics.rows("Workers")[0]["WorkerStatus"] == "Terminated"
    dynamics.change("set_options", employments_shown="all")
    assert len(dynamics.rows("EmploymentsV2")) == 1


def test_a_transfer_is_another_employment_and_the_old_ones_end() -> None:
    dynamics = Dynamics(workers=1)
    further = {"PersonnelNumber": "000001", "LegalEntityId": "demf", "EmploymentStartDate": "2026-07-01T05:00:00Z"}
    begun = dynamics.post("EmploymentsV2", **further, WorkerType="Employee", DimensionDisplayValue="022--")
    assert begun.status_code == 201
    assert dynamics.rows("EmploymentsV2?$filter=LegalEntityId%20eq%20'demf'") == []
    ended = dynamics.patch(employment("000001", "usmf", "00001"), EmploymentEndDate="2026-07-01T04:59:59Z")
    assert ended.status_code == 204
    kept = dynamics.snapshot()["employments"]
    assert [(one["LegalEntityId"], one["EmploymentEndDate"][:10]) for one in kept] == [
        ("usmf", "2026-07-01"),
        ("demf", "2154-12-31"),
    ]
    overlapping = further | {"EmploymentStartDate": "2026-09-01T05:00:00Z"}
    assert "overlaps" in said(dynamics.post("EmploymentsV2", **overlapping))[1]
    unknown = further | {"PersonnelNumber": "999999"}
    assert "does not exist" in said(dynamics.post("EmploymentsV2", **unknown))[1]
    for early in ("2026-06-01T04:59:59Z", further["EmploymentStartDate"]):
        backwards = dynamics.patch(employment("000001", "demf", "00002"), EmploymentEndDate=early)
        assert "must be later" in said(backwards)[1]


def test_the_first_version_of_employments_has_its_dates_in_its_key() -> None:
    dynamics = Dynamics(workers=1)
    row = dynamics.rows("Employments")[0]
    dates = f"EmploymentStartDate={row['EmploymentStartDate']},EmploymentEndDate={row['EmploymentEndDate']}"
    key = f"Employments(PersonnelNumber='000001',LegalEntityId='usmf',{dates})"
    assert dynamics.patch(key, DimensionDisplayValue="022--").status_code == 204
    assert dynamics.snapshot()["employments"][0]["DimensionDisplayValue"] == "022--"
    assert dynamics.patch(key, EmploymentEndDate="2026-12-31T23:59:59Z").status_code == 204
    assert dynamics.get(key).status_code == 404


def test_people_are_changed_by_people() -> None:
    dynamics = Dynamics()
    number = dynamics.change("add_worker", FirstName="Bo", LastName="Ek", LegalEntityId="gbsi")["PersonnelNumber"]
    dynamics.change("change_worker", number=number, fields={"FirstName": "Beau"})
    assert dynamics.change("end_employment", number=number, at="2026-06-10T00:00:00Z") == {"ended": 1}
    kept = dynamics.snapshot()
    assert (kept["workers"][0]["FirstName"], kept["workers"][0]["WorkerStatus"]) == ("Beau", "Terminated")
    assert kept["employments"][0]["LegalEntityId"] == "gbsi"


def test_a_vendor_gets_its_account_from_the_sequence_and_is_one_in_both_versions() -> None:
    dynamics = Dynamics()
    least = {"dataAreaId": "demf", "VendorOrganizationName": "Ann Lee LLC", "VendorGroupId": "40"}

    made = dynamics.post("VendorsV2", **least)

    assert (made.status_code, made.json()["VendorAccountNumber"]) == (201, "DEMF-0000000001")
    assert (made.json()["dataAreaId"], made.json()["CurrencyCode"]) == ("demf", "EUR")
    key = "(dataAreaId='demf',VendorAccountNumber='DEMF-0000000001')?cross-company=true"
    assert dynamics.patch(f"VendorsV3{key}", PrimaryEmailAddress="ann@lee.example").status_code == 204
    assert dynamics.get(f"VendorsV2{key}").json()["PrimaryEmailAddress"] == "ann@lee.example"
    assert dynamics.rows("VendorsV2") == []
    only_in_v2 = "VendorLeadTime"
    assert only_in_v2 in dynamics.get(f"VendorsV2{key}").json()
    assert only_in_v2 not in dynamics.get(f"VendorsV3{key}").json()
    person = {"VendorPartyType": "Person", "PersonFirstName": "Bo", "PersonLastName": "Ek", "VendorGroupId": "40"}
    assert dynamics.post("VendorsV3", **person).json()["VendorSearchName"] == "Bo Ek"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"VendorOrganizationName": "A"}, "field 'Group' is not found"),
        ({"VendorOrganizationName": "A", "VendorGroupId": "99"}, "field 'Group' is not found"),
        ({"VendorGroupId": "40"}, "Field 'Name' must be filled in"),
        ({"VendorOrganizationName": "A", "VendorGroupId": "40", "VendorAccountNumber": "X"}, "Insert not allowed"),
        ({"VendorOrganizationName": "A", "VendorGroupId": "40", "Name": "X"}, "does not exist on type"),
    ],
)
def test_vendors_that_are_refused(body: dict[str, str], reason: str) -> None:
    dynamics = Dynamics()
    assert reason in said(dynamics.post("VendorsV2", **body))[1]
    assert dynamics.snapshot()["vendors"] == []


def test_a_chosen_vendor_number_and_changes_under_approval() -> None:
    dynamics = Dynamics(vendor_numbers_manual=True, vendor_approval=True)
    body = {"VendorOrganizationName": "A", "VendorGroupId": "40", "VendorAccountNumber": "C-1"}
    assert dynamics.post("VendorsV2", **body).status_code == 201
    assert "already exists" in said(dynamics.post("VendorsV2", **body))[1]
    key = "VendorsV2(dataAreaId='usmf',VendorAccountNumber='C-1')"
    assert "submitted for approval" in said(dynamics.patch(key, Tax1099FederalTaxId="1"))[1]
    assert dynamics.patch(key, PrimaryEmailAddress="a@example.com").status_code == 204
    assert dynamics.delete(key).status_code == 204


def test_operating_units_are_what_department_values_come_from() -> None:
    dynamics = Dynamics()
    dynamics.change("add_value", dimension="Department", value="030", description="Night shift")
    kind = "Microsoft.Dynamics.DataEntities.OMOperatingUnitType'OMDepartment'"
    units = dynamics.rows(f"OperatingUnits?$filter=OperatingUnitType%20eq%20{kind}&$select=OperatingUnitNumber,Name")
    assert [row["OperatingUnitNumber"] for row in units] == ["022", "023", "024", "025", "030"]
    assert dynamics.get("DepartmentsV2('030')").json()["Name"] == "Night shift"
