"""Pay runs out of a saved report: waited for, fetched without the token, and refused rather than half understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.errors import ConnectionConfigError, ConnectorError, TemporaryError, UnexpectedReplyError
from connectors.pay_runs import PayKind
from connectors.rippling import HOSTS
from connectors.rippling.connector import RipplingConnector
from tests.connectors.customers import Customer
from tests.connectors.rippling.conftest import Company, Connect
from tests.connectors.rippling.payrolls import EVER, amounts, only_run, route_settings, runs, statements
from tests.connectors.scripted_server import Answer, Asked, ScriptedServer
from tests.connectors.surroundings import Clock, context

REPORT = {"runs": 1, "first_check_date": "2026-06-05", "route": "report"}
TOKEN = "0123456789abcdef0123456789abcdef"


def reader(connect: Connect, customer: Customer, output: str = "JSON", **settings: str) -> RipplingConnector:
    return connect(customer, **route_settings(customer, f"report {output}"), **settings)


def test_a_report_is_waited_for_with_growing_delays(company: Company, connect: Connect, clock: Clock) -> None:
    customer = company(size=3, payroll=REPORT, report_polls=7)
    connector = reader(connect, customer)
    assert runs(connector)
    assert clock.slept == [1, 2, 4, 8, 16, 30, 30, 30]
    [started] = [json.loads(asked["body"]) for asked in customer.requests() if asked["method"] == "POST"]
    assert started == {
        "report_id": customer.connect["report_id"],
        "output_type": "JSON",
        "include_object_ids": True,
        "format_date_fields": {"date_format": "ISO_8601"},
        "format_currency_fields": {"columns": "VALUE_ONLY"},
    }, "an optional field that is null is refused"


@pytest.mark.parametrize(
    ("options", "said"), [({"report_polls": 10_000}, "quarter of an hour"), ({"report_outcome": "FAILURE"}, "finish")]
)
def test_a_report_that_does_not_come_is_tried_again_later(
    company: Company, connect: Connect, clock: Clock, options: dict[str, Any], said: str
) -> None:
    connector = reader(connect, company(size=3, payroll=REPORT, **options))
    with pytest.raises(TemporaryError, match=said):
        runs(connector)
    assert sum(clock.slept) < 1000


def test_the_file_is_fetched_without_the_token_and_read_once_for_header_and_lines(
    company: Company, connect: Connect, clock: Clock
) -> None:
    customer = company(size=30, payroll=REPORT)
    connector = reader(connect, customer, "CSV")
    clock.moment = datetime(2000, 1, 1, tzinfo=UTC)
    found = runs(connector)
    for run in found:
        assert statements(connector, run)
    asked = [one for one in customer.requests() if one["path"].startswith("/report-files/")]
    assert len(asked) == 1 + len(found)
    assert not [one for one in asked if "authorization" in one["headers"]]
    assert [one["method"] for one in customer.requests()].count("POST") == 1
    clock.moment = datetime(2100, 1, 1, tzinfo=UTC)
    assert statements(connector, found[0])
    assert [one["method"] for one in customer.requests()].count("POST") == 2, "an expired link is not used again"


@pytest.mark.parametrize("output", ["JSON", "CSV"])
def test_a_column_the_report_does_not_have_is_named(company: Company, connect: Connect, output: str) -> None:
    customer = company(size=2, payroll=REPORT)
    default = reader(connect, customer)
    assert runs(default)
    columns = "run_id=Run ID; state=Run state; check_date=Paid on; worker_id=Worker ID; item=Pay item; kind=Kind; "
    connector = reader(connect, customer, output, payroll_report_columns=f"{columns} amount=Amount; currency=Currency")
    with pytest.raises(ConnectionConfigError, match="“Paid on”"):
        runs(connector)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("salary=Amount", "“salary”"),
        ("run_id=Run ID; run_id=Other", "twice"),
        ("run_id=", "no column"),
        ("run_id", "no column"),
        ("run_id=Run ID", "amount"),
        ("", "run_id"),
    ],
)
def test_columns_are_read_strictly(company: Company, connect: Connect, columns: str, said: str) -> None:
    connector = reader(connect, company(size=1, payroll=REPORT), payroll_report_columns=columns)
    with pytest.raises(ConnectionConfigError, match=said):
        runs(connector)


@pytest.mark.parametrize(
    "settings", [{"payroll_report_id": ""}, {"payroll_report_id": "nope"}, {"payroll_report_format": "XLSX"}]
)
def test_a_report_that_cannot_be_run_is_a_matter_of_settings(
    company: Company, connect: Connect, settings: dict[str, str]
) -> None:
    customer = company(size=1, payroll=REPORT)
    connector = connect(customer, **(route_settings(customer, "report") | settings))
    with pytest.raises(ConnectionConfigError, match="report"):
        runs(connector)


HEADER = "Run ID,Run title,Run type,Run state,Check date,Pay period start,Pay period end,Legal entity ID,Worker ID,"
HEADER += "Worker number,Pay item,Pay item code,Kind,Amount,Hours,Currency"
FIELDS = HEADER.split(",")


def row(run: str, worker: str, item: str, kind: str, amount: str, **more: str) -> dict[str, str]:
    usual = {
        "Run ID": run, "Run title": "June", "Run type": "REGULAR", "Run state": "PAID", "Check date": "2026-06-05",
        "Pay period start": "", "Pay period end": "", "Legal entity ID": "e1", "Worker ID": worker,
        "Worker number": "7", "Pay item": item, "Pay item code": item[:3].upper(), "Kind": kind, "Amount": amount,
        "Hours": "", "Currency": "USD",
    }  # fmt: skip
    return usual | more


def csv_of(rows: list[dict[str, str]]) -> bytes:
    quoted = [",".join(f'"{one[field]}"' for field in FIELDS) for one in rows]
    return ("\ufeff" + "\r\n".join([HEADER, *quoted, ""])).encode()


ROWS = [
    row("r1", "w1", "Net pay", "Net pay", "80.00"),
    row("r2", "w1", "Salary", "Earning", "50.00"),
    row("r1", "w2", "Net pay", "Net pay", "40"),
    row("r1", "w1", "Salary, base", "Earning", "100.00", Hours="80.5"),
    row("r2", "w1", "Net pay", "NET_PAY", "50.00"),
    row("r1", "w2", "Salary, base", "Earning", "40"),
    row("r1", "w1", "Federal Income Tax", "Employee tax", "20.00"),
]

Serve = Callable[..., RipplingConnector]


@pytest.fixture
def serve(server: ScriptedServer, clock: Clock) -> Serve:
    """A Rippling whose report is finished at once and has this file, behind this link if one is given."""

    def make(
        file: bytes = b"", output: str = "CSV", link: str = "/f?sig=1", answer: Answer | None = None, **extra: Any
    ) -> RipplingConnector:
        def script(asked: Asked) -> Answer:
            if asked.path.startswith("/f"):
                return answer or Answer(body=file, headers={"Content-Type": "text/csv"})
            url = link if "://" in link else server.url + link
            result = {"file_url": url, "expires_at": "2026-11-21T09:00:00Z", "output_type": output}
            return Answer(body={"id": "x1", "report_id": "rep", "status": "SUCCESS", "result": result})

        server.script = script
        settings = {
            "rest_url": server.url, "platform_url": server.url, "payroll_route": "report", "payroll_report_id": "rep",
            "payroll_report_format": output,
        }  # fmt: skip
        return RipplingConnector(
            context(clock, settings=settings, credentials={"api_token": TOKEN}, **({"allowed_hosts": HOSTS} | extra))
        )

    return make


@pytest.mark.parametrize("output", ["JSON", "CSV"])
def test_rows_in_any_order_become_one_statement_for_each_person(serve: Serve, output: str) -> None:
    connector = serve(csv_of(ROWS) if output == "CSV" else json.dumps(ROWS).encode(), output)
    first, second = runs(connector)
    assert (first.id, second.id) == ("r1", "r2")
    paid = statements(connector, first)
    assert {worker: amounts(one) for worker, one in paid.items()} == {
        "w1": {
            PayKind.EARNING: Decimal(100), PayKind.EMPLOYEE_TAX: Decimal(20), PayKind.NET_PAY: Decimal(80),
        },
        "w2": {PayKind.EARNING: Decimal(40), PayKind.NET_PAY: Decimal(40)},
    }  # fmt: skip
    salary = paid["w1"].lines[0]
    assert (salary.code, salary.name, salary.hours) == ("SAL", "Salary, base", Decimal("80.5"))
    assert paid["w1"].worker_number == "7"
    connector.close()


def test_json_numbers_are_read_to_the_last_digit(serve: Serve) -> None:
    text = json.dumps(ROWS).replace('"100.00"', "100000000000.10").replace('"20.00"', "0.1")
    connector = serve(text.encode(), "JSON")
    paid = statements(connector, runs(connector)[0])["w1"]
    assert amounts(paid)[PayKind.EARNING] == Decimal("100000000000.10")
    assert amounts(paid)[PayKind.EMPLOYEE_TAX] == Decimal("0.1")
    connector.close()


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        (row("r1", "w1", "Bonus", "Present", "1.00"), "kind"),
        (row("r1", "w1", "Bonus", "Earning", "USD 1.00"), "amount"),
        (row("r1", "w1", "Bonus", "Earning", ""), "amount"),
        (row("r1", "w1", "Bonus", "Earning", "1.00", Hours="two"), "hours"),
        (row("r1", "w1", "Bonus", "Earning", "1.00", Currency="CAD"), "currency"),
    ],
    ids=["unknown kind", "currency in the amount", "no amount", "hours in words", "two currencies"],
)
def test_a_row_that_is_not_understood_costs_its_person_only(serve: Serve, odd: dict[str, str], field: str) -> None:
    connector = serve(csv_of([*ROWS, odd]))
    [page] = connector.pay_pages(runs(connector)[0])
    assert [one.worker_id for one in page.statements] == ["w2"]
    assert [(one.id, one.field) for one in page.unreadable] == [("r1:w1", field)]
    connector.close()


def test_a_person_without_a_net_is_not_a_statement(serve: Serve) -> None:
    connector = serve(csv_of(ROWS[3:4]))
    [page] = connector.pay_pages(only_run(connector))
    assert (page.statements, page.unreadable[0].field) == ([], "net pay")
    connector.close()


@pytest.mark.parametrize(
    "odd",
    [
        row("", "w1", "Total", "Earning", "1.00"),
        row("r3", "w1", "Total", "Earning", "1.00", **{"Check date": ""}),
        row("r3", "w1", "Salary", "Earning", "1.00", **{"Check date": "06/05/2026"}),
        row("r1", "w1", "Salary", "Earning", "1.00", **{"Run state": "DRAFT"}),
    ],
)
def test_a_row_that_belongs_to_no_run_stops_the_reading(serve: Serve, odd: dict[str, str]) -> None:
    connector = serve(csv_of([*ROWS, odd]))
    with pytest.raises(UnexpectedReplyError, match="report"):
        runs(connector)
    connector.close()


@pytest.mark.parametrize(
    ("output", "file"),
    [
        ("CSV", csv_of(ROWS)[:-9]),
        ("CSV", csv_of(ROWS) + b"r1,June\r\n"),
        ("CSV", b"\xff\xfe" + csv_of(ROWS)),
        ("CSV", b""),
        ("JSON", json.dumps(ROWS).encode()[:-9]),
        ("JSON", json.dumps({"rows": ROWS}).encode()),
        ("JSON", b"<html>"),
        ("JSON", b""),
        ("JSON", b'[["r1", "w1"]]'),
    ],
)
def test_a_torn_file_is_an_error_and_no_short_payroll(serve: Serve, output: str, file: bytes) -> None:
    connector = serve(file, output)
    with pytest.raises(ConnectorError) as caught:
        runs(connector)
    assert isinstance(caught.value, UnexpectedReplyError | ConnectionConfigError)
    connector.close()


def test_a_file_that_breaks_off_on_the_way_is_read_again_later(serve: Serve) -> None:
    file = csv_of(ROWS)
    connector = serve(answer=Answer(body=file, length=len(file) + 500))
    with pytest.raises(TemporaryError, match="broke off"):
        runs(connector)
    connector.close()


def test_an_empty_report_is_no_pay_run(serve: Serve) -> None:
    for output, file in (("JSON", b" []"), ("CSV", csv_of([]))):
        connector = serve(file, output)
        assert list(connector.pay_runs(EVER)) == []
        connector.close()


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/f?sig=1",
        "https://169.254.169.254/f?sig=1",
        "https://10.0.0.7/f",
        "http://bucket.s3.amazonaws.com/f",
        "https://s3.amazonaws.com.evil.example.com/f",
        "https://user@bucket.s3.amazonaws.com/f",
        "file:///etc/passwd",
        "ftp://bucket.s3.amazonaws.com/f",
    ],
)
def test_a_file_is_fetched_from_known_hosts_only(serve: Serve, server: ScriptedServer, link: str) -> None:
    connector = serve(csv_of(ROWS), link=link)
    with pytest.raises(ConnectionConfigError) as caught:
        runs(connector)
    assert "sig=" not in caught.value.sentence + caught.value.detail
    assert [asked.path for asked in server.asked] == ["/report-runs/"]
    connector.close()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=302, headers={"Location": "http://127.0.0.1:1/f"}),
        Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"),
    ],
)
def test_a_file_that_is_refused_is_made_again_and_no_redirect_followed(
    serve: Serve, server: ScriptedServer, answer: Answer
) -> None:
    connector = serve(link="/files-s3cret_path?sig=s3cret", answer=answer)
    with pytest.raises(TemporaryError) as caught:
        runs(connector)
    assert "s3cret" not in f"{caught.value.sentence} {caught.value.detail}"
    assert [asked.path.partition("?")[0] for asked in server.asked] == ["/report-runs/", "/files-s3cret_path"]
    assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {TOKEN}", None]
    connector.close()
