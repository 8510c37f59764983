"""Ways around that are closed: parts for a sum, lines that move, guesses at masked amounts, twins, half a run."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from django.db import DatabaseError, transaction

from sync.execution import reconcile_postings
from sync.models import AccountRule, Approval, PayrollSettings, PayRun, Posting, PostingLine, Reconciliation
from sync.payroll.approval import approve, reject
from tests.sync.payroll.payday import PAYROLL, Payday, open_books, ready
from tests.sync.payroll.test_correcting import balances, posted, take_back


def change_settings(payday: Payday, **values: Any) -> None:
    with payday.scope():
        PayrollSettings.objects.update(**values)


def in_parts(sandbox: dict[str, str]) -> tuple[Payday, list[Posting]]:
    """A ledger that takes short journals only: the run's one comes in parts."""
    payday = open_books(sandbox)
    with payday.scope():
        payday.story.target.refresh_from_db()
        payday.story.target.settings |= {"journal_max_lines": "8"}
        payday.story.target.save()
    payday.read()
    payday.write_rules()
    payday.read()
    return payday, payday.postings()


def test_a_journal_in_parts_needs_as_many_approvers_as_it_would_in_one(sandbox: dict[str, str]) -> None:
    payday, parts = in_parts(sandbox)
    change_settings(payday, second_approver_above=max(part.debit for part in parts) + 1)
    assert len(parts) > 1

    assert payday.approve(payday.pay_run()) == []
    done = payday.approve(payday.pay_run(), by="otto")

    assert [posting.state for posting in done] == [Posting.State.APPROVED] * len(parts)


def test_parts_that_are_together_below_the_limit_need_one_approver(sandbox: dict[str, str]) -> None:
    payday, parts = in_parts(sandbox)
    change_settings(payday, second_approver_above=sum(part.debit for part in parts))

    assert len(payday.approve(payday.pay_run())) == len(parts)


def test_no_line_leaves_or_joins_a_journal_that_is_no_draft(sandbox: dict[str, str]) -> None:
    payday, _, posting = posted(sandbox)
    draft = take_back(payday, posting)
    with payday.scope():
        own = PostingLine.objects.filter(posting=posting, number=1)
        drafted = PostingLine.objects.filter(posting=draft, number=1)

    for change in (
        lambda: own.update(posting=draft, number=999),
        lambda: drafted.update(posting=posting, number=999),
        own.delete,
    ):
        with payday.scope(), pytest.raises(DatabaseError, match="no draft cannot change"), transaction.atomic():
            change()
    with payday.scope():
        assert drafted.update(number=999) == 1
        assert PostingLine.objects.filter(posting=posting).count() == posting.line_count
        assert PostingLine.objects.filter(posting=draft).count() == draft.line_count


def test_nobody_can_undo_an_approval_by_taking_it_off_the_record(sandbox: dict[str, str]) -> None:
    payday, _, _ = posted(sandbox)

    with payday.scope(), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Approval.objects.all().delete()
    with payday.scope(), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Approval.objects.update(by="Somebody else")

    with payday.scope():
        assert Approval.objects.get().by == "ann"


