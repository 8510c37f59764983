"""What these credentials may do, told apart where Plex answers alike; and nothing is written to a stranger."""

from __future__ import annotations

import msgspec
import pytest

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError, UnexpectedReplyError
from connectors.plex.connector import PlexConnector
from connectors.records import Employee
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer, documents_only


def finding(result: CheckResult, entity: str, level: Level | None = None) -> Finding:
    (found,) = [one for one in result.findings if one.entity == entity and level in (None, one.level)]
    return found


def change(connector: PlexConnector) -> Employee:
    somebody = next(connector.employees())
    return connector.update(msgspec.structs.replace(somebody, department="Welding", position="Welder"))


@pytest.fixture
def plant(make_customer: MakeCustomer) -> PlexCustomer:
    """One plant with twenty employees, one of whom has left, and a journal."""
    customer = make_customer(employees=20)
    customer.enter("Utilities")
    customer.change("update_employee", badgeNumber="10002", fields={"status": "Terminated"})
    return customer


def test_a_good_connection_says_what_it_can_do(plant: PlexCustomer) -> None:
    result = plant.connector().check()
    assert result.ok
    assert {one.level for one in result.findings} == {Level.OK}
    assert result.account == f"acme (PCN {plant.pcn})"
    assert result.learned == {f"tenant_id_{plant.pcn}": plant.plants[0]["tenant_id"]}
    assert "20 employees" in finding(result, "employees").sentence
    assert "11-2026 is Open" in finding(result, "fiscal periods").sentence
    assert finding(result, "employee writes").access == "unknown"
    assert "2 statuses" in finding(result, "setup values").sentence
    assert not [request for request in plant.requests() if request["method"] not in ("GET", "POST")]


def test_a_wrong_key_is_said_once_with_its_expiry(plant: PlexCustomer) -> None:
    wrong = plant.contract.wrong_credentials()
    result = plant.connector(credentials=wrong, key_expires_on="2026-11-01").check()
    failed = [one for one in result.findings if one.level is Level.FAILED]
    assert len(failed) == 1
    assert failed[0].access == "forbidden"
    if plant.profile == "connect":
        assert "expired on 2026-11-01" in failed[0].sentence


def test_a_key_that_expires_soon_is_a_warning(plant: PlexCustomer) -> None:
    soon = finding(plant.connector(key_expires_on="2026-11-25").check(), "key")
    assert soon.level is Level.WARNING
    assert "in 4 days, on 2026-11-25" in soon.sentence
    later = plant.connector(key_expires_on="2026-12-31").check()
    assert "key" not in {one.entity for one in later.findings}


def test_another_company_that_answers_is_never_written_to(plant: PlexCustomer) -> None:
    plant.behave(default_pcn_wrong=True)
    connector = plant.connector(tenant_header="")
    result = connector.check()
    assert [(one.entity, one.level) for one in result.findings] == [("identity", Level.FAILED)]
    assert "otherco" in result.findings[0].sentence
    assert "acme" in result.findings[0].sentence
    stranger = next(connector.employees())
    with pytest.raises(ConnectionConfigError, match="otherco"):
        connector.update(msgspec.structs.replace(stranger, department="Welding", position="Welder"))
    assert plant.writes() == {}


@pytest.mark.parametrize(
    "wrong", [{"company_code": "beta"}, {"tenant_id": "00000000-0000-0000-0000-00000000beef"}], ids=["code", "tenant"]
)
def test_settings_that_name_another_company_stop_every_write(plant: PlexCustomer, wrong: dict[str, str]) -> None:
    connector = plant.connector(settings=wrong)
    with pytest.raises(ConnectionConfigError, match="acme"):
        change(connector)
    assert plant.writes() == {}


def test_a_tenant_id_once_learned_is_compared_from_then_on(plant: PlexCustomer) -> None:
    learned = plant.connector().check().learned
    assert change(plant.connector(learned=learned)).department == "Welding"
    moved = plant.connector(learned={f"tenant_id_{plant.pcn}": "00000000-0000-0000-0000-00000000beef"})
    with pytest.raises(ConnectionConfigError, match="tenant id"):
        moved.deactivate(next(moved.employees()))


def test_the_company_is_asked_once_per_connector(plant: PlexCustomer) -> None:
    connector = plant.connector()
    for employee in list(connector.employees())[:5]:
        connector.update(msgspec.structs.replace(employee, middle_name="M."))
    assert plant.writes() == {"updates": 5}
    assert sum("enant" in request["path"] for request in plant.requests()) == 1


def test_a_pcn_the_credentials_do_not_cover_is_told_from_a_wrong_key(plant: PlexCustomer) -> None:
    result = plant.connector(pcn="555", company_code="acme").check()
    assert [one.level for one in result.findings] == [Level.FAILED]
    assert "not for PCN 555" in result.findings[0].sentence


