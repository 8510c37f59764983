"""Accounts and the values employees refer to: read from what Plex has, never invented."""

from __future__ import annotations

import pytest

from connectors.errors import ConnectionConfigError, TemporaryError, UnexpectedReplyError
from connectors.records import OrgUnit, RefKind
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer, documents_only


def codes(units: list[OrgUnit]) -> list[str]:
    return [unit.code for unit in units]


def test_accounts_have_segments_with_their_zeros(customer: PlexCustomer) -> None:
    connector = customer.connector()
    accounts = [account for account in connector.accounts() if account.company == customer.pcn]
    assert len(accounts) == 48
    labor = next(account for account in accounts if account.number == "61000-210-0100")
    assert labor.segments == {"base": "61000", "cost_center": "210", "sub": "0100"}
    assert (labor.category, labor.active) == ("Expense", True)
    assert not next(account for account in accounts if account.number == "61000-210-0900").active
    assert {account.company for account in connector.accounts()} == {str(plant["pcn"]) for plant in customer.plants}


def test_an_account_off_the_pattern_appears_without_segments(customer: PlexCustomer) -> None:
    customer.change("add_account", accountNumber="1", name="Odd one")
    odd = next(account for account in customer.connector().accounts() if account.number == "1")
    assert odd.segments == {}


def test_a_customers_own_pattern_is_used(make_customer: MakeCustomer) -> None:
    customer = make_customer(
        employees=1, accounts=[{"accountNumber": "0612.07", "name": "Labor", "categoryType": "Expense"}]
    )
    (account,) = customer.connector(account_number_pattern=r"(?P<base>\d{4})\.(?P<cost_center>\d\d)").accounts()
    assert account.segments == {"base": "0612", "cost_center": "07"}


def test_setup_values_are_what_employees_carry_and_what_the_customer_adds(make_customer: MakeCustomer) -> None:
    row = {"firstName": "A", "lastName": "B", "status": "Active", "position": "Welder", "department": "Welding"}
    customer = make_customer(
        plants=[{}, {"code": "acme2"}],
        employees=[
            row | {"badgeNumber": "1", "userId": "a", "shift": "1st", "type": None},
            row | {"badgeNumber": "2", "userId": "b", "pcn": 300102, "department": "Quality", "type": "Part Time"},
        ],
    )
    connector = customer.connector(known_departments="Toolroom, Welding", known_statuses="Terminated")
    departments = list(connector.org_units(RefKind.DEPARTMENT))
    assert [(unit.code, unit.company) for unit in departments] == [
        ("Quality", "300102"),
        ("Toolroom", None),
        ("Welding", None),
    ]
    assert codes(list(connector.org_units(RefKind.POSITION))) == ["Welder"]
    assert codes(list(connector.org_units(RefKind.SHIFT))) == ["1st"]
    assert codes(list(connector.org_units(RefKind.EMPLOYMENT_TYPE))) == ["Part Time"]
    assert codes(list(connector.org_units(RefKind.STATUS))) == ["Active", "Terminated"]
    reads = [request for request in customer.requests() if request["path"].endswith(("/employees", "/Employee"))]
    assert len(reads) == 2, "one pass over each plant teaches every kind"


def test_values_of_the_only_plant_serve_all(make_customer: MakeCustomer) -> None:
    connector = make_customer(employees=3).connector()
    kinds = (RefKind.DEPARTMENT, RefKind.LOCATION, RefKind.COST_CENTER)
    assert {unit.company for kind in kinds for unit in connector.org_units(kind)} == {None}


def test_buildings_and_companies(customer: PlexCustomer) -> None:
    connector = customer.connector()
    buildings = list(connector.org_units(RefKind.LOCATION))
    assert [(unit.id, unit.company) for unit in buildings] == [("B300101", "300101"), ("B300102", "300102")]
    assert [(unit.id, unit.name) for unit in connector.org_units(RefKind.COMPANY)] == [
        ("300101", "acme"),
        ("300102", "acme2"),
    ]
    assert {unit.kind for kind in connector.org_kinds() for unit in connector.org_units(kind)} == set(
        connector.org_kinds()
    )


def test_cost_centers_come_from_the_chart_and_what_names_plex_has(customer: PlexCustomer) -> None:
    units = {unit.code: unit for unit in customer.connector().org_units(RefKind.COST_CENTER)}
    assert set(units) == {"000", "210", "220", "230", "310", "320", "910", "990"}
    assert units["210"].name == ("Assembly" if customer.profile == "documents" else "210")
    assert units["210"].active


def test_cost_centers_the_chart_pattern_misses_are_found_in_the_trial_balance(customer: PlexCustomer) -> None:
    connector = customer.connector(account_number_pattern="(?P<base>.*)")
    assert "210" in codes(list(connector.org_units(RefKind.COST_CENTER)))