def test_a_masked_amount_does_not_follow_from_the_hash_of_the_content(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    (posting,) = payday.postings()
    with payday.scope():
        lines = list(PostingLine.objects.filter(posting=posting).order_by("number"))

    def hashed(*salt: object) -> str:
        """With the right guess for every amount."""
        amounts = [[r.account, f"{r.debit.normalize():f}", f"{r.credit.normalize():f}", r.description] for r in lines]
        head = [posting.company, posting.currency, posting.posting_date, posting.description]
        return hashlib.sha256(msgspec.json.encode([1, *salt, *head, amounts])).hexdigest()

    assert hashed() != posting.content_hash
    assert hashed(posting.salt) == posting.content_hash


def test_a_draft_made_anew_keeps_its_salt_so_that_the_same_content_stays_approved(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    (before,) = payday.postings()
    payday.approve(pay_run)

    payday.check_again(pay_run)

    (after,) = payday.postings()
    assert (after.salt, after.content_hash, after.state) == (before.salt, before.content_hash, Posting.State.APPROVED)
    with payday.scope(), pytest.raises(DatabaseError, match="keeps its content"), transaction.atomic():
        Posting.objects.update(salt=pay_run.integration.key)


def test_a_twin_on_the_ledger_is_named_by_the_tie_out(sandbox: dict[str, str]) -> None:
    payday, pay_run, posting = posted(sandbox)
    copy_on_the_ledger(payday)

    with payday.scope():
        run = reconcile_postings(pay_run.pk, payday.story.world)
        tie_out = Reconciliation.objects.latest("pk")

    named = {(one["where"], one["measure"], one["reference"], one["expected"]) for one in tie_out.differences}
    assert run.state == PayRun.State.POSTED
    assert ("posted", "presence", posting.reference, None) in named


def copy_on_the_ledger(payday: Payday) -> None:
    """Somebody copies our journal by hand, reference and all."""
    (journal,) = payday.ours()
    lines = [
        {"accountNumber": line["accountNo"], **{side: line[side] for side in ("debit", "credit") if line.get(side)}}
        for line in journal["lines"]
    ]
    payday.story.plex.change(
        "add_journal",
        description=journal["description"],
        periodDisplay=journal["period"],
        postDate=journal["postDate"],
        lines=lines,
    )


def rejected_beside_posted(payday: Payday, kind: str) -> PayRun:
    """One journal of the run is rejected, the others are approved and posted."""
    with payday.acting("ann"):
        reject(payday.postings(kind=kind, state=Posting.State.DRAFTED), "Not mine", now=payday.story.world.now())
    payday.approve(payday.pay_run())
    return payday.advance(payday.pay_run())


@pytest.mark.parametrize("kind", ["settlement", "month_end_reversal"])
def test_a_run_whose_journals_are_posted_in_part_does_not_tie_out(sandbox: dict[str, str], kind: str) -> None:
    over_a_month_end = {"payroll": PAYROLL | {"first_check_date": "2026-06-12"}}
    payday, pay_run = ready(sandbox, rippling=over_a_month_end)
    with payday.scope():
        AccountRule.objects.filter(item__startswith="net_pay").update(settlement="10120-000-0000")
    change_settings(payday, separate_settlement=True, month_end="calendar_days", accrued_account="21560-000-0000")
    payday.check_again(pay_run)

    run = rejected_beside_posted(payday, kind)

    with payday.scope():
        tie_out = Reconciliation.objects.latest("pk")
    (left_out,) = payday.postings(kind=kind)
    assert run.state == PayRun.State.POSTED
    assert [(one["measure"], one["reference"]) for one in tie_out.differences] == [("rejected", left_out.reference)]


def test_a_run_that_tied_out_so_far_does_not_once_the_rest_of_it_is_rejected(sandbox: dict[str, str]) -> None:
    payday, pay_run = settled_apart(sandbox)
    accrual, settlement = payday.postings(state=Posting.State.DRAFTED)
    with payday.acting("ann"):
        approve([accrual], hashes={accrual.pk: accrual.content_hash}, now=payday.story.world.now())
    assert payday.advance(pay_run).state == PayRun.State.READY

    with payday.acting("ann"):
        reject([settlement], "Paid by hand", now=payday.story.world.now())

    assert payday.postings(pk=accrual.pk)[0].state == Posting.State.RECONCILED
    assert payday.pay_run().state == PayRun.State.POSTED
    with payday.scope():
        assert reconcile_postings(pay_run.pk, payday.story.world).state == PayRun.State.POSTED
        assert not Reconciliation.objects.latest("pk").tied_out


def settled_apart(sandbox: dict[str, str]) -> tuple[Payday, PayRun]:
    """Cost and debt in one journal, the payment in another."""
    payday, pay_run = ready(sandbox)
    with payday.scope():
        AccountRule.objects.filter(item__startswith="net_pay").update(settlement="10120-000-0000")
    change_settings(payday, separate_settlement=True)
    payday.check_again(pay_run)
    return payday, pay_run


def test_once_another_journal_stands_in_for_the_rejected_one_the_run_ties_out(sandbox: dict[str, str]) -> None:
    payday, pay_run = settled_apart(sandbox)
    rejected_beside_posted(payday, "settlement")

    payday.check_again(pay_run)
    payday.approve(payday.pay_run())
    run = payday.advance(payday.pay_run())

    assert run.state == PayRun.State.RECONCILED
    assert "21500-000-0000" not in balances(payday)
