"""What a check finds out, entity by entity; and the values people are described by."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError
from connectors.records import RefKind
from tests.connectors.dynamics.books import payroll
from tests.connectors.dynamics.conftest import DynamicsCustomer, MakeCustomer


def finding(result: CheckResult, entity: str, level: Level | None = None) -> Finding:
    found = [one for one in result.findings if one.entity == entity and level in (None, one.level)]
    assert found, entity
    return found[0]


def failures(result: CheckResult) -> list[str]:
    return [one.entity for one in result.findings if one.level is Level.FAILED]


def test_a_good_connection_says_what_it_can_do_and_what_it_could_not_find_out(customer: DynamicsCustomer) -> None:
    result = customer.connector(contractors="vendors", vendor_group="40").check()
    assert failures(result) == []
    assert {one.level for one in result.findings} == {Level.OK}
    assert result.account == "127.0.0.1 (usmf, gbsi, demf)"
    assert "10.0.2177.60" in finding(result, "version").sentence
    assert "12 workers" in finding(result, "workers").sentence
    assert "MainAccount-Department-CostCenter-BusinessUnit" in finding(result, "ledger dimension format").sentence
    assert finding(result, "journal writes").access == "unknown"
    assert finding(result, "worker writes").access == "unknown"
    asked = {request["method"] for request in customer.requests() if request["path"].startswith("/data")}
    assert asked == {"GET", "POST"}
    posted = {request["path"].rpartition(".")[2] for request in customer.requests() if request["method"] == "POST"}
    assert posted == {"0/token", "GetApplicationVersion", "getCombinationDisplayValue"}


def test_a_wrong_secret_is_said_once(customer: DynamicsCustomer) -> None:
    result = customer.connector(credentials={"client_secret": "wrong"}).check()
    assert [(one.entity, one.level) for one in result.findings] == [("sign-in", Level.FAILED)]
    assert "not its id" in result.findings[0].sentence
    customer.change("expire_secret")
    assert "has expired" in customer.connector().check().findings[0].sentence


def certificate() -> tuple[str, str, x509.Certificate]:
    """A key and its certificate of one's own, both in PEM form, and the certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "payroll")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    signed = built.not_valid_after(datetime(2036, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem.decode(), signed.public_bytes(serialization.Encoding.PEM).decode(), signed


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()], ids=["SHA-1", "SHA-256"])
def test_a_certificate_is_all_it_takes_and_another_one_opens_nothing(
    make_customer: MakeCustomer, digest: hashes.HashAlgorithm
) -> None:
    key, pem, own = certificate()
    customer = make_customer(certificate=pem, workers=2)
    settings = {"certificate_thumbprint": own.fingerprint(digest).hex(":").upper()}
    key = key.replace("\n", "")  # as a form's field hands it on
    signed = customer.connector(credentials={"client_secret": "", "certificate_key": key}, settings=settings)
    assert len(list(signed.employees())) == 2
    strange = customer.connector(
        credentials={"client_secret": "", "certificate_key": certificate()[0]}, settings=settings
    ).check()
    assert failures(strange) == ["sign-in"]
    assert "does not accept the certificate" in strange.findings[0].sentence


def test_an_app_that_dynamics_does_not_list_is_told_from_a_wrong_secret(customer: DynamicsCustomer) -> None:
    customer.behave(registered=False)
    result = customer.connector().check()
    assert failures(result) == ["environment"]
    assert finding(result, "sign-in").level is Level.OK
    assert "Microsoft Entra ID applications" in finding(result, "environment").sentence


def test_a_user_without_roles_is_told_from_an_app_that_is_not_listed(customer: DynamicsCustomer) -> None:
    customer.behave(roles=False)
    result = customer.connector().check()
    assert failures(result) == ["environment"]
    assert "security role" in finding(result, "environment").sentence


@pytest.mark.parametrize(
    ("entity_set", "entity", "affects"),
    [
        ("LedgerJournalHeaders", "ledger journal headers", ("payroll",)),
        ("MainAccounts", "main accounts", ("reference", "payroll")),
        ("Ledgers", "ledgers", ("reference", "payroll")),
        ("MainAccountLegalEntities", "main account legal entities", ("reference", "payroll")),
        ("FiscalYears", "fiscal years", ("payroll",)),
        ("AccountStructureConstraints", "account structure constraints", ("payroll",)),
        ("Workers", "workers", ("people",)),
        ("EmploymentsV2", "employments", ("people",)),
        ("CostCenters", "cost centers", ("reference",)),
        ("JournalNames", "journal name", ("payroll",)),
        ("DimensionIntegrationFormats", "ledger dimension format", ("payroll",)),
    ],
)
def test_what_a_role_does_not_show_is_named_with_what_will_not_work(
    customer: DynamicsCustomer, entity_set: str, entity: str, affects: tuple[str, ...]
) -> None:
    customer.behave(forbidden=[entity_set])
    result = customer.connector().check()
    assert entity in failures(result)
    found = finding(result, entity, Level.FAILED)
    assert (found.access, found.affects) == ("forbidden", affects)


