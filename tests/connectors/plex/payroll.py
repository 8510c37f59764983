"""A payroll journal and a plant with books, for the stories of the ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connectors.journals import Journal, JournalLine

WAGES, PAYABLE, TAXES = "61000-210-0100", "21500-000-0000", "21510-000-0000"
REFERENCE = "rippling:8812:300101:1"
HASH = "ab" * 32
DAY = date(2026, 11, 20)


def payroll(reference: str = REFERENCE, **fields: Any) -> Journal:
    """Wages of 1234567.99 against net pay and tax, to be posted to the first plant."""
    given: dict[str, Any] = {
        "reference": reference,
        "company": "300101",
        "currency": "USD",
        "posting_date": DAY,
        "description": "PAYROLL 2026-11-20 1/1",
        "lines": (
            line(WAGES, debit="1234567.89"),
            line(WAGES, debit="0.1000"),
            line(PAYABLE, credit="1233317.99"),
            line(TAXES, credit="1250"),
        ),
        "content_hash": HASH,
    }
    return Journal(**given | fields)


def line(account: str, description: str = "Gross wages", *, debit: str = "0", credit: str = "0") -> JournalLine:
    return JournalLine(account=account, description=description, debit=Decimal(debit), credit=Decimal(credit))