@pytest.mark.parametrize("entity", ["employees", "accounts", "buildings"])
def test_a_product_that_is_not_subscribed_is_named(plant: PlexCustomer, entity: str) -> None:
    products = {"tenants", "employees", "chart-of-accounts", "buildings", "fiscal-period-statuses", "trial-balance"}
    products |= {"cost-centers", "journal-entries", "general-ledger-activity"}
    plant.behave(products=sorted(products - {"chart-of-accounts" if entity == "accounts" else entity}))
    result = plant.connector().check()
    found = finding(result, entity)
    assert (found.level, found.access) == (Level.FAILED, "not_subscribed")
    assert "API product" in found.sentence
    assert [one.entity for one in result.findings if one.level is Level.FAILED] == [entity]


def test_a_refused_role_is_forbidden(plant: PlexCustomer) -> None:
    plant.behave(forbidden=["chart-of-accounts"])
    connector = plant.connector()
    found = finding(connector.check(), "accounts")
    assert (found.access, found.affects) == ("forbidden", ("reference", "payroll"))
    with pytest.raises(ConnectionConfigError, match="chart of accounts"):
        list(connector.accounts())


@pytest.mark.parametrize(
    ("resource", "entity"),
    [
        ("employees", "employees"),
        ("chart-of-accounts", "accounts"),
        ("buildings", "buildings"),
        ("fiscal-period-statuses", "fiscal periods"),
    ],
)
def test_empty_because_the_role_is_missing_is_told_from_really_empty(
    plant: PlexCustomer, resource: str, entity: str
) -> None:
    plant.behave(role_missing=[resource])
    found = finding(plant.connector().check(), entity)
    assert (found.level, found.access) == (Level.FAILED, "role_missing")
    assert "role" in found.sentence


def test_a_plant_without_buildings_is_really_empty(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=2)
    for badge in ("10001", "10002"):
        customer.change("update_employee", badgeNumber=badge, fields={"building": None})
    customer.change("remove_setup_value", kind="buildings", value=customer.plants[0]["buildings"][0])
    found = finding(customer.connector().check(), "buildings")
    assert (found.level, found.access) == (Level.WARNING, "empty")


@pytest.mark.parametrize("no_data_404", [True, False])
def test_an_empty_plant_stops_a_run_until_somebody_says_it_is_new(
    make_customer: MakeCustomer, no_data_404: bool
) -> None:
    customer = make_customer(employees=0, no_data_404=no_data_404)
    with pytest.raises(ConnectionConfigError, match="no employees at all"):
        list(customer.connector().employees())
    fresh = customer.connector(may_be_empty="yes")
    assert list(fresh.employees()) == []
    assert finding(fresh.check(), "employees").access == "empty"


def test_accounts_that_vanish_behind_a_role_stop_a_run(plant: PlexCustomer) -> None:
    plant.behave(role_missing=["chart-of-accounts"])
    with pytest.raises(ConnectionConfigError, match="no accounts at all"):
        list(plant.connector().accounts())


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_pcn_moved_to_iam_is_recognised_and_said(plant: PlexCustomer, status: int) -> None:
    plant.behave(iam_migrated=True, iam_status=status)
    connector = plant.connector()
    somebody = next(connector.employees())
    with pytest.raises(ConnectionConfigError, match=r"moved to Plex IAM.*Switch the people flow off"):
        connector.deactivate(somebody)


def test_a_role_that_may_read_but_not_write_is_a_matter_of_the_connection(plant: PlexCustomer) -> None:
    connector = plant.connector()
    plant.fault("status", method="PUT", status_code=403, body={"code": "REQUEST_NOT_AUTHORIZED", "message": "no"})
    with pytest.raises(ConnectionConfigError, match="change employees"):
        change(connector)


def test_an_account_number_off_the_pattern_is_counted(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=3)
    customer.change("add_account", accountNumber="SUSPENSE", name="Suspense")
    warning = finding(customer.connector().check(), "accounts", Level.WARNING)
    assert "1 do not match" in warning.sentence


def test_statuses_nobody_has_yet_are_a_warning(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=3)
    warned = finding(customer.connector().check(), "setup values", Level.WARNING)
    assert "Terminated" in warned.sentence
    told = customer.connector(known_statuses="Terminated").check()
    assert finding(told, "setup values").level is Level.OK


def test_a_period_that_is_missing_is_a_warning(plant: PlexCustomer) -> None:
    plant.clock.sleep(400 * 24 * 3600)
    plant.clock.sleep(365 * 24 * 3600)
    found = finding(plant.connector().check(), "fiscal periods")
    assert (found.level, found.affects) == (Level.WARNING, ("payroll",))


@documents_only
def test_a_documents_server_that_cannot_say_who_it_is_is_a_warning(plant: PlexCustomer) -> None:
    plant.fault("status", path="/api/Tenant", times=None, status_code=404)
    connector = plant.connector()
    assert finding(connector.check(), "identity").level is Level.WARNING
    assert change(connector).department == "Welding"


@pytest.mark.parametrize("body", [{"things": []}, {"data": {"a": 1}}, 7, [1, 2]])
def test_a_list_of_another_shape_is_unexpected(plant: PlexCustomer, body: object) -> None:
    plant.fault("status", method="GET", path=".*/[Ee]mployees?", status_code=200, body=body, times=None)
    with pytest.raises(UnexpectedReplyError):
        list(plant.connector().employees())
