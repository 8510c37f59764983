"""The other ways to book a run: accrual and settlement apart, shared out over a month end, in parts, per plant."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sync.models import AccountRule, PayrollSettings, PayRun
from tests.sync.payroll.payday import Payday, open_books

CASH, WAGES, ACCRUED = "10120-000-0000", "21500-000-0000", "21400-000-0000"


def decided(sandbox: dict[str, str], decisions: dict[str, Any], **values: Any) -> tuple[Payday, PayRun]:
    """Acme with these payroll settings and a run that is ready."""
    payday = open_books(sandbox, **values)
    with payday.scope():
        PayrollSettings.objects.update(**decisions)
    payday.read()
    payday.write_rules()
    with payday.scope():
        AccountRule.objects.filter(item__startswith="net_pay:").update(settlement=CASH)
    payday.read()
    pay_run = payday.pay_runs()[0]
    assert pay_run.state == PayRun.State.READY, [finding.sentence for finding in payday.findings()]
    return payday, pay_run


def posted(payday: Payday, pay_run: PayRun) -> PayRun:
    payday.approve(pay_run)
    return payday.advance(pay_run)


def test_accrual_and_settlement_are_two_journals_and_the_clearing_account_comes_to_zero(
    sandbox: dict[str, str],
) -> None:
    payday, pay_run = decided(sandbox, {"separate_settlement": True})

    done = posted(payday, pay_run)

    by_kind = {posting.kind: posting for posting in payday.postings()}
    net_pay = Decimal(payday.register()["net_pay"])
    assert done.state == PayRun.State.RECONCILED
    assert set(by_kind) == {"accrual", "settlement"}
    assert by_kind["accrual"].posting_date == pay_run.period_end
    assert by_kind["settlement"].posting_date == pay_run.check_date
    assert payday.balance(WAGES) == 0
    assert payday.balance(CASH) == 75 - net_pay  # what Acme had before


def test_the_cost_of_the_earlier_month_is_accrued_there_and_taken_back(sandbox: dict[str, str]) -> None:
    payroll = {"runs": 1, "frequency": "BIWEEKLY", "first_check_date": "2026-06-12", "route": "v2"}
    decisions = {"month_end": "calendar_days", "accrued_account": ACCRUED}
    payday, pay_run = decided(sandbox, decisions, rippling={"payroll": payroll})
    assert pay_run.period_start is not None
    assert pay_run.period_start < date(2026, 5, 31)

    done = posted(payday, pay_run)

    by_kind = {posting.kind: posting for posting in payday.postings()}
    assert done.state == PayRun.State.RECONCILED
    assert by_kind["month_end"].posting_date == date(2026, 5, 31)
    assert by_kind["month_end_reversal"].posting_date == date(2026, 6, 1)
    assert by_kind["month_end"].debit == by_kind["month_end_reversal"].debit < by_kind["payroll"].debit
    assert payday.balance(ACCRUED) == 0


def test_a_long_journal_is_posted_in_balanced_parts(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    with payday.scope():
        payday.story.target.settings["journal_max_lines"] = "4"
        payday.story.target.save()
    payday.read()
    payday.write_rules()
    payday.read()
    pay_run = payday.pay_run()

    done = posted(payday, pay_run)

    postings = payday.postings()
    assert done.state == PayRun.State.RECONCILED
    assert len(postings) > 1
    assert all(posting.line_count <= 4 for posting in postings)
    assert len(payday.ours()) == len(postings)
    assert -payday.balance(WAGES) == Decimal(payday.register()["net_pay"])


def test_one_line_per_employee_where_a_company_wants_it(sandbox: dict[str, str]) -> None:
    payday, pay_run = decided(sandbox, {"detail": "worker"})

    done = posted(payday, pay_run)

    (journal,) = payday.ours()
    assert done.state == PayRun.State.RECONCILED
    net = [line for line in journal["lines"] if line["accountNo"] == WAGES]
    assert len(net) == payday.register()["records"]
