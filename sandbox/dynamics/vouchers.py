"""Vouchers of unposted journals, and the totals of their headers (dynamics §4.3)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from sandbox.dynamics.journals import name_of
from sandbox.dynamics.model import Record
from sandbox.dynamics.operations import Write
from sandbox.dynamics.refusals import invalid
from sandbox.dynamics.tables import Row

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

SIDES = ("DebitAmount", "CreditAmount")
ZERO = Decimal(0)
PAR = Decimal(100)
CENT = Decimal("0.01")


def draw(write: Write, header: Record, record: Record) -> None:
    """Give the line a voucher: its own, or the one its journal is at; one in connection with balance ends when debits
    are credits, or with an offset account."""
    environment, name = write.environment, name_of(write.environment, header)
    if record.get("Voucher"):
        return
    if name["NewVoucher"] == "Manually":
        raise invalid(write.entity, "Field 'Voucher' must be filled in.")
    current = header.get("_open_voucher", "")
    if name["NewVoucher"] == "OneVoucher":
        current = next((line.record["Voucher"] for line in environment.lines_of(header)), "")
    if not current and not (name["VoucherSeriesCode"] and environment.settings.voucher_number_sequence):
        raise invalid(write.entity, f"A number sequence reference is missing for journal name {name['Name']}.")
    record["Voucher"] = current or environment.next_voucher(header["dataAreaId"], name["VoucherSeriesCode"])


def count(environment: Environment, header: Row, record: Record, times: int) -> None:
    """Add the line to the totals of header and voucher, or with -1 take it away."""
    rate = record.get("ExchRate") or PAR
    debit, credit = (_accounted(record[side], rate) * times for side in SIDES)
    has_offset = bool(record.get("OffsetAccountDisplayValue"))
    balance = environment.balance(header.record, record["Voucher"], ZERO if has_offset else debit - credit)
    current = record["Voucher"] if balance and not has_offset else ""
    # An offset balances its own line: the header counts it on both sides.
    both = debit + credit if has_offset else ZERO
    totals = {
        "JournalTotalDebit": header.record.get("JournalTotalDebit", ZERO) + (both or debit),
        "JournalTotalCredit": header.record.get("JournalTotalCredit", ZERO) + (both or credit),
        "_open_voucher": current,
    }
    environment.tables["LedgerJournalHeaders"].change(header, totals)


def _accounted(amount: Decimal, rate: Decimal) -> Decimal:
    """The amount in the accounting currency; a rate is for a hundred units (dynamics §4.2)."""
    if rate == PAR:
        return amount
    return (amount * rate / PAR).quantize(CENT, ROUND_HALF_UP)
