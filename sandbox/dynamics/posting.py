"""Posting a journal, as F&O's own batch job or a customer's custom service does it (dynamics §4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.dynamics import accounts, lines
from sandbox.dynamics.journals import name_of
from sandbox.dynamics.model import Record
from sandbox.dynamics.tables import Row
from sandbox.dynamics.vouchers import ZERO

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment


def posting_faults(environment: Environment, header: Record) -> Iterator[str]:
    """Why the posting job leaves the journal as it is."""
    by_voucher: dict[str, list[Record]] = {}
    for row in environment.lines_of(header):
        by_voucher.setdefault(row.record["Voucher"], []).append(row.record)
    if not by_voucher:
        yield f"Journal {header['JournalBatchNumber']} has no lines."
    for voucher, records in by_voucher.items():
        if environment.balance(header, voucher, ZERO):
            yield f"The transactions on voucher {voucher} do not balance."
        if len({record["TransDate"] for record in records}) > 1:
            yield f"The transactions on voucher {voucher} do not have the same date."
        for record in records:
            company = record["Company"].lower()
            yield from lines.period_faults(environment, company, record)
            if record["_segments"]:
                yield from accounts.missing_dimensions(environment, company, record["_segments"])


def post(environment: Environment, header: Row) -> list[str]:
    """Post one journal as the batch job does; returns why not, and then nothing has changed."""
    if header.record["IsPosted"] == "Yes":
        return [f"Journal {header.record['JournalBatchNumber']} has been posted."]
    faults = list(dict.fromkeys(posting_faults(environment, header.record)))
    if faults:
        return faults
    name, table = name_of(environment, header.record), environment.tables["LedgerJournalLines"]
    final: dict[str, str] = {}
    for row in environment.lines_of(header.record):
        if name.get("VoucherAllocationAtPosting", "No") == "Yes":
            voucher = row.record["Voucher"]
            if voucher not in final:
                final[voucher] = environment.next_voucher(header.record["dataAreaId"], name["VoucherSeriesCode"])
            table.change(row, {"Voucher": final[voucher]})
        if name.get("DeleteLinesAfterPosting", "No") == "Yes":
            table.remove(row)
    environment.tables["LedgerJournalHeaders"].change(header, {"IsPosted": "Yes", "_in_use_by": ""})
    return []
