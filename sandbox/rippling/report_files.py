"""A saved report on payroll: its columns, its runs and the files they leave behind. Source: rippling §8.4.

What a file looks like is described nowhere. Ours is a list of rows by column heading, or CSV under the same headings;
a row is a pay item of a person, and what the person is paid is one more. Department and location are those of today,
not those of the pay period.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import msgspec

from sandbox.rippling.paycheck import KINDS, Line
from sandbox.rippling.payroll import PayRecord, Payroll, PayRun
from sandbox.rippling.table import Row, Table

JSON_TYPE, CSV_TYPE = "application/json", "text/csv"

NET = Line("net_pay", "NET", "Net pay", "")
KIND_NAMES = {**KINDS, "net_pay": "Net pay"}
COLUMNS = (
    "Run ID", "Run title", "Run type", "Run state", "Check date", "Pay period start", "Pay period end",
    "Legal entity ID", "Legal entity", "Worker ID", "Worker number", "Department ID", "Department", "Location ID",
    "Location", "Pay item", "Pay item code", "Kind", "Amount", "Hours", "Currency",
)  # fmt: skip
ID_COLUMNS = frozenset({"Run ID", "Legal entity ID", "Worker ID", "Department ID", "Location ID"})
"""Only in a file with object ids."""


@dataclass(frozen=True)
class Order:
    """What a report run was asked for."""

    output_type: str = "JSON"
    include_object_ids: bool = False
    include_total_rows: bool = False
    iso_dates: bool = False
    value_only: bool = False
    """False: an amount is written as ``USD 1234.50``."""


@dataclass
class ReportRun:
    id: str
    order: Order
    polls_left: int
    status: str = "IN_PROGRESS"
    file: str | None = None
    """The name of the file, once there is one."""


@dataclass(frozen=True)
class ReportFile:
    """What lies behind a presigned address until it expires."""

    body: bytes
    content_type: str
    signature: str
    expires_at: datetime


@dataclass
class Reports:
    """The one saved report of a company, and every run of it."""

    report_id: str
    runs: dict[str, ReportRun] = field(default_factory=dict)
    files: dict[str, ReportFile] = field(default_factory=dict)

    def start(self, run_id: str, order: Order, polls: int) -> ReportRun:
        self.runs[run_id] = ReportRun(run_id, order, polls)
        return self.runs[run_id]

    def finish(self, run: ReportRun, rows: Iterator[Row], expires_at: datetime) -> None:
        """The run has succeeded, and its file can be had until then."""
        body, content_type = _written(rows, run.order)
        run.status, run.file = "SUCCESS", f"{secrets.token_hex(16)}.{run.order.output_type.lower()}"
        self.files[run.file] = ReportFile(body, content_type, secrets.token_hex(32), expires_at)


def report_rows(payroll: Payroll, tables: Mapping[str, Table], order: Order) -> Iterator[Row]:
    """The rows of all pay runs, whatever their state, by column heading."""
    for run in payroll.runs.values():
        about_run = _about_run(run, tables, order)
        for record in run.records.values():
            about = {**about_run, **_about_worker(record, tables)}
            for item in _items(record, order):
                yield {**about, **item}


def _about_run(run: PayRun, tables: Mapping[str, Table], order: Order) -> Row:
    entity = tables["legal-entities"].get(run.company_entity_id) or {}
    return {
        "Run ID": run.id,
        "Run title": run.title,
        "Run type": run.type,
        "Run state": run.state,
        "Check date": _day(run.check_date, order),
        "Pay period start": None if run.period is None else _day(run.period.start, order),
        "Pay period end": None if run.period is None else _day(run.period.end, order),
        "Legal entity ID": run.company_entity_id,
        "Legal entity": entity.get("legal_name"),
    }


def _about_worker(record: PayRecord, tables: Mapping[str, Table]) -> Row:
    worker = tables["workers"].get(record.worker_id) or {}
    department = tables["departments"].get(worker.get("department_id")) or {}
    location_id = (worker.get("location") or {}).get("work_location_id")
    location = tables["work-locations"].get(location_id) or {}
    return {
        "Worker ID": record.worker_id,
        "Worker number": worker.get("number"),
        "Department ID": worker.get("department_id"),
        "Department": department.get("name"),
        "Location ID": location_id,
        "Location": location.get("name"),
    }


def _items(record: PayRecord, order: Order) -> Iterator[Row]:
    for line in (*record.lines, NET._replace(amount=record.net)):
        yield {
            "Pay item": line.name,
            "Pay item code": line.code,
            "Kind": KIND_NAMES[line.kind],
            "Amount": line.amount if order.value_only else f"{record.currency} {line.amount}",
            "Hours": line.hours,
            "Currency": record.currency,
        }


def _day(day: date, order: Order) -> str:
    return day.isoformat() if order.iso_dates else f"{day:%m/%d/%Y}"


def _written(rows: Iterator[Row], order: Order) -> tuple[bytes, str]:
    """The file and its content type; one row after the other, for there may be hundreds of thousands."""
    columns = [name for name in COLUMNS if order.include_object_ids or name not in ID_COLUMNS]
    if order.output_type == "JSON":
        encoder = msgspec.json.Encoder()
        shown = [encoder.encode({name: row[name] for name in columns}) for row in rows]
        body = b"[" + b",".join(shown) + b"]"
        return b'{"total_rows":%d,"rows":%b}' % (len(shown), body) if order.include_total_rows else body, JSON_TYPE
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    lengths = [table.writerow([row[name] for name in columns]) for row in rows]
    if order.include_total_rows:
        table.writerow(["Total rows", len(lengths)])
    return text.getvalue().encode(), CSV_TYPE
