"""The whole way of a pay run: read, drafted, approved by a second person, posted once, tied out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.models import PayRun, Posting, Reconciliation
from sync.payroll.approval import Refusal
from tests.sync.payroll.payday import open_books, ready


def test_a_pay_run_becomes_one_journal_that_ties_out(sandbox: dict[str, str], as_described: None) -> None:
    payday, pay_run = ready(sandbox)
    assert pay_run.state == PayRun.State.READY, [f.sentence for f in payday.findings()]

    payday.approve(pay_run)
    done = payday.advance(pay_run)

    (posting,) = payday.postings()
    (journal,) = payday.ours()
    register = payday.register()
    cost = sum(
        (Decimal(register["totals"][k]) for k in ("earning", "reimbursement", "employer_tax", "employer_contribution")),
        Decimal(0),
    )
    assert done.state == PayRun.State.RECONCILED, posting.message
    assert posting.state == Posting.State.RECONCILED
    assert posting.reference in journal["description"]
    assert posting.journal_number == str(journal["number"])
    assert posting.debit == posting.credit == cost
    assert sum(Decimal(line["debit"] or 0) for line in journal["lines"]) == cost
    assert -payday.balance("21500-000-0000") == Decimal(register["net_pay"])
    with payday.scope():
        assert Reconciliation.objects.latest("pk").tied_out


def test_whoever_prepared_it_cannot_approve_it(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)

    with pytest.raises(Refusal, match="Somebody else"):
        payday.approve(pay_run, by="pat")  # asked for the run
    with pytest.raises(Refusal, match="Somebody else"):
        payday.approve(pay_run, by="rita")  # wrote the rules

    assert payday.ours() == []


def test_a_new_pay_item_blocks_and_names_people_and_money(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    payday.read()
    payday.write_rules()
    worker = payday.story.rippling.snapshot()["workers"][0]
    payday.story.rippling.change(
        "run_payroll",
        check_date="2026-06-12",
        period_start="2026-06-01",
        period_end="2026-06-06",
        type="OFF_CYCLE",
        workers=[worker["id"]],
        extra=[{"worker": worker["id"], "kind": "earning", "code": "BON2", "name": "Spot bonus", "amount": "1314.28"}],
    )

    payday.read()

    held = payday.pay_runs()[-1]
    (finding,) = payday.findings(held)
    assert held.state == PayRun.State.HELD
    assert finding.code == "no_rule"
    assert "Spot bonus" in finding.sentence
    assert str(worker["number"]) in finding.sentence
    assert finding.amount == Decimal("1314.28")

    payday.write_rules()
    payday.check_again(held)

    assert payday.pay_runs()[-1].state == PayRun.State.READY
