"""Whether journals may be posted to this ledger, now. Pure; ``drafting`` brings the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import msgspec

from connectors.journals import FiscalPeriod
from sync.payroll.findings import Finding
from sync.payroll.journals import DraftJournal
from sync.payroll.register import Totals


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as it was read: per company its accounts (number to active), currency and periods."""

    accounts: Mapping[str, Mapping[str, bool]]
    currencies: Mapping[str, str]
    periods: Mapping[str, Sequence[FiscalPeriod]]
    account_error: Callable[[str], str]


def validate(journals: Sequence[DraftJournal], ledger: Ledger) -> list[Finding]:
    """Every problem of every journal at once, each account, period and currency once per company with the money on
    it: ACCOUNT_FORM, ACCOUNT_UNKNOWN, ACCOUNT_INACTIVE, PERIOD_UNKNOWN, PERIOD_CLOSED, PERIOD_SOFT_CLOSED, CURRENCY,
    UNBALANCED."""
    raise NotImplementedError


def control_totals(journals: Sequence[DraftJournal], register: Sequence[Totals]) -> list[Finding]:
    """TOTALS_DIFFER where journals and register of a currency do not agree to the cent: the cost, what is owed, and
    the net pay. Month-end journals and settlements are not part of the sum."""
    raise NotImplementedError


def period_of(periods: Sequence[FiscalPeriod], day: date) -> FiscalPeriod | None:
    """The period that holds the day."""
    raise NotImplementedError