@pytest.mark.parametrize(("how", "access"), [("forbidden", "forbidden"), ("unknown", "not_subscribed")])
def test_overrides_that_are_not_shown_are_a_warning_and_stop_nothing(
    customer: DynamicsCustomer, how: str, access: str
) -> None:
    overrides = "FinancialDimensionValueLegalEntityOverrides"
    if how == "forbidden":
        customer.behave(forbidden=[overrides])
    else:
        customer.fault("status", method="GET", path=f".*/{overrides}.*", status_code=404, times=None)
    connector = customer.connector()
    result = connector.check()
    assert failures(result) == []
    found = finding(result, "financial dimension value legal entity overrides", Level.WARNING)
    assert (found.access, found.affects) == (access, ("reference", "payroll"))
    assert "suspended is noticed only when Dynamics refuses it" in found.sentence
    assert connector.refusal(payroll()) == ""
    assert connector.post_journal(payroll()).lines == payroll().lines


def test_lines_that_posting_deletes_are_a_warning(customer: DynamicsCustomer) -> None:
    result = customer.connector(journal_name="DELJRN").check()
    assert failures(result) == []
    assert "tied out by its totals alone" in finding(result, "journal name", Level.WARNING).sentence


def test_a_version_that_nobody_tells_is_no_failure(customer: DynamicsCustomer) -> None:
    customer.behave(forbidden=["DataManagementEntities"])
    result = customer.connector().check()
    assert failures(result) == []
    assert finding(result, "version").access == "unknown"


def test_a_legal_entity_that_is_not_there_is_said(customer: DynamicsCustomer) -> None:
    result = customer.connector(legal_entities="usmf, frrt", journal_name="").check()
    assert failures(result) == ["legal entities"]
    assert "frrt" in finding(result, "legal entities", Level.FAILED).sentence


@pytest.mark.parametrize(
    ("name", "said"),
    [("VENDPAY", "not of type Daily"), ("NOSERIES", "no voucher series"), ("NONE", "does not exist")],
)
def test_a_journal_name_that_cannot_take_payroll_is_said(customer: DynamicsCustomer, name: str, said: str) -> None:
    result = customer.connector(journal_name=name).check()
    assert failures(result) == ["journal name"]
    assert said in finding(result, "journal name").sentence


def test_without_a_journal_name_only_payroll_is_warned_about(customer: DynamicsCustomer) -> None:
    result = customer.connector(journal_name="").check()
    assert result.ok
    assert finding(result, "journal name").affects == ("payroll",)


def test_a_format_without_what_the_settings_name_is_said(customer: DynamicsCustomer) -> None:
    result = customer.connector(department_dimension="Project").check()
    assert failures(result) == ["default dimension format"]
    assert "Project" in finding(result, "default dimension format", Level.FAILED).sentence
    customer.change("deactivate_format")
    assert "ledger dimension format" in failures(customer.connector().check())


def test_a_vendor_group_that_is_not_there_is_said(customer: DynamicsCustomer) -> None:
    result = customer.connector(contractors="vendors", vendor_group="99").check()
    assert set(failures(result)) == {"vendors"}


def test_departments_cost_centers_locations_and_legal_entities_are_read(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    units = {kind: {unit.id: unit.name for unit in connector.org_units(kind)} for kind in connector.org_kinds()}
    assert units[RefKind.DEPARTMENT]["022"] == "Sales"
    assert units[RefKind.COST_CENTER] == {"0015": "Assembly", "0016": "Warehouse", "0017": "Office"}
    assert units[RefKind.LOCATION].keys() == {"001", "002", "003", "0015", "0016", "0017"}, "units, and the dimension's"
    assert units[RefKind.COMPANY].keys() == {"usmf", "gbsi", "demf"}
    assert units[RefKind.EMPLOYMENT_TYPE].keys() == {"Employee", "Contractor"}
    assert list(connector.org_units(RefKind.SHIFT)) == []


def test_a_value_nobody_may_use_any_more_is_inactive(customer: DynamicsCustomer) -> None:
    customer.change("add_value", dimension="CostCenter", value="0099", description="Old", fields={"IsSuspended": "Yes"})
    connector = customer.connector(department_dimension="", location_dimension="CostCenter")
    found = {unit.id: unit.active for unit in connector.org_units(RefKind.LOCATION)}
    assert (found["0099"], found["0015"]) == (False, True)


def test_a_value_of_several_legal_entities_is_shown_once(customer: DynamicsCustomer) -> None:
    for company in ("usmf", "gbsi"):
        given = {"dimension": "CostCenter", "description": "Own", "fields": {"LegalEntityId": company}}
        customer.change("add_value", value="0098", **given)
        customer.change("add_value", value=f"{company}-1", **given)
    connector = customer.connector(department_dimension="", location_dimension="CostCenter")
    found = [unit.id for unit in connector.org_units(RefKind.LOCATION)]
    assert sorted(found) == ["001", "0015", "0016", "0017", "002", "003", "0098", "gbsi-1", "usmf-1"]


def test_worker_fields_are_what_the_settings_keep(customer: DynamicsCustomer) -> None:
    fields = {field.name: field.required for field in customer.connector().worker_fields}
    assert fields == {"department": False, "location": False, "employment_type": False, "company": True}
    bare = customer.connector(legal_entities="usmf", department_dimension="", location_dimension="")
    assert {field.name: field.required for field in bare.worker_fields} == {"employment_type": False, "company": False}


def test_an_expired_token_is_renewed_in_the_middle_of_work(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    assert len(list(connector.employees())) == 12
    customer.change("expire_tokens")
    assert len(list(connector.employees())) == 12
    customer.change("expire_secret")
    customer.change("expire_tokens")
    with pytest.raises(ConnectionConfigError):
        list(connector.employees())