def test_cost_centers_survive_a_missing_trial_balance(customer: PlexCustomer) -> None:
    customer.behave(forbidden=["trial-balance", "cost-centers"])
    connector = customer.connector()
    assert "210" in codes(list(connector.org_units(RefKind.COST_CENTER)))
    affected = [one for one in connector.check().findings if one.entity == "cost centers"]
    assert {one.access for one in affected} == {"forbidden"}


@documents_only
@pytest.mark.parametrize("envelope", ["data", "rows", "value", "array"])
@pytest.mark.parametrize("paging", [True, "ignored"])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1001])
def test_every_envelope_is_read_to_its_end(
    make_customer: MakeCustomer, envelope: str, paging: bool | str, count: int
) -> None:
    customer = make_customer(employees=count, documents_envelope=envelope, documents_paging=paging)
    badges = [employee.number for employee in customer.connector(may_be_empty="yes").employees()]
    assert len(badges) == len(set(badges)) == count


@documents_only
def test_a_list_that_moves_between_pages_is_read_again_and_not_believed(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=1200)
    reading = customer.connector().employees()
    for _ in range(400):
        next(reading)
    customer.change("remove_employee", badgeNumber="10003")
    with pytest.raises(TemporaryError, match="changed in Plex"):
        list(reading)


@documents_only
@pytest.mark.parametrize(("status", "body"), [(404, {}), (200, {"data": []}), (200, [])])
def test_a_page_that_is_missing_is_not_the_end(make_customer: MakeCustomer, status: int, body: object) -> None:
    customer = make_customer(employees=1200)
    customer.fault("status", method="GET", path="/api/Employee", skip=1, status_code=status, body=body, times=None)
    with pytest.raises((UnexpectedReplyError, TemporaryError)):
        list(customer.connector().employees())


@documents_only
def test_pages_that_never_end_are_unexpected(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=3)
    page = {"data": [{"Employee_Id": "a", "Status": "Active"}], "next_offset": 1}
    customer.fault("status", method="GET", path="/api/Employee", status_code=200, body=page, times=None)
    with pytest.raises(UnexpectedReplyError, match="does not move on"):
        list(customer.connector().employees())


def test_filters_plex_ignores_still_find_everybody_asked_for(customer: PlexCustomer) -> None:
    connector = customer.connector()
    everyone = list(connector.employees())
    rows = [
        {"id": employee.id, "Employee_Id": employee.id, "status": "Active"} | {"firstName": "A", "lastName": "B"}
        for employee in everyone
        if employee.company == customer.pcn
    ]
    for row in rows:
        row.pop("Employee_Id" if customer.profile == "connect" else "id")
    customer.fault("status", method="GET", path=".*/[Ee]mployees?", status_code=200, body=rows)
    wanted = [str(row.get("id") or row.get("Employee_Id")) for row in rows[:2]]
    others = [connector.reference_for("i", str(number)) for number in range(60)]
    assert set(connector.find_by_reference(wanted + others)) == set(wanted)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"base_url": "https://test.connect.plex.com", "environment": "production"}, "test environment"),
        ({"base_url": "https://connect.plex.com", "environment": "test"}, "production environment"),
        ({"environment": "staging"}, "Environment"),
        ({"pcn": ""}, "PCN"),
        ({"company_code": " "}, "Company code"),
        ({"plants": "acme2"}, "Further plants"),
        ({"plants": "300101:acme"}, "listed twice"),
        ({"plants": "300102:acme2", "tenant_header": ""}, "plant header"),
        ({"plants": "300102:acme2", "tenant_header_value": "tenant_id"}, "tenant id"),
        ({"account_number_pattern": "("}, "cannot be read"),
        ({"account_number_pattern": "(?P<center>.*)"}, "named base"),
        ({"key_expires_on": "soon"}, "date"),
        ({"user_id_rule": "random"}, "none of"),
    ],
)
def test_settings_that_cannot_work_are_said_before_anything_is_sent(
    customer: PlexCustomer, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConnectionConfigError, match=sentence):
        customer.connector(settings=settings)
    assert customer.requests() == []


def test_addresses_follow_profile_and_environment(customer: PlexCustomer) -> None:
    from connectors.plex.settings import read_settings
    from tests.connectors.surroundings import context

    settings = {"profile": customer.profile, "environment": "test", "pcn": "1", "company_code": "a"}
    expected = {"connect": "https://test.connect.plex.com", "documents": "https://test.cloud.plex.com/api"}
    assert read_settings(context(settings=settings)).base_url == expected[customer.profile]
