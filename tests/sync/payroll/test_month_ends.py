"""What a month has earned is in that month, whenever it is paid."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from sync.payroll.findings import FindingCode
from sync.payroll.journals import JournalKind, Split
from tests.sync.payroll.example import FACTS, journals_of, money, paid


def test_the_share_of_may_is_accrued_and_taken_back_on_the_first_of_june() -> None:
    _, accrued, taken_back = journals_of(month_end=Split.CALENDAR_DAYS).journals

    assert (accrued.kind, accrued.posting_date) == (JournalKind.MONTH_END, date(2026, 5, 31))
    assert (taken_back.kind, taken_back.posting_date) == (JournalKind.MONTH_END_REVERSAL, date(2026, 6, 1))
    # 7 of 14 days, each line half up: 4,515.75 / 2 = 2,257.875.
    assert money(accrued) == {
        "6000-310": Decimal("2257.88"),
        "6000-320": Decimal("1375.00"),
        "6010-320": Decimal("155.00"),
        "6100-310": Decimal("172.73"),
        "6100-320": Decimal("117.05"),
        "2300-000": Decimal("-4077.66"),
    }
    assert money(taken_back) == {account: -amount for account, amount in money(accrued).items()}
    assert accrued.lines[-1].people == 3
    for line in (*accrued.lines, *taken_back.lines):
        assert sum(share.amount for share in line.shares) == line.debit - line.credit


@pytest.mark.parametrize(
    ("split", "start", "end", "check", "shares"),
    [
        # Monday 25 May to Sunday 7 June: five working days of ten are in May.
        (Split.WORKING_DAYS, date(2026, 5, 25), date(2026, 6, 7), date(2026, 6, 12), {"2026-05-31": "500.00"}),
        (Split.CALENDAR_DAYS, date(2026, 5, 30), date(2026, 6, 7), date(2026, 6, 12), {"2026-05-31": "222.22"}),
        # Saturday and Sunday are no working days: nothing to accrue.
        (Split.WORKING_DAYS, date(2026, 5, 30), date(2026, 6, 7), date(2026, 6, 12), {}),
        (Split.WORKING_DAYS, date(2026, 5, 31), date(2026, 5, 31), date(2026, 6, 12), {"2026-05-31": "1000.00"}),
        # Paid before the month ends: the cost is in that month already.
        (Split.CALENDAR_DAYS, date(2026, 5, 25), date(2026, 6, 7), date(2026, 5, 29), {}),
        (Split.CALENDAR_DAYS, date(2026, 5, 25), date(2026, 6, 7), date(2026, 5, 31), {}),
        # All of May is paid in June.
        (Split.CALENDAR_DAYS, date(2026, 5, 1), date(2026, 5, 31), date(2026, 6, 5), {"2026-05-31": "1000.00"}),
        # All of April is paid in June: it is taken back in May, and comes back at the end of it.
        (
            Split.CALENDAR_DAYS,
            date(2026, 4, 1),
            date(2026, 4, 30),
            date(2026, 6, 5),
            {"2026-04-30": "1000.00", "2026-05-31": "1000.00"},
        ),
        # A quarter: so far a third or so, then two.
        (
            Split.CALENDAR_DAYS,
            date(2026, 4, 1),
            date(2026, 6, 30),
            date(2026, 6, 30),
            {"2026-04-30": "329.67", "2026-05-31": "670.33"},
        ),
        (Split.CALENDAR_DAYS, date(2025, 12, 22), date(2026, 1, 4), date(2026, 1, 9), {"2025-12-31": "714.29"}),
        (Split.CALENDAR_DAYS, date(2028, 2, 28), date(2028, 3, 12), date(2028, 3, 15), {"2028-02-29": "142.86"}),
        (Split.NONE, date(2026, 5, 25), date(2026, 6, 7), date(2026, 6, 12), {}),
    ],
)
def test_each_month_end_before_the_cost_is_posted_has_what_was_earned_by_then(
    split: Split, start: date, end: date, check: date, shares: dict[str, str]
) -> None:
    facts = msgspec.structs.replace(FACTS, period_start=start, period_end=end, check_date=check)
    run = paid("w1", "ASM", regular="1000.00", net="1000.00")

    built = journals_of(run, facts=facts, month_end=split)

    found = {j.posting_date.isoformat(): str(j.debit) for j in built.journals if j.kind is JournalKind.MONTH_END}
    assert found == shares
    assert len({journal.key for journal in built.journals}) == len(built.journals) == 1 + 2 * len(shares)


def test_an_accrual_on_the_last_day_of_the_period_leaves_only_the_months_before_it() -> None:
    facts = msgspec.structs.replace(FACTS, period_start=date(2026, 5, 1), period_end=date(2026, 5, 31))

    built = journals_of(facts=facts, month_end=Split.CALENDAR_DAYS, separate_settlement=True)

    assert {journal.kind for journal in built.journals} == {JournalKind.ACCRUAL, JournalKind.SETTLEMENT}


def test_without_an_account_for_what_is_accrued_the_run_waits() -> None:
    built = journals_of(month_end=Split.CALENDAR_DAYS, accrued_account="")

    (finding,) = built.findings
    assert (finding.code, finding.amount) == (FindingCode.NO_ACCRUAL_ACCOUNT, Decimal("4077.66"))
