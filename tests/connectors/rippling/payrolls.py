"""Pay runs as tests look at them: by each route, in a form that can be compared."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connectors.pay_runs import PayKind, PayRun, PayStatement
from connectors.rippling.connector import RipplingConnector
from tests.connectors.customers import Customer

EVER = date(2000, 1, 1)
ROUTES = ["v2", "v1", "report JSON", "report CSV"]
PAYROLL = {"runs": 2, "first_check_date": "2026-06-05", "route": ["v2", "v1", "report"]}


def route_settings(customer: Customer, route: str) -> dict[str, str]:
    """The settings of a connection that reads pay runs by this route."""
    name, _, output = route.partition(" ")
    report = {"payroll_report_id": customer.connect["report_id"], "payroll_report_format": output or "JSON"}
    return {"payroll_route": name, **(report if name == "report" else {})}


def runs(connector: RipplingConnector, since: date = EVER) -> list[PayRun]:
    return list(connector.pay_runs(since))


def statements(connector: RipplingConnector, run: PayRun) -> dict[str, PayStatement]:
    """By worker; everybody comes once and can be read."""
    pages = list(connector.pay_pages(run))
    assert [one for page in pages for one in page.unreadable] == []
    found = [one for page in pages for one in page.statements]
    by_worker = {one.worker_id: one for one in found}
    assert len(by_worker) == len(found)
    return by_worker


def only_run(connector: RipplingConnector) -> PayRun:
    [run] = runs(connector)
    return run


def amounts(statement: PayStatement) -> dict[PayKind, Decimal]:
    totals: dict[PayKind, Decimal] = {}
    for line in statement.lines:
        totals[line.kind] = totals.get(line.kind, Decimal(0)) + line.amount
    return totals


def lines(statement: PayStatement) -> list[tuple[Any, ...]]:
    """What every route says of a line: v1 has no codes, and v2 has only the code of a garnishment."""
    return sorted(
        (line.kind.value, "" if line.kind is PayKind.GARNISHMENT else line.name, line.amount, line.hours or Decimal(0))
        for line in statement.lines
    )
