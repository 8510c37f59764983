"""Answers about pay that a real Rippling may give and its documents do not settle."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.pay_runs import PayKind, PayLine, PayPage, PayRun
from connectors.rippling.connector import RipplingConnector
from tests.connectors.rippling.payrolls import amounts, runs
from tests.connectors.scripted_server import Answer, Asked, ScriptedServer
from tests.connectors.surroundings import Clock, context

Serve = Callable[..., RipplingConnector]


@pytest.fixture
def serve(server: ScriptedServer, clock: Clock) -> Serve:
    """A Rippling that answers these pages: by path and cursor in v2, by path and offset in v1."""

    def make(pages: dict[str, Any], route: str = "v2") -> RipplingConnector:
        def script(asked: Asked) -> Answer:
            path, _, query = asked.path.partition("?")
            place = next((part for part in query.split("&") if part.startswith(("cursor=", "offset="))), "")
            body = pages.get(f"{path} {place}", pages.get(path))
            return Answer(status=404, body={"detail": "Not found."}) if body is None else Answer(body=body)

        server.script = script
        settings = {"api": route, "rest_url": server.url, "platform_url": server.url, "payroll_route": route}
        return RipplingConnector(context(clock, settings=settings, credentials={"api_token": "t"}))

    return make


def v2_run(run_id: str, check_date: str | None, **more: Any) -> dict[str, Any]:
    return {"id": run_id, "run_state": "PAID", "check_date": check_date} | more


def read(connector: RipplingConnector, run_id: str = "r1") -> PayPage:
    """All of a run on one page."""
    pages = list(connector.pay_pages(run_of(connector, run_id)))
    connector.close()
    return PayPage(
        statements=[one for page in pages for one in page.statements],
        unreadable=[one for page in pages for one in page.unreadable],
    )


def run_of(connector: RipplingConnector, run_id: str) -> PayRun:
    return next(run for run in runs(connector) if run.id == run_id)


def of_record(**record: Any) -> dict[str, Any]:
    """A v2 company with one run and one record in it."""
    usual = {"id": "p1", "worker_id": "w1", "currency": "USD", "net_pay": "1.00"}
    return {
        "/payroll-runs/": {"results": [v2_run("r1", "2026-06-05")]},
        "/payroll-runs/r1/worker-payroll-records/": {"results": [usual | record]},
    }


def test_runs_that_do_not_come_sorted_are_all_read(serve: Serve) -> None:
    connector = serve(
        {
            "/payroll-runs/": {
                "results": [v2_run("r1", "2026-01-09"), v2_run("r2", "2026-01-23")],
                "next_link": "/payroll-runs/?cursor=2",
            },
            "/payroll-runs/ cursor=2": {"results": [v2_run("r3", "2026-06-05"), v2_run("r4", "2026-06-19")]},
        }
    )
    found = list(connector.pay_runs(runs(connector)[1].check_date))
    assert [run.id for run in found] == ["r4", "r3"]
    connector.close()


def test_sorted_runs_are_read_no_further_than_needed(serve: Serve, server: ScriptedServer) -> None:
    connector = serve(
        {
            "/payroll-runs/": {
                "results": [v2_run("r2", "2026-06-19"), v2_run("r1", "2026-01-09")],
                "next_link": "/payroll-runs/?cursor=2",
            },
            "/payroll-runs/ cursor=2": {"results": [v2_run("r0", "2025-12-26")]},
        }
    )
    everything = runs(connector)
    assert [run.id for run in everything] == ["r2", "r1", "r0"]
    server.asked.clear()
    assert list(connector.pay_runs(everything[0].check_date)) == everything[:1]
    assert len(server.asked) == 1
    assert "order_by=check_date%20desc" in server.asked[0].path
    connector.close()


def test_a_run_without_a_check_date_is_not_due(serve: Serve) -> None:
    connector = serve(
        {"/payroll-runs/": {"results": [v2_run("r1", None, run_state="DRAFT"), v2_run("r2", "2026-06-05")]}}
    )
    assert [run.id for run in runs(connector)] == ["r2"]
    connector.close()


def test_a_record_that_comes_twice_is_paid_once(serve: Serve) -> None:
    pages = of_record()
    [record] = pages["/payroll-runs/r1/worker-payroll-records/"]["results"]
    path = "/payroll-runs/r1/worker-payroll-records/"
    pages[path]["next_link"] = f"{path}?cursor=2"
    pages[f"{path} cursor=2"] = {"results": [record, record | {"id": "p2", "worker_id": "w2"}]}
    assert [one.worker_id for one in read(serve(pages)).statements] == ["w1", "w2"]


def test_records_without_ids_of_their_own_are_told_apart_by_worker(serve: Serve) -> None:
    pages = of_record()
    path = "/payroll-runs/r1/worker-payroll-records/"
    [record] = pages[path]["results"]
    del record["id"]
    pages[path] = {"results": [record], "next_link": f"{path}?cursor=2"}
    pages[f"{path} cursor=2"] = {"results": [record | {"worker_id": "w2"}]}
    assert [(one.id, one.worker_id) for one in read(serve(pages)).statements] == [("w1", "w1"), ("w2", "w2")]


@pytest.mark.parametrize("again", [{"net_pay": "500.00"}, {"gross_pay": "1.00"}])
@pytest.mark.parametrize("record_id", ["p1", None])
def test_a_second_record_that_says_something_else_is_never_dropped(
    serve: Serve, record_id: str | None, again: dict[str, Any]
) -> None:
    pages = of_record()
    path = "/payroll-runs/r1/worker-payroll-records/"
    [record] = pages[path]["results"]
    del record["id"]
    if record_id:
        record["id"] = record_id
    pages[path]["next_link"] = f"{path}?cursor=2"
    pages[f"{path} cursor=2"] = {"results": [record | again, record | {"id": "p2", "worker_id": "w2"}]}
    page = read(serve(pages))
    assert [one.worker_id for one in page.statements] == ["w1", "w2"]
    assert [(one.id, one.field) for one in page.unreadable] == [(record_id or "w1", "pay record")]


def test_two_records_of_a_person_without_ids_on_one_page_are_not_added_up(serve: Serve) -> None:
    pages = of_record()
    path = "/payroll-runs/r1/worker-payroll-records/"
    [record] = pages[path]["results"]
    del record["id"]
    pages[path]["results"].append(record | {"net_pay": "500.00"})
    assert [one.id for one in read(serve(pages)).unreadable] == ["w1"]


def test_a_v1_record_that_changes_while_it_is_read_is_not_taken_for_known(serve: Serve) -> None:
    run = {"id": "r1", "runState": "PAID", "checkDate": "2026-06-05"}
    first, second, third = (
        {"id": f"p{number}", "role": f"w{number}", "netPay": f"{number}.00"} for number in (1, 2, 3)
    )
    connector = serve(
        {
            "/payroll_runs offset=0": [run],
            "/payroll_runs/r1/employees offset=0": [first, second],
            "/payroll_runs/r1/employees offset=1": [second, first | {"netPay": "9.00"}, third],
            "/payroll_runs/r1/employees offset=3": [third],
        },
        "v1",
    )
    page = read(connector)
    assert [one.worker_id for one in page.statements] == ["w1", "w2", "w3"]
    assert [(one.id, one.field) for one in page.unreadable] == [("p1", "pay record")]


def test_numbers_are_taken_like_text_and_exactly(serve: Serve) -> None:
    page = read(
        serve(of_record(net_pay=1234567890123.07, gross_pay=7, earnings=[{"display_name": "Pay", "amount": 0.1}]))
    )
    assert page.statements[0].lines == (
        PayLine(PayKind.EARNING, "Pay", "Pay", Decimal("0.1")),
        PayLine(PayKind.NET_PAY, "net_pay", "Net pay", Decimal("1234567890123.07")),
    )
    assert page.statements[0].gross == 7


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"net_pay": None}, "net pay"),
        ({"net_pay": ""}, "net pay"),
        ({"net_pay": True}, "net pay"),
        ({"net_pay": {"value": "1.00"}}, "net pay"),
        ({"gross_pay": "1e3"}, "gross pay"),
        ({"currency": None}, "currency"),
        ({"worker_id": None}, "worker_id"),
        ({"taxes": "none"}, "taxes"),
        ({"taxes": [{"display_name": "Levy", "amount": "1.00", "paid_by": "SOMEBODY"}]}, "paid by"),
        ({"taxes": [{"display_name": "Levy", "amount": None, "paid_by": "EMPLOYER"}]}, "tax amount"),
        ({"earnings": [{"amount": "1.00"}]}, "earning name"),
        ({"earnings": [{"earning_code": "REG", "amount": "1.00", "hours": "all day"}]}, "hours"),
        ({"deductions": [{"deduction_code": "MED"}]}, "deduction"),
        ({"garnishments": [{"garnishment_code": "CHILD", "amount": "half"}]}, "garnishment amount"),
        ({"__meta": {"redacted_fields": [{"name": "garnishments"}]}}, "garnishments"),
    ],
)
def test_what_cannot_be_read_whole_is_not_read_in_part(serve: Serve, record: dict[str, Any], field: str) -> None:
    page = read(serve(of_record(**record)))
    assert page.statements == []
    assert [(one.id, one.field) for one in page.unreadable] == [("p1", field)]
    assert page.unreadable[0].reason.endswith(".")


def test_one_record_of_another_form_leaves_the_others_alone(serve: Serve) -> None:
    pages = of_record()
    pages["/payroll-runs/r1/worker-payroll-records/"]["results"].insert(0, ["not", "a", "record"])
    page = read(serve(pages))
    assert ([one.id for one in page.statements], len(page.unreadable)) == (["p1"], 1)


def test_a_deduction_may_have_one_side_only(serve: Serve) -> None:
    both = [
        {"deduction_code": "A", "employee_amount": "2.00", "employer_amount": None},
        {"deduction_code": "B", "employer_amount": "3.00"},
        {"deduction_code": "C", "employee_amount": "4.00", "employer_amount": "0.00"},
    ]
    [paid] = read(serve(of_record(deductions=both))).statements
    assert [(line.kind, line.code, int(line.amount)) for line in paid.lines[:-1]] == [
        (PayKind.EMPLOYEE_DEDUCTION, "A", 2),
        (PayKind.EMPLOYER_CONTRIBUTION, "B", 3),
        (PayKind.EMPLOYEE_DEDUCTION, "C", 4),
    ]


def test_a_v1_deduction_set_in_percent_is_never_taken_for_money(serve: Serve) -> None:
    """The sample of the vendor's own description: 9.0234 percent, which came to 375.98."""
    roth = {
        "employeeDeduction": "9.0234", "companyContribution": "50.0000", "name": "Roth 401k", "isEEPercent": True,
        "isERPercent": True, "employeeDeductionType": "5e3c5e146c9a4e55a99c7a4f", "employeeDeductionAmt": "375.98",
        "companyContributionAmt": "0.00", "deductionTypeEnum": "ROTH_401K",
    }  # fmt: skip
    repaid = {"amount": "10.00", "hours": None, "name": "Travel", "companyEarningType": "e1",
              "earningTypeEnum": "REIMBURSEMENT"}  # fmt: skip
    record = {"id": "p1", "role": "w1", "netPay": "1.00", "grossPay": "5.0000", "deductions": [roth],
              "earnings": [repaid, None]}  # fmt: skip
    run = {"id": "r1", "runState": "PAID", "checkDate": "2026-06-05", "payPeriod": {"startDate": "2026-05-18"}}
    connector = serve(
        {
            "/payroll_runs offset=0": [run],
            "/payroll_runs/r1/employees offset=0": [record],
        },
        "v1",
    )
    [paid] = read(connector).statements
    assert amounts(paid) == {
        PayKind.EMPLOYEE_DEDUCTION: Decimal("375.98"),
        PayKind.REIMBURSEMENT: Decimal("10.00"),
        PayKind.NET_PAY: Decimal("1.00"),
    }
    assert (paid.currency, paid.gross) == ("USD", Decimal("5.0000"))
