"""Whether journals may be posted to this ledger, now. Pure; ``drafting`` brings the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from connectors.journals import FiscalPeriod, PeriodState
from connectors.pay_runs import PayKind
from sync.payroll.drafts import DraftJournal, JournalKind, Share, Side
from sync.payroll.findings import Finding, FindingCode, Tally
from sync.payroll.money import ZERO, minor_unit, rounded
from sync.payroll.register import Totals, item_key


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as it was read: per company its accounts (number to active), currency and periods.

    ``chart_number`` gives the number under which the chart has an account that is posted to."""

    accounts: Mapping[str, Mapping[str, bool]]
    currencies: Mapping[str, str]
    periods: Mapping[str, Sequence[FiscalPeriod]]
    account_error: Callable[[str], str]
    chart_number: Callable[[str], str] = str


def validate(journals: Sequence[DraftJournal], ledger: Ledger) -> list[Finding]:
    """Every problem of every journal at once, each account, period and currency once per company with the money on
    it: ACCOUNT_FORM, ACCOUNT_UNKNOWN, ACCOUNT_INACTIVE, PERIOD_UNKNOWN, PERIOD_CLOSED, PERIOD_SOFT_CLOSED, CURRENCY,
    UNBALANCED.

    ``kind`` is account, period or currency and ``culprit`` the one; a day that is in no period stands for the period.
    ``detail`` is the ledger's company, for ACCOUNT_FORM what is wrong with the form. UNBALANCED names the journal,
    its amount is the debits less the credits. Each amount counts for as few people as the least line of the journal:
    where a line must not be seen, none of them may.
    """
    tally = Tally()
    for journal in journals:
        _check_accounts(journal, ledger, tally)
        _check_period(journal, ledger, tally)
        company, currency, debit = journal.company, journal.currency, journal.debit
        if ledger.currencies.get(company) != currency:
            tally.add(FindingCode.CURRENCY, "currency", currency, detail=company, **_money(journal, debit))
        if difference := debit - sum((line.credit for line in journal.lines), ZERO):
            tally.add(FindingCode.UNBALANCED, journal=journal.key, **_money(journal, difference))
    return tally.findings()


def _money(journal: DraftJournal, amount: Decimal) -> dict[str, Any]:
    fewest = min((line.people for line in journal.lines if line.people), default=0)
    return {"amount": amount, "currency": journal.currency, "fewest": fewest}


def _check_accounts(journal: DraftJournal, ledger: Ledger, tally: Tally) -> None:
    accounts, money = ledger.accounts.get(journal.company, {}), _money(journal, ZERO)
    for line in journal.lines:
        code, detail = None, journal.company
        number = ledger.chart_number(line.account)
        if error := ledger.account_error(line.account):
            code, detail = FindingCode.ACCOUNT_FORM, error
        elif number not in accounts:
            code = FindingCode.ACCOUNT_UNKNOWN
        elif not accounts[number]:
            code = FindingCode.ACCOUNT_INACTIVE
        if code is not None:
            tally.add(code, "account", line.account, detail=detail, **money | {"amount": line.debit + line.credit})


PERIOD_CODES = {
    PeriodState.CLOSED: FindingCode.PERIOD_CLOSED,
    PeriodState.SOFT_CLOSED: FindingCode.PERIOD_SOFT_CLOSED,
}


def _check_period(journal: DraftJournal, ledger: Ledger, tally: Tally) -> None:
    period = period_of(ledger.periods.get(journal.company, ()), journal.posting_date)
    if period is None:
        code, culprit = FindingCode.PERIOD_UNKNOWN, journal.posting_date.isoformat()
    elif period.state in PERIOD_CODES:
        code, culprit = PERIOD_CODES[period.state], period.name
    else:
        return
    tally.add(code, "period", culprit, detail=journal.company, **_money(journal, journal.debit))


COST, OWED, NET_PAY = "cost", "owed", "net_pay"
COUNTED = frozenset({JournalKind.PAYROLL, JournalKind.ACCRUAL})


def control_totals(journals: Sequence[DraftJournal], register: Sequence[Totals]) -> list[Finding]:
    """TOTALS_DIFFER where journals and register of a currency do not agree to the cent: the cost, what is owed, and
    the net pay. Month-end journals and settlements are not part of the sum.

    The journals' figures are summed from the shares of their lines, so that nothing is hidden by what was set off on
    one account; every line that has shares must in turn be what they come to. ``kind`` is cost, owed, net_pay or
    account (then ``culprit`` is its number); the amount is the journals' figure less the register's, and may be one
    person's.
    """
    found: dict[tuple[str, str], Decimal] = {}
    tally = Tally()
    for journal in journals:
        if journal.kind in COUNTED:
            _check_lines(journal, tally)
            for share in (*journal.unposted, *(share for line in journal.lines for share in line.shares)):
                for figure, amount in _figures(share):
                    found[journal.currency, figure] = found.get((journal.currency, figure), ZERO) + amount
    for totals in register:
        net_pay = totals.by_kind.get(PayKind.NET_PAY, ZERO)
        for figure, amount in ((COST, totals.debit), (OWED, totals.credit), (NET_PAY, net_pay)):
            found[totals.currency, figure] = found.get((totals.currency, figure), ZERO) - amount
    for (currency, figure), difference in found.items():
        if rounded(difference, minor_unit(currency)):
            tally.add(FindingCode.TOTALS_DIFFER, figure, amount=difference, currency=currency, fewest=1)
    return tally.findings()


def _check_lines(journal: DraftJournal, tally: Tally) -> None:
    for line in journal.lines:
        expected = rounded(sum((share.amount for share in line.shares), ZERO), minor_unit(journal.currency))
        if line.shares and (difference := line.debit - line.credit - expected):
            concerned = {"currency": journal.currency, "journal": journal.key}
            tally.add(FindingCode.TOTALS_DIFFER, "account", line.account, amount=difference, fewest=1, **concerned)


def _figures(share: Share) -> Iterator[tuple[str, Decimal]]:
    if share.side is Side.DEBIT:
        yield COST, share.amount
        return
    yield OWED, -share.amount
    if share.item.startswith(item_key(PayKind.NET_PAY, "")):
        yield NET_PAY, -share.amount


def period_of(periods: Sequence[FiscalPeriod], day: date) -> FiscalPeriod | None:
    """The period that holds the day, the first of them where several do."""
    return next((period for period in periods if period.begin <= day <= period.end), None)
