"""Payroll in v2: runs, the records in them, earning types. Source: rippling §3.1, §8.3.

No description of these lists is published. The shapes are those of the dossier; of an earning type only the names
that a record uses too are known, so it has no others. Reimbursements are among the earnings, as in v1, and no part of
the gross. A ``filter`` is an unknown parameter here, and ignored like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta

from aiohttp import web

from sandbox.rippling.answers import Refusal, encoded
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.filters import parse_order
from sandbox.rippling.paycheck import Line
from sandbox.rippling.payroll import PayRecord, PayRun, deductions, money, total
from sandbox.rippling.rendering import Rendering
from sandbox.rippling.table import Row
from sandbox.rippling.v2_requests import admit, list_body, page_size, read_cursor, remembered

ENTITLEMENT = "Global Payroll"
SORTABLE = frozenset({"check_date"})

EARNING_TYPES = (
    ("SAL", "Salary", "SALARY"),
    ("REG", "Regular Pay", "REGULAR_HOURS"),
    ("OT", "Overtime (1.5x Base)", "OVERTIME"),
    ("PTO", "PTO Hours", "PTO_HOURS"),
    ("REIMB", "Reimbursements", "REIMBURSEMENT"),
)


async def _runs(request: web.Request, company: RipplingCompany) -> bytes:
    admit(request, company, ENTITLEMENT, "payroll-runs.read")
    order = parse_order(request.query["order_by"], SORTABLE) if request.query.get("order_by") else ()
    rows = [_run(run) for run in company.payroll.runs.values()]
    descending = bool(order) and order[0][1]
    return remembered(request, company, lambda: _page(request, company, "payroll-runs", rows, bool(order), descending))


async def _one_run(request: web.Request, company: RipplingCompany, run_id: str) -> bytes:
    admit(request, company, ENTITLEMENT, "payroll-runs.read")
    row = Rendering(company, {}).single("payroll-runs", _run(_found(company, run_id)))
    return encoded(row, company.behaviour.empty)


async def _records(request: web.Request, company: RipplingCompany, run_id: str) -> bytes:
    admit(request, company, ENTITLEMENT, "payroll-runs.read")
    run = _found(company, run_id)
    return remembered(request, company, lambda: _page_of_records(request, company, run))


async def _earning_types(request: web.Request, company: RipplingCompany) -> bytes:
    admit(request, company, ENTITLEMENT, "earning-types.read")
    return remembered(request, company, lambda: _page(request, company, "earning-types", _types(company)))


def _types(company: RipplingCompany) -> list[Row]:
    """The usual ones, and every other that has been paid."""
    kinds = dict.fromkeys(EARNING_TYPES)
    for run in company.payroll.runs.values():
        for record in run.records.values():
            kinds |= dict.fromkeys((line.code, line.name, str(line.category)) for line in _earned(record))
    return [
        {"id": company.ids(f"earning-types {code} {name}", 0), "earning_code": code, "display_name": name,
         "earning_category": category}
        for code, name, category in kinds
    ]  # fmt: skip


HANDLERS: Mapping[str, Callable[..., Awaitable[bytes]]] = {
    r"/payroll-runs/?": _runs,
    r"/payroll-runs/([^/]+)/?": _one_run,
    r"/payroll-runs/([^/]+)/worker-payroll-records/?": _records,
    r"/earning-types/?": _earning_types,
}


def _found(company: RipplingCompany, run_id: str) -> PayRun:
    found = company.payroll.runs.get(run_id)
    if found is None:
        raise Refusal(404, "Not found.")
    return found


def _page(
    request: web.Request,
    company: RipplingCompany,
    name: str,
    rows: list[Row],
    by_check_date: bool = False,
    descending: bool = False,
) -> Row:
    """By id, or by check date first."""

    def position(row: Row) -> list[str]:
        return [row["check_date"], row["id"]] if by_check_date else [row["id"]]

    last, number = _last(request, 2 if by_check_date else 1)
    limit = page_size(request)
    ordered = sorted(rows, key=position, reverse=descending)
    if last is not None:
        ordered = [row for row in ordered if (position(row) < last if descending else position(row) > last)]
    rendering = Rendering(company, {})
    results = [rendering.list_row(name, row) for row in ordered[:limit]]
    following = position(ordered[limit - 1]) if len(ordered) > limit else None
    return list_body(request, rendering, results, following, number)


def _page_of_records(request: web.Request, company: RipplingCompany, run: PayRun) -> Row:
    """Only the page is written out: a run may have thousands of records. They are kept in the order of their ids."""
    last, number = _last(request, 1)
    limit = page_size(request)
    records = [record for record in run.records.values() if last is None or record.id > last[0]]
    rendering = Rendering(company, {})
    results = [rendering.list_row("worker-payroll-records", _record(run, one)) for one in records[:limit]]
    following = [records[limit - 1].id] if len(records) > limit else None
    return list_body(request, rendering, results, following, number)


def _last(request: web.Request, parts: int) -> tuple[list[str] | None, int]:
    def is_position(value: object) -> bool:
        return isinstance(value, list) and len(value) == parts and all(isinstance(part, str) for part in value)

    return read_cursor(request, is_position)


def _run(run: PayRun) -> Row:
    deadline = _instant(run.check_date - timedelta(days=3))
    return {
        "id": run.id,
        "title": run.title,
        "run_state": run.state,
        "run_type": run.type,
        "check_date": run.check_date.isoformat(),
        "debit_date": (run.check_date - timedelta(days=2)).isoformat(),
        "paid_at": _instant(run.check_date) if run.state == "PAID" else None,
        "approved_at": run.approved_at,
        "approval_deadline": deadline,
        "lock_deadline": deadline,
        "pay_period": None
        if run.period is None
        else {
            "start_date": run.period.start.isoformat(),
            "end_date": run.period.end.isoformat(),
            "pay_frequency": run.frequency,
        },
        "payment_type": "DIRECT_DEPOSIT",
        "country_code": "US",
        "company_entity_id": run.company_entity_id,
    }


def _instant(day: date) -> str:
    return f"{day}T17:00:00.000000+00:00"


def _record(run: PayRun, record: PayRecord) -> Row:
    lines = record.lines
    return {
        "id": record.id,
        "run_id": run.id,
        "worker_id": record.worker_id,
        "currency": record.currency,
        "country_code": "US",
        "gross_pay": record.gross,
        "net_pay": record.net,
        "summary": {
            "employee_taxes": money(total(lines, "employee_tax")),
            "employer_taxes": money(total(lines, "employer_tax")),
            "employee_deductions": money(total(lines, "employee_deduction")),
            "employer_contributions": money(total(lines, "employer_contribution")),
            "total_garnishments": money(total(lines, "garnishment")),
        },
        "earnings": [
            {"earning_code": line.code, "earning_category": line.category, "display_name": line.name,
             "amount": line.amount, "hours": line.hours, "rate": line.rate}
            for line in _earned(record)
        ],
        "taxes": [
            {"tax_code": line.code, "display_name": line.name, "amount": line.amount, "paid_by": _payer(line)}
            for line in lines
            if line.kind in ("employee_tax", "employer_tax")
        ],
        "deductions": [
            {"deduction_code": code, "display_name": name, "employee_amount": employee, "employer_amount": employer}
            for code, name, _, employee, employer in deductions(lines)
        ],
        "garnishments": [
            {"garnishment_code": line.code, "amount": line.amount} for line in lines if line.kind == "garnishment"
        ],
    }  # fmt: skip


def _earned(record: PayRecord) -> list[Line]:
    return [line for line in record.lines if line.kind in ("earning", "reimbursement")]


def _payer(line: Line) -> str:
    return line.category or ("EMPLOYER" if line.kind == "employer_tax" else "EMPLOYEE")
