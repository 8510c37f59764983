"""What the control endpoint shows of an environment: people, vendors, journals, and how often it was asked."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.dynamics import people
from sandbox.dynamics.model import Record, shown

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

LINE_FIELDS = {
    "voucher": "Voucher",
    "account_type": "AccountType",
    "account": "AccountDisplayValue",
    "company": "Company",
    "currency": "CurrencyCode",
    "text": "Text",
    "document": "Document",
    "offset_account": "OffsetAccountDisplayValue",
    "default_dimensions": "DefaultDimensionDisplayValue",
}
WORKER_FIELDS = (
    "PersonnelNumber",
    "FirstName",
    "MiddleName",
    "LastName",
    "Name",
    "WorkerStatus",
    "PrimaryContactEmail",
)


def snapshot_of(environment: Environment) -> dict[str, Any]:
    workers = [row.record for row in people.workers(environment)]
    employments = [row.record for row in environment.tables["EmploymentsV2"]]
    return {
        "workers": [_plain(record) | {name: record.get(name, "") for name in WORKER_FIELDS} for record in workers],
        "employments": [_plain(record) for record in employments],
        "vendors": [_plain(row.record) for row in environment.tables["VendorsV2"]],
        "journals": [_journal(environment, row.record) for row in environment.tables["LedgerJournalHeaders"]],
        "requests": dict(environment.counted),
        "overlaps": environment.overlaps.shown(),
        "duplicates": _duplicates(environment, employments),
    }


def _plain(record: Record) -> dict[str, Any]:
    """The values that were set, as JSON has them; an amount is text."""
    return {
        name: str(value) if isinstance(value, Decimal) else shown(value)
        for name, value in record.items()
        if not name.startswith("_")
    }


def _journal(environment: Environment, header: Record) -> dict[str, Any]:
    return {
        "company": header["dataAreaId"],
        "number": header["JournalBatchNumber"],
        "name": header["JournalName"],
        "description": header.get("Description", ""),
        "integration_key": header.get("IntegrationKey", ""),
        "posted": header["IsPosted"] == "Yes",
        "debit": str(header.get("JournalTotalDebit", 0)),
        "credit": str(header.get("JournalTotalCredit", 0)),
        "lines": [_line(row.record) for row in environment.lines_of(header)],
    }


def _line(record: Record) -> dict[str, Any]:
    return {
        "number": int(record["LineNumber"]),
        "date": record["TransDate"].isoformat(),
        "debit": str(record["DebitAmount"]),
        "credit": str(record["CreditAmount"]),
        "segments": record.get("_segments", {}),
        **{name: record.get(field, "") for name, field in LINE_FIELDS.items()},
    }


def _duplicates(environment: Environment, employments: list[Record]) -> dict[str, int]:
    """Workers with several employments in one legal entity as of now → how many; names carried twice are no matter."""
    now = environment.now()
    current = Counter(
        f"{record['PersonnelNumber']} {record['LegalEntityId']}"
        for record in employments
        if record["EmploymentStartDate"] <= now <= record["EmploymentEndDate"]
    )
    return {who: times for who, times in current.items() if times > 1}
