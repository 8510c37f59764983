"""Payroll rows of a company, made directly: as many of everything as a list is to show."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

from sync.models import (
    AccountRule,
    Integration,
    PaidLine,
    PayFinding,
    PayItem,
    PayRun,
    Posting,
    PostingLine,
    PostingShare,
    Reconciliation,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SALARY = Decimal("4321.09")
"""What the one person in each of these pay runs earns."""
ITEM, NET = "earning:regular", "net_pay:net_pay"


def add_pay_runs(integration: Integration, number: int) -> None:
    """So many pay runs of one person each, with a journal, a finding, a tie-out, and a rule of its own."""
    for _ in range(number):
        key = uuid.uuid4().hex
        rule = AccountRule.objects.create(
            integration=integration,
            item=f"earning:{key}",
            debit="61000",
            changed_by="rita",
            changed_key="user:rita",
            changed_at=AT,
        )
        PayItem.objects.create(
            integration=integration, key=rule.item, kind="earning", code=key, name=key[:8], first_seen=AT, last_seen=AT
        )
        pay_run = PayRun.objects.create(
            integration=integration,
            source_id=key,
            title="Biweekly",
            kind="regular",
            finished=True,
            check_date=date(2026, 2, 27),
            state=PayRun.State.READY,
            people=1,
            totals=[{"currency": "USD", "people": 1, "by_kind": {"earning": str(SALARY), "net_pay": str(SALARY)}}],
            found_at=AT,
            read_at=AT,
            drafted_at=AT,
        )
        for item in (ITEM, NET):
            PaidLine.objects.create(
                pay_run=pay_run, worker="w1", label="1042", kind=item.partition(":")[0], item=item, amount=SALARY,
                currency="USD",
            )  # fmt: skip
        PayFinding.objects.create(
            pay_run=pay_run,
            stage=PayFinding.Stage.DRAFT,
            code="same_period",
            kind="pay_run",
            culprit="another",
            amount=SALARY,
            currency="USD",
            people=["1042"],
            people_count=1,
            sentence="There is another pay run for the period.",
            remedy="Reject one, or accept both.",
            found_at=AT,
        )
        _add_journal(pay_run, rule)
        figure = {"where": "register", "measure": "cost", "company": "", "currency": "USD", "amount": str(SALARY)}
        Reconciliation.objects.create(pay_run=pay_run, at=AT, tied_out=True, figures=[figure], by="Worker")


def _add_journal(pay_run: PayRun, rule: AccountRule) -> None:
    posting = Posting.objects.create(
        pay_run=pay_run,
        kind=Posting.Kind.PAYROLL,
        key="payroll::USD:1",
        currency="USD",
        posting_date=pay_run.check_date,
        description="Payroll",
        reference=f"MLC-{pay_run.source_id[:20].upper()}",
        content_hash="0" * 64,
        line_count=2,
        debit=SALARY,
        credit=SALARY,
        people=1,
        prepared_by="pat",
        prepared_at=AT,
    )
    sides = (("61000", SALARY, Decimal(0), ITEM), ("21500", Decimal(0), SALARY, NET))
    for number, (account, debit, credit, item) in enumerate(sides, start=1):
        line = PostingLine.objects.create(
            posting=posting, number=number, account=account, description="Pay", debit=debit, credit=credit, people=1
        )
        PostingShare.objects.create(
            line=line, item=item, rule=rule, side="debit" if debit else "credit", amount=debit - credit, people=1
        )
