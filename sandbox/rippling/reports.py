"""Report runs in v2, and the presigned files they end in. Source: rippling §8.4 and the description of April 2026.

An optional field that is null is refused, although it is described as nullable: leaving it out is the only way.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from aiohttp import web

from sandbox.core import new_key
from sandbox.rippling.answers import Refusal, encoded
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.filters import instant_text
from sandbox.rippling.rendering import meta
from sandbox.rippling.report_files import Order, ReportRun, report_rows
from sandbox.rippling.table import Row
from sandbox.rippling.v2_requests import admit

ENTITLEMENT = "Reports API"
READ, WRITE = "report-runs.read", "report-runs.read-write"
FILES = "/report-files"

FIELDS: Mapping[str, type] = {
    "report_id": str,
    "include_object_ids": bool,
    "include_total_rows": bool,
    "format_date_fields": dict,
    "format_currency_fields": dict,
    "output_type": str,
}
OUTPUT_TYPES = ("JSON", "CSV")
DATE_FORMATS = ("ISO_8601", "APPLY_VISUALIZATION_SETTINGS")
CURRENCY_COLUMNS = ("TYPE_AND_AMOUNT", "VALUE_ONLY")


async def _start(request: web.Request, company: RipplingCompany) -> bytes:
    admit(request, company, ENTITLEMENT, WRITE, method="POST")
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise Refusal(400, "Invalid JSON provided.") from None
    order = _order(body)
    if body["report_id"] != company.reports.report_id:
        raise Refusal(404, "Not found.")
    run = company.reports.start(new_key(), order, company.behaviour.report_polls)
    return encoded(_written(request, company, run), company.behaviour.empty)


async def _poll(request: web.Request, company: RipplingCompany, run_id: str) -> bytes:
    admit(request, company, ENTITLEMENT, READ, WRITE)
    run = company.reports.runs.get(run_id)
    if run is None:
        raise Refusal(404, "Not found.")
    if run.status == "IN_PROGRESS":
        _work_on(company, run)
    return encoded({"__meta": meta({}), **_written(request, company, run)}, company.behaviour.empty)


HANDLERS: Mapping[str, Callable[..., Awaitable[bytes]]] = {
    r"/report-runs/?": _start,
    r"/report-runs/([^/]+)/?": _poll,
}


def download(request: web.Request, company: RipplingCompany | None) -> web.Response:
    """The file, for whoever has its address: the address is the permission, and a second one is refused."""
    name = request.match_info["name"]
    if "Authorization" in request.headers:
        return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    file = None if company is None else company.reports.files.get(name)
    if company is None or file is None:
        return _storage_error(403, "AccessDenied", "Access Denied")
    signed = hmac.compare_digest(request.query.get("X-Amz-Signature", "").encode(), file.signature.encode())
    if not signed or request.method != "GET":
        return _storage_error(403, "SignatureDoesNotMatch", "The signature we calculated does not match.")
    if company.now >= file.expires_at:
        return _storage_error(403, "AccessDenied", "Request has expired")
    return web.Response(body=file.body, content_type=file.content_type, charset="utf-8")


def _work_on(company: RipplingCompany, run: ReportRun) -> None:
    """One poll nearer to the end; the file shows what there is when the run ends."""
    if run.polls_left > 0:
        run.polls_left -= 1
    elif company.behaviour.report_outcome == "FAILURE":
        run.status = "FAILURE"
    else:
        rows = report_rows(company.payroll, company.tables, run.order)
        company.reports.finish(run, rows, company.now + timedelta(seconds=company.behaviour.report_seconds))


def _written(request: web.Request, company: RipplingCompany, run: ReportRun) -> Row:
    return {
        "id": run.id,
        "report_id": company.reports.report_id,
        "status": run.status,
        "result": None if run.file is None else _result(request, company, run, run.file),
    }


def _result(request: web.Request, company: RipplingCompany, run: ReportRun, name: str) -> Row:
    file = company.reports.files[name]
    query = f"X-Amz-Expires={company.behaviour.report_seconds}&X-Amz-Signature={file.signature}"
    return {
        "file_url": f"{request.scheme}://{request.host}{FILES}/{name}?{query}",
        "expires_at": instant_text(file.expires_at),
        "output_type": run.order.output_type,
    }


def _order(body: Any) -> Order:
    """Raises Refusal for a body that is not the described one, to the letter."""
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON provided.")
    given = _checked(body, FIELDS, required="report_id")
    output = _one_of(given, "output_type", OUTPUT_TYPES, "JSON")
    dates = _checked(given.get("format_date_fields", {"date_format": DATE_FORMATS[1]}),
                     {"date_format": str, "datetime_timezone": str}, required="date_format")  # fmt: skip
    currency = _checked(given.get("format_currency_fields", {"columns": CURRENCY_COLUMNS[0]}),
                        {"columns": str, "currency_type": str}, required="columns")  # fmt: skip
    if dates.get("datetime_timezone", "UTC") not in available_timezones():
        raise Refusal(400, f"datetime_timezone is no time zone: {dates['datetime_timezone']}")
    return Order(
        output_type=output,
        include_object_ids=given.get("include_object_ids", False),
        include_total_rows=given.get("include_total_rows", False),
        iso_dates=_one_of(dates, "date_format", DATE_FORMATS) == "ISO_8601",
        value_only=_one_of(currency, "columns", CURRENCY_COLUMNS) == "VALUE_ONLY",
    )


def _checked(body: dict[str, Any], fields: Mapping[str, type], required: str) -> dict[str, Any]:
    for name, value in body.items():
        if name not in fields:
            raise Refusal(400, f"{name} is not a field of this request")
        if type(value) is not fields[name]:
            wrong = f"expected: {fields[name].__name__}, got: {type(value).__name__}"
            raise Refusal(400, f"{name} parameter is of the wrong type, {wrong}")
    if required not in body:
        raise Refusal(400, f"{required} is required")
    return body


def _one_of(body: dict[str, Any], name: str, choices: tuple[str, ...], default: str | None = None) -> str:
    value = body.get(name, default)
    if value not in choices:
        raise Refusal(400, f"{name} is one of {', '.join(choices)}, not {value}")
    return str(value)


def _storage_error(status: int, code: str, message: str) -> web.Response:
    """As the file store answers, which is not the API."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
