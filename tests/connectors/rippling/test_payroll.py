"""Pay runs out of Rippling: the same by every route, exact to the cent, and nothing about them guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import PayRunSource
from connectors.errors import ConnectionConfigError, RecordRejectedError
from connectors.pay_runs import PayKind, PayLine, PayRunKind, PayRunState
from connectors.records import RefKind
from tests.connectors.rippling.conftest import Company, Connect
from tests.connectors.rippling.payrolls import (
    PAYROLL,
    ROUTES,
    amounts,
    lines,
    only_run,
    route_settings,
    runs,
    statements,
)
from tests.connectors.surroundings import Clock

ONE_RUN = PAYROLL | {"runs": 1}
each_route = pytest.mark.parametrize("route", ROUTES)


def test_every_route_gives_the_same_statements(company: Company, connect: Connect) -> None:
    customer = company(size=120, payroll=PAYROLL)
    found: dict[str, Any] = {}
    for route in ROUTES:
        connector = connect(customer, **route_settings(customer, route))
        found[route] = [
            (run.id, run.state, run.check_date, run.period_start, run.period_end, run.title, run.company_id, worker,
             paid.currency, paid.company_id, lines(paid))
            for run in runs(connector)
            for worker, paid in sorted(statements(connector, run).items())
        ]  # fmt: skip
    assert len(found["v2"]) > 200
    for route in ROUTES[1:]:
        assert found[route] == found["v2"], route


@each_route
def test_a_run_says_what_it_is(company: Company, connect: Connect, route: str) -> None:
    customer = company(size=6, payroll={"runs": 0, "route": PAYROLL["route"]})
    for title, day in (("May", "2026-05-29"), ("June", "2026-06-12")):
        customer.change(
            "run_payroll", title=title, check_date=day, period_start="2026-05-16", period_end="2026-05-31",
            company_entity="Northfield Components LLC",
        )  # fmt: skip
    connector = connect(customer, **route_settings(customer, route))
    assert isinstance(connector, PayRunSource)
    june, may = runs(connector)
    entity = {unit.name: unit.id for unit in connector.org_units(RefKind.COMPANY)}["Northfield Components LLC"]
    assert (june.title, june.state, june.source_state) == ("June", PayRunState.PAID, "PAID")
    assert (june.kind, june.source_kind, june.company_id) == (PayRunKind.REGULAR, "REGULAR", entity)
    assert (june.check_date, may.check_date) == (date(2026, 6, 12), date(2026, 5, 29))
    assert (june.period_start, june.period_end) == (date(2026, 5, 16), date(2026, 5, 31))
    assert bool(june.pay_group) == (not route.startswith("report"))
    assert runs(connector, since=date(2026, 6, 12)) == [june]
    assert connector.pay_run(may.id) == may
    assert connector.pay_run("ffffffffffffffffffffffff") is None


@each_route
@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("DRAFT", PayRunState.DRAFT), ("APPROVED", PayRunState.APPROVED), ("PAID", PayRunState.PAID),
        ("FAILED", PayRunState.VOID), ("CLOSED", PayRunState.VOID), ("VOIDED", PayRunState.VOID),
        ("INIT", PayRunState.DRAFT), ("PONDERING", PayRunState.UNKNOWN),
    ],
)  # fmt: skip
def test_a_state_is_translated_or_unknown(
    company: Company, connect: Connect, route: str, word: str, state: PayRunState
) -> None:
    customer = company(size=2, payroll=ONE_RUN)
    connector = connect(customer, **route_settings(customer, route))
    for run in runs(connector):
        customer.change("set_run", run=run.id, state=word)
    assert {(run.state, run.source_state) for run in runs(connector)} == {(state, word)}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("OFF_CYCLE", PayRunKind.OFF_CYCLE), ("TERMINATION", PayRunKind.OFF_CYCLE),
        ("CORRECTION", PayRunKind.CORRECTION), ("CORRECTION_DISPLAY", PayRunKind.CORRECTION),
        ("RECONCILIATION", PayRunKind.CORRECTION), ("QUARTERLY_WAGE_RECONCILIATION", PayRunKind.CORRECTION),
        ("S_CORP", PayRunKind.OTHER), ("SOMETHING_NEW", PayRunKind.OTHER),
    ],
)  # fmt: skip
def test_a_type_is_translated_and_kept(company: Company, connect: Connect, word: str, kind: PayRunKind) -> None:
    customer = company(size=2, payroll={"runs": 0, "route": PAYROLL["route"]})
    run_id = customer.change("run_payroll", check_date="2026-06-05", type=word)["run_id"]
    for route in ROUTES:
        run = connect(customer, **route_settings(customer, route)).pay_run(run_id)
        assert run is not None
        assert (run.kind, run.source_kind) == (kind, word)
        assert (run.period_start is None) == (word == "OFF_CYCLE"), "an off-cycle run may have no period"


def paid_person(customer: Any) -> str:
    """Somebody who is in the one run of a small company."""
    return next(str(one["id"]) for one in customer.snapshot()["workers"] if one["status"] == "ACTIVE")


ODD: list[dict[str, str]] = [
    {"kind": "earning", "code": "BON", "name": "Bonus", "amount": amount, "category": "BONUS"}
    for amount in ("NaN", "Infinity", "", "12.3456789", "1e3", "1,234.00", "0x10", "12.", "٣")
]


@each_route
@pytest.mark.parametrize("odd", ODD, ids=lambda line: line["amount"] or "empty")
def test_an_amount_that_is_none_costs_one_person_and_no_page(
    company: Company, connect: Connect, route: str, odd: dict[str, str]
) -> None:
    customer = company(size=5, payroll={"runs": 0, "route": PAYROLL["route"]})
    person = paid_person(customer)
    run_id = customer.change(
        "run_payroll", check_date="2026-06-05", extra=[odd | {"worker": person}], stated={person: {"net_pay": "1.00"}}
    )["run_id"]
    connector = connect(customer, **route_settings(customer, route))
    run = connector.pay_run(run_id)
    assert run is not None
    pages = list(connector.pay_pages(run))
    [wrong] = [one for page in pages for one in page.unreadable]
    assert "amount" in wrong.field
    assert "not an amount" in wrong.reason
    assert odd["amount"] not in wrong.reason or not odd["amount"], "what somebody is paid is not repeated"
    paid = [one.worker_id for page in pages for one in page.statements]
    assert paid
    assert person not in paid


@each_route
def test_four_places_and_signs_arrive_as_written(company: Company, connect: Connect, route: str) -> None:
    customer = company(size=2, payroll={"runs": 0, "route": PAYROLL["route"]})
    person = paid_person(customer)
    written = [
        {"kind": "earning", "code": "SAL", "name": "Salary", "amount": "100.1250", "category": "SALARY"},
        {"kind": "employee_tax", "code": "FIT", "name": "Federal Income Tax", "amount": "-20.00"},
        {"kind": "employee_tax", "code": "SS", "name": "Social Security", "amount": "0.00"},
        {"kind": "reimbursement", "code": "REIMB", "name": "Reimbursements", "amount": "7.50",
         "category": "REIMBURSEMENT"},
    ]  # fmt: skip
    run_id = customer.change(
        "run_payroll", check_date="2026-06-05", workers=[person], lines={person: written},
        stated={person: {"net_pay": "-3.00", "gross_pay": "100.1250"}},
    )["run_id"]  # fmt: skip
    connector = connect(customer, **route_settings(customer, route))
    run = connector.pay_run(run_id)
    assert run is not None
    paid = statements(connector, run)[person]
    assert amounts(paid) == {
        PayKind.EARNING: Decimal("100.1250"),
        PayKind.EMPLOYEE_TAX: Decimal(-20),
        PayKind.REIMBURSEMENT: Decimal("7.50"),
        PayKind.NET_PAY: Decimal(-3),
    }, "rows of zero are dropped, reimbursements are told from earnings"
    assert paid.gross == (None if route.startswith("report") else Decimal("100.1250"))
    assert [str(line.amount) for line in paid.lines if line.kind is PayKind.EARNING] == ["100.1250"]


@each_route
def test_a_net_of_zero_is_a_line(company: Company, connect: Connect, route: str) -> None:
    customer = company(size=2, payroll={"runs": 0, "route": PAYROLL["route"]})
    person = paid_person(customer)
    zero = {"kind": "earning", "code": "SAL", "name": "Salary", "amount": "0.00", "category": "SALARY"}
    customer.change("run_payroll", check_date="2026-06-05", workers=[person], lines={person: [zero]})
    connector = connect(customer, **route_settings(customer, route))
    assert statements(connector, only_run(connector))[person].lines == (
        PayLine(PayKind.NET_PAY, "net_pay", "Net pay", Decimal("0.00")),
    )


def test_codes_are_the_sources_own_where_everybody_shares_them(company: Company, connect: Connect) -> None:
    customer = company(size=40, payroll=ONE_RUN)

    def codes(route: str) -> set[tuple[PayKind, str, str]]:
        connector = connect(customer, **route_settings(customer, route))
        paid = [one for run in runs(connector) for one in statements(connector, run).values()]
        return {(line.kind, line.code, line.name) for one in paid for line in one.lines}

    v2 = codes("v2")
    assert {
        (PayKind.EARNING, "REG", "Regular Pay"),
        (PayKind.EMPLOYEE_DEDUCTION, "401K", "401K"),
        (PayKind.EMPLOYER_CONTRIBUTION, "401K", "401K"),
        (PayKind.EMPLOYER_TAX, "FUTA", "Federal Unemployment Insurance Tax"),
        (PayKind.NET_PAY, "net_pay", "Net pay"),
    } <= v2
    assert {(one[0], one[1]) for one in codes("report CSV")} == {(one[0], one[1]) for one in v2}
    v1 = codes("v1")
    assert (PayKind.EMPLOYER_CONTRIBUTION, "401K", "401K") in v1, "the id of a deduction is one employee's own"
    assert all(len(code) == 24 for kind, code, _ in v1 if kind is PayKind.EARNING), "the company's earning type"


def test_v1_never_guesses_who_pays_a_tax(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll={"runs": 0, "route": "v1"})
    person = paid_person(customer)
    odd = {"worker": person, "kind": "employer_tax", "code": "X", "name": "Harbour Levy", "amount": "3.21"}
    customer.change("run_payroll", check_date="2026-06-05", workers=[person], extra=[odd])
    asking = connect(customer, payroll_route="v1")
    [page] = asking.pay_pages(only_run(asking))
    assert page.statements == []
    assert (page.unreadable[0].field, "“Harbour Levy”" in page.unreadable[0].reason) == ("tax", True)
    for setting, kind in (("employer_tax_names", PayKind.EMPLOYER_TAX), ("employee_tax_names", PayKind.EMPLOYEE_TAX)):
        told = connect(customer, payroll_route="v1", **{setting: "Other Tax; harbour  levy"})
        [levy] = [
            line for line in statements(told, only_run(told))[person].lines if line.name == "Harbour Levy"
        ]  # fmt: skip
        assert (levy.kind, levy.amount) == (kind, Decimal("3.21"))
    torn = connect(customer, payroll_route="v1", employer_tax_names="Levy", employee_tax_names="levy")
    with pytest.raises(ConnectionConfigError, match="“levy”"):
        runs(torn)


def test_v1_companies_are_eins_where_there_is_no_list_of_them(company: Company, connect: Connect) -> None:
    customer = company(size=60, payroll=ONE_RUN)
    connector = connect(customer, "v1", payroll_route="v1", learned={"kinds": "department,location"})
    assert RefKind.COMPANY in connector.org_kinds()
    units = {unit.id for unit in connector.org_units(RefKind.COMPANY)}
    assert units == {run.company_id for run in runs(connector)}
    assert len(units) == 2
    assert all(paid.company_id in units for run in runs(connector) for paid in statements(connector, run).values())


def test_a_v2_entity_that_is_no_legal_entity_is_none(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll={"runs": 0, "route": "v2"})
    run_id = customer.change("run_payroll", check_date="2026-06-05")["run_id"]
    customer.change("set_run", run=run_id, company_entity_id="0123456789abcdef01234567")
    run = connect(customer, payroll_route="v2").pay_run(run_id)
    assert run is not None
    assert run.company_id is None


@each_route
def test_a_run_that_vanished_is_refused_and_not_empty(
    company: Company, connect: Connect, clock: Clock, route: str
) -> None:
    customer = company(size=3, payroll={"runs": 0, "route": PAYROLL["route"]})
    run_id = customer.change("run_payroll", check_date="2026-06-05")["run_id"]
    connector = connect(customer, **route_settings(customer, route))
    run = connector.pay_run(run_id)
    assert run is not None
    customer.change("remove_run", run=run_id)
    assert connector.pay_run(run_id) is None
    clock.moment = datetime(2100, 1, 1, tzinfo=UTC)  # a report's file is no longer there
    with pytest.raises(RecordRejectedError, match="no longer"):
        list(connector.pay_pages(run))


@pytest.mark.parametrize("settings", [{"payroll_route": "none"}, {"payroll_route": "auto"}, {}])
def test_without_a_route_the_remedies_are_named(company: Company, connect: Connect, settings: dict[str, str]) -> None:
    connector = connect(company(size=1), **settings)
    with pytest.raises(ConnectionConfigError) as caught:
        list(connector.pay_runs(date(2026, 1, 1)))
    for remedy in ("Global Payroll", "employee:payroll", "Reports API"):
        assert remedy in caught.value.sentence


def test_pay_that_is_withheld_is_no_pay_of_zero(company: Company, connect: Connect) -> None:
    customer = company(size=3, payroll=ONE_RUN, redacted={"worker-payroll-records": {"taxes": "Insufficient rights"}})
    connector = connect(customer, payroll_route="v2")
    with pytest.raises(ConnectionConfigError, match="withholds the taxes"):
        list(connector.pay_pages(runs(connector)[0]))
