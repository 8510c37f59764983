"""Whether journals may be posted: every problem at once, and the register's figures against the journals'."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from connectors.journals import FiscalPeriod, PeriodState
from connectors.pay_runs import PayKind
from sync.payroll.findings import FindingCode
from sync.payroll.journals import DraftJournal, DraftLine, JournalKind, Share, Side
from sync.payroll.register import Totals
from sync.payroll.validation import Ledger, control_totals, period_of, validate

MAY = FiscalPeriod(name="May", begin=date(2026, 5, 1), end=date(2026, 5, 31), state=PeriodState.CLOSED)
JUNE = FiscalPeriod(name="June", begin=date(2026, 6, 1), end=date(2026, 6, 30), state=PeriodState.OPEN)
JULY = FiscalPeriod(name="July", begin=date(2026, 7, 1), end=date(2026, 7, 31), state=PeriodState.SOFT_CLOSED)
LEDGER = Ledger(
    accounts={"10": {"6000": True, "2100": True, "1010": True, "9000": False}},
    currencies={"10": "USD"},
    periods={"10": [MAY, JUNE, JULY]},
    account_error=lambda number: "" if number.isdigit() else "An account is four digits.",
)


def line(number: int, account: str, amount: str, item: str = "earning:REG") -> DraftLine:
    value = Decimal(amount)
    side = Side.DEBIT if value > 0 else Side.CREDIT
    return DraftLine(
        number=number,
        account=account,
        debit=max(value, Decimal(0)),
        credit=max(-value, Decimal(0)),
        description="",
        people=2,
        shares=(Share(item=item, rule=1, side=side, amount=value, people=2),),
    )


def journal(cost: str = "6000", **values: object) -> DraftJournal:
    """100.00 earned, 20.00 of it owed as tax and 80.00 paid out."""
    plain: dict[str, object] = {
        "kind": JournalKind.PAYROLL,
        "company": "10",
        "currency": "USD",
        "part": 1,
        "parts": 1,
        "posting_date": date(2026, 6, 12),
        "description": "Payroll 2026-06-12 Regular",
        "lines": (
            line(1, cost, "100.00"),
            line(2, "1010", "-80.00", "net_pay:NET"),
            line(3, "2100", "-20.00", "employee_tax:FIT"),
        ),
        "people": 2,
    }
    return DraftJournal(**{**plain, **values})  # type: ignore[arg-type]


REGISTER = Totals(
    currency="USD",
    by_kind={PayKind.EARNING: Decimal(100), PayKind.EMPLOYEE_TAX: Decimal(20), PayKind.NET_PAY: Decimal(80)},
    people=2,
)


def test_a_journal_the_ledger_takes_has_no_finding() -> None:
    assert validate([journal()], LEDGER) == []


@pytest.mark.parametrize(
    ("account", "code", "detail"),
    [
        ("60-00", FindingCode.ACCOUNT_FORM, "An account is four digits."),
        ("7777", FindingCode.ACCOUNT_UNKNOWN, "10"),
        ("9000", FindingCode.ACCOUNT_INACTIVE, "10"),
    ],
)
def test_an_account_is_named_once_with_all_the_money_on_it(account: str, code: FindingCode, detail: str) -> None:
    (finding,) = validate([journal(account), journal(account, part=2)], LEDGER)

    assert (finding.code, finding.kind, finding.culprit, finding.amount, finding.detail) == (
        code,
        "account",
        account,
        Decimal("200.00"),
        detail,
    )


def test_an_account_of_another_company_is_unknown() -> None:
    ledger = msgspec.structs.replace(
        LEDGER, accounts={**LEDGER.accounts, "20": {}}, currencies={"20": "USD"}, periods={"20": [JUNE]}
    )

    found = validate([journal(company="20")], ledger)

    assert {(f.code, f.culprit, f.detail) for f in found} == {
        (FindingCode.ACCOUNT_UNKNOWN, account, "20") for account in ("6000", "1010", "2100")
    }


@pytest.mark.parametrize(
    ("day", "code", "culprit"),
    [
        (date(2026, 5, 31), FindingCode.PERIOD_CLOSED, "May"),
        (date(2026, 7, 1), FindingCode.PERIOD_SOFT_CLOSED, "July"),
        (date(2026, 8, 1), FindingCode.PERIOD_UNKNOWN, "2026-08-01"),
    ],
)
def test_a_period_that_takes_no_journal_is_named_once(day: date, code: FindingCode, culprit: str) -> None:
    (finding,) = validate([journal(posting_date=day), journal(posting_date=day, part=2)], LEDGER)

    assert (finding.code, finding.culprit, finding.amount) == (code, culprit, Decimal("200.00"))


def test_both_days_of_a_period_belong_to_it() -> None:
    assert [period_of([MAY, JUNE], day) for day in (date(2026, 4, 30), MAY.begin, MAY.end, JUNE.begin)] == [
        None,
        MAY,
        MAY,
        JUNE,
    ]


def test_a_journal_in_another_currency_is_refused() -> None:
    (finding,) = validate([journal(currency="CAD")], LEDGER)

    assert (finding.code, finding.culprit, finding.detail) == (FindingCode.CURRENCY, "CAD", "10")


def test_a_journal_that_does_not_balance_is_named_with_the_difference() -> None:
    (finding,) = validate([journal(lines=journal().lines[:2])], LEDGER)

    assert (finding.code, finding.amount, finding.journal) == (
        FindingCode.UNBALANCED,
        Decimal("20.00"),
        "payroll:10:USD:1",
    )


def test_all_problems_are_found_at_once() -> None:
    found = validate([journal("7777", currency="CAD", posting_date=date(2026, 5, 1))], LEDGER)

    assert [f.code for f in found] == [FindingCode.ACCOUNT_UNKNOWN, FindingCode.PERIOD_CLOSED, FindingCode.CURRENCY]


def test_journals_that_are_the_register_agree_with_it() -> None:
    others = [journal(kind=kind) for kind in (JournalKind.SETTLEMENT, JournalKind.MONTH_END)]

    assert control_totals([journal(), *others], [REGISTER]) == []


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        (PayKind.EARNING, {"cost"}),
        (PayKind.EMPLOYEE_TAX, {"owed"}),
        (PayKind.NET_PAY, {"owed", "net_pay"}),
        (PayKind.EMPLOYER_TAX, {"cost", "owed"}),
    ],
)
def test_a_cent_more_in_the_register_is_found_and_says_where(kind: PayKind, figures: set[str]) -> None:
    amounts = {**REGISTER.by_kind, kind: REGISTER.by_kind.get(kind, Decimal(0)) + Decimal("0.01")}

    found = control_totals([journal()], [msgspec.structs.replace(REGISTER, by_kind=amounts)])

    assert {(f.code, f.kind, f.amount) for f in found} == {
        (FindingCode.TOTALS_DIFFER, figure, Decimal("-0.01")) for figure in figures
    }


def test_a_register_without_journals_and_journals_without_a_register_differ() -> None:
    assert {f.amount for f in control_totals([], [REGISTER])} == {Decimal(-100), Decimal(-80)}
    assert {f.amount for f in control_totals([journal()], [])} == {Decimal(100), Decimal(80)}


def test_a_cost_and_a_debt_on_one_account_do_not_hide_each_other() -> None:
    tax = Decimal(7)
    both = tuple(
        Share(item="employer_tax:SS", rule=2, side=side, amount=amount, people=2)
        for side, amount in ((Side.DEBIT, tax), (Side.CREDIT, -tax))
    )
    register = msgspec.structs.replace(REGISTER, by_kind={**REGISTER.by_kind, PayKind.EMPLOYER_TAX: tax})

    assert control_totals([journal(unposted=both)], [register]) == []
    assert {f.kind for f in control_totals([journal()], [register])} == {"cost", "owed"}


def test_a_line_that_is_not_what_its_shares_come_to_is_found() -> None:
    wrong = msgspec.structs.replace(journal().lines[0], debit=Decimal("100.01"))

    (finding,) = control_totals([journal(lines=(wrong, *journal().lines[1:]))], [REGISTER])

    assert (finding.kind, finding.culprit, finding.amount) == ("account", "6000", Decimal("0.01"))
