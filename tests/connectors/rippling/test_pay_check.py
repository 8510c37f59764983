"""By which way a customer's pay runs can be read, found out at the test of the connection."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Finding, Level
from connectors.errors import ConnectionConfigError
from tests.connectors.rippling.conftest import Company, Connect
from tests.connectors.rippling.payrolls import EVER, PAYROLL, runs
from tests.connectors.rippling.test_check import finding

REST = {"runs": 1, "first_check_date": "2026-06-05", "route": "v2"}
SCOPES = ["workers.read", "departments.read", "entitlements.read"]


def learned_and_said(connector: Any) -> tuple[str, Finding]:
    result = connector.check()
    assert result.ok, "people can be synced without payroll"
    return result.learned["payroll_route"], finding(result, "pay runs")


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_the_connections_own_api_is_used_where_it_has_payroll(company: Company, connect: Connect, api: str) -> None:
    customer = company(size=3, payroll=PAYROLL)
    route, said = learned_and_said(connect(customer, api))
    assert (route, said.level, said.access) == (api, Level.OK, "granted")
    assert runs(connect(customer, api, learned={"payroll_route": route}))


@pytest.mark.parametrize(("api", "other"), [("v2", "v1"), ("v1", "v2")])
def test_the_other_api_serves_where_it_knows_people_by_the_same_ids(
    company: Company, connect: Connect, api: str, other: str
) -> None:
    payroll = REST | {"route": other}
    assert learned_and_said(connect(company(size=3, payroll=payroll), api))[0] == other
    route, said = learned_and_said(connect(company(size=3, payroll=payroll, ids_differ=True), api))
    assert (route, said.level) == ("none", Level.WARNING)
    assert "does not know people by the ids" in said.sentence


def test_a_report_serves_where_the_api_has_no_payroll_and_says_what_was_not_tried(
    company: Company, connect: Connect
) -> None:
    customer = company(size=3, payroll=REST | {"route": "report"})
    connector = connect(customer, payroll_report_id=customer.connect["report_id"])
    route, said = learned_and_said(connector)
    assert (route, said.level, said.access) == ("report", Level.OK, "unknown")
    assert "not waited for" in said.sentence
    asked = [one["path"] for one in customer.requests() if "report" in one["path"]]
    assert asked == ["/report-runs/"], "started once, and neither polled nor fetched"
    wrong = connect(customer, payroll_report_id="nope", payroll_route="report")
    route, said = learned_and_said(wrong)
    assert (route, said.access, said.affects) == ("none", "forbidden", ("payroll",))
    assert "Payroll report" in said.sentence


def test_no_route_is_a_warning_that_names_the_three_ways(company: Company, connect: Connect) -> None:
    customer = company(size=3)
    route, said = learned_and_said(connect(customer))
    assert (route, said.level, said.access, said.affects) == ("none", Level.WARNING, "forbidden", ("payroll",))
    for way in ("Global Payroll", "employee:payroll", "Reports API"):
        assert way in said.sentence
    with pytest.raises(ConnectionConfigError):
        list(connect(customer, learned={"payroll_route": route}).pay_runs(EVER))


def test_a_product_not_bought_is_told_from_a_permission_not_given(company: Company, connect: Connect) -> None:
    unbought = company(size=3, payroll=REST, entitlements=["API Tier 1"])
    unscoped = company(size=3, payroll=REST, scopes=SCOPES)
    assert learned_and_said(connect(unbought, payroll_route="v2"))[1].access == "not_subscribed"
    said = learned_and_said(connect(unscoped, payroll_route="v2"))[1]
    assert said.access == "forbidden"
    assert "payroll-runs.read" in said.sentence


def test_a_company_that_has_not_paid_anybody_yet_has_its_route(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll={"runs": 0, "route": ["v2", "v1"]})
    route, said = learned_and_said(connect(customer))
    assert (route, said.level, said.access) == ("v2", Level.OK, "empty")


def test_the_setting_goes_before_what_could_be_found(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll=PAYROLL)
    assert learned_and_said(connect(customer, payroll_route="v1"))[0] == "v1"
    result = connect(customer, payroll_route="none").check()
    assert result.learned["payroll_route"] == "none"
    assert "pay runs" not in {one.entity for one in result.findings}
    assert not [one for one in customer.requests() if one["path"] == "/payroll-runs/"]


def test_payroll_that_does_not_answer_is_not_blamed_on_anybody(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll=REST)
    customer.fault("status", status_code=503, path=r"/payroll-runs/.*", times=None)
    for known in ("none", "v2"):
        connector = connect(customer, payroll_route="v2", learned={"payroll_route": known})
        route, said = learned_and_said(connector)
        assert (route, said.access, said.affects) == (known, "unreachable", ("payroll",)), "no way is unlearned by it"
