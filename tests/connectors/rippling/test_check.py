"""What a Rippling token may see, said so that a payroll clerk knows what to do; and the reference values behind it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError
from connectors.records import RefKind
from tests.connectors.rippling.conftest import Company, Connect

ALL = [
    RefKind.DEPARTMENT, RefKind.LOCATION, RefKind.COMPANY, RefKind.POSITION, RefKind.EMPLOYMENT_TYPE, RefKind.JOB_CODE,
    RefKind.JOB_DIMENSION,
]  # fmt: skip


def finding(result: CheckResult, entity: str) -> Finding:
    return next(one for one in result.findings if one.entity == entity)


def test_a_token_that_may_see_everything(company: Company, connect: Connect) -> None:
    customer = company(size=40, payroll={"route": "v2"})
    result = connect(customer).check()
    assert {one.level for one in result.findings} == {Level.OK}
    assert result.account == "Northfield"
    assert (result.learned["v1"], result.learned["v2"], result.learned["users"]) == ("yes", "yes", "yes")
    assert "API Tier 2" in result.learned["entitlements"]
    connector = connect(customer, learned=result.learned)
    assert list(connector.org_kinds()) == ALL
    assert {kind: len(list(connector.org_units(kind))) > 1 for kind in ALL} == dict.fromkeys(ALL, True)


def test_reference_values_carry_what_a_ledger_writes(company: Company, connect: Connect) -> None:
    connector = connect(company(size=1))
    departments = {unit.name: unit for unit in connector.org_units(RefKind.DEPARTMENT)}
    assert departments["Machining"].code == "5100"
    assert departments["Machining"].parent_id == departments["Operations"].id
    assert all(unit.id == unit.name for unit in connector.org_units(RefKind.POSITION))
    dimensions = {unit.id: unit for unit in connector.org_units(RefKind.JOB_DIMENSION)}
    code = next(iter(connector.org_units(RefKind.JOB_CODE)))
    assert code.code
    assert code.parent_id in dimensions
    assert "Northfield Components LLC" in {unit.name for unit in connector.org_units(RefKind.COMPANY)}
    assert "Hourly, full-time" in {unit.name for unit in connector.org_units(RefKind.EMPLOYMENT_TYPE)}


def test_a_department_that_is_its_own_parent_has_none(company: Company, connect: Connect) -> None:
    connector = connect(company(size=1, v1_edition="2021"), "v1")
    departments = {unit.name: unit for unit in connector.org_units(RefKind.DEPARTMENT)}
    assert departments["Operations"].parent_id is None
    assert departments["Machining"].parent_id == departments["Operations"].id
    assert list(connector.org_kinds()) == [RefKind.DEPARTMENT, RefKind.LOCATION, RefKind.EMPLOYMENT_TYPE]
    assert len(list(connector.org_units(RefKind.LOCATION))) == 2


def test_a_product_that_was_not_bought_is_told_from_a_permission_not_given(company: Company, connect: Connect) -> None:
    customer = company(
        size=3,
        entitlements=["API Tier 1"],
        scopes=["workers.read", "departments.read", "companies.read", "entitlements.read", "job-codes.read"],
    )
    result = connect(customer).check()
    codes, titles = finding(result, "job codes"), finding(result, "job titles")
    assert (codes.access, codes.level, codes.affects) == ("not_subscribed", Level.WARNING, ("reference",))
    assert "API Tier 2" in codes.sentence
    assert titles.access == "forbidden"
    assert "titles.read" in titles.sentence
    assert result.ok, "people and departments are enough to start"
    connector = connect(customer, learned=result.learned)
    assert list(connector.org_kinds()) == [RefKind.DEPARTMENT, RefKind.COMPANY]
    assert len(list(connector.org_units(RefKind.COMPANY))) == 2, "read as part of the company"
    with pytest.raises(ConnectionConfigError, match="job codes"):
        list(connector.org_units(RefKind.JOB_CODE))


@pytest.mark.parametrize("scope", ["workers", "departments"])
def test_what_the_people_flow_needs_fails_the_check(company: Company, connect: Connect, scope: str) -> None:
    entity = {"workers": "people"}.get(scope, scope)
    scopes = {"workers.read", "departments.read", "sso-me.read", "entitlements.read"} - {f"{scope}.read"}
    result = connect(company(size=3, scopes=sorted(scopes))).check()
    assert not result.ok
    assert finding(result, entity).level is Level.FAILED
    assert "people" in finding(result, entity).affects
    assert f"{scope}.read" in finding(result, entity).sentence


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_a_revoked_token_is_one_sentence_with_a_remedy(company: Company, connect: Connect, api: str) -> None:
    customer = company(size=3)
    customer.change("revoke_token")
    [only] = connect(customer, api).check().findings
    assert (only.entity, only.level) == ("token", Level.FAILED)
    assert "30 days" in only.sentence
    assert "API Tokens" in only.sentence


@pytest.mark.parametrize(("api", "off", "other"), [("v2", "v2", "Platform"), ("v1", "v1", "REST")])
def test_a_token_of_the_other_api_is_recognised(
    company: Company, connect: Connect, api: str, off: str, other: str
) -> None:
    result = connect(company(size=3, **{off: False}), api).check()
    assert not result.ok
    assert other in finding(result, "other API").sentence
    assert result.learned[off] == "no"


def test_an_unreachable_rippling_is_not_blamed_on_the_token(company: Company, connect: Connect) -> None:
    customer = company(size=3)
    customer.fault("cut", times=None)
    [only] = connect(customer).check().findings
    assert only.access == "unreachable"


def test_withheld_fields_are_named_with_what_happens_to_them(company: Company, connect: Connect) -> None:
    customer = company(size=3, redacted={"workers": {"department_id": "Insufficient entitlements"}})
    result = connect(customer).check()
    told = finding(result, "people: department id")
    assert told.level is Level.WARNING
    assert "Insufficient entitlements" in told.sentence
    assert "keeps its present value" in told.sentence
    assert (result.learned["departments"], result.learned["redacted"]) == ("no", "department_id")


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_a_company_without_people_is_a_warning(company: Company, connect: Connect, api: str) -> None:
    result = connect(company(size=0), api).check()
    assert finding(result, "people").access == "empty"
    assert finding(result, "people").level is Level.WARNING


@pytest.mark.parametrize(("operator", "learned"), [("gte", "gte"), ("ge", "ge"), ("ignored", "none")])
def test_the_filter_is_proved_by_rows(company: Company, connect: Connect, operator: str, learned: str) -> None:
    customer = company(size=120, filter_operator=operator)
    customer.change("touch", n=120)
    result = connect(customer).check()
    assert result.learned["changed_since"] == learned, "also where all people changed in the same second"


@pytest.mark.parametrize(
    ("settings", "credentials"),
    [
        ({"api": "v3"}, {"api_token": "t"}),
        ({}, {}),
        ({}, {"api_token": " "}),
        ({"rest_url": "https://rippling.evil.example.com"}, {"api_token": "t"}),
        ({"rest_url": "http://rest.ripplingapis.com"}, {"api_token": "t"}),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings: Any, credentials: Any) -> None:
    from connectors import rippling
    from tests.connectors.surroundings import context

    with pytest.raises(ConnectionConfigError):
        rippling.open(context(settings=settings, credentials=credentials, allowed_hosts=rippling.HOSTS))


def test_the_real_addresses_are_the_defaults() -> None:
    from connectors import rippling
    from tests.connectors.surroundings import context

    connector = rippling.open(
        context(credentials={"api_token": "t"}, allowed_hosts=rippling.HOSTS, allow_loopback=False)
    )
    assert connector._rest.http.base_url == "https://rest.ripplingapis.com"
    assert connector._platform.http.base_url == "https://api.rippling.com/platform/api"
    connector.close()
