"""What people do in Dynamics beside us: a journal deleted there, and one there in part that nobody may give up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sync.models import Posting, Reconciliation
from sync.payroll.approval import Refusal, reject
from sync.payroll.correcting import reverse, reverse_and_repost
from sync.payroll.deciding import decide
from sync.payroll.ledgers import opened_ledger
from sync.payroll.outcomes import ABSENCE_HOLDS
from tests.sync.payroll.dynamics_payday import DynamicsPayday
from tests.sync.payroll.test_dynamics_posting import approved, dies_before_batch, has_exactly_what_was_approved, posted
from tests.sync.payroll.test_posting import swept, the_posting


def reversal_of(payday: DynamicsPayday, posting: Posting) -> Posting:
    (found,) = payday.postings(reverses=posting)
    return found


def take_back(payday: DynamicsPayday, posting: Posting) -> Posting:
    """Pat prepares the reversal, Ann approves it, a worker takes it in hand."""
    with payday.acting("pat"):
        reverse(posting, "It is gone there.", now=payday.story.world.now())
    payday.approve(posting.pay_run)
    payday.advance(posting.pay_run)
    return reversal_of(payday, posting)


def test_what_was_deleted_there_is_not_taken_back_but_posted_anew(sandbox: dict[str, str]) -> None:
    payday, pay_run = posted(sandbox)
    posting = the_posting(payday)
    payday.dynamics.change("delete_journal", number=posting.journal_number)

    reversal = take_back(payday, posting)
    assert reversal.state == Posting.State.APPROVED
    assert f"Dynamics no longer has journal {posting.journal_number}" in reversal.message
    payday.story.world.ahead += ABSENCE_HOLDS + timedelta(seconds=1)
    swept(payday)

    assert reversal_of(payday, posting).state == Posting.State.SUPERSEDED
    (posting,) = payday.postings(reverses=None)
    assert (posting.state, posting.deleted_there) == (Posting.State.REVERSED, True)
    assert payday.journals() == []
    with payday.acting("pat"), opened_ledger(pay_run.integration) as target:
        (anew,) = reverse_and_repost(pay_run, "Post it anew.", target, now=payday.story.world.now())
    payday.approve(pay_run)
    payday.advance(pay_run)
    (anew,) = payday.postings(pk=anew.pk)
    assert anew.state == Posting.State.RECONCILED, anew.message
    assert has_exactly_what_was_approved(payday, anew)
    with payday.scope():
        assert Reconciliation.objects.latest("pk").tied_out


def test_a_journal_that_only_seems_deleted_is_taken_back_after_all(sandbox: dict[str, str]) -> None:
    payday, _ = posted(sandbox)
    posting = the_posting(payday)
    (journal,) = payday.ours()
    plain = {"Description": "hidden"}
    payday.dynamics.change("change_journal", number=journal["number"], fields=plain | {"JournalName": "OTHER"})
    payday.dynamics.change("change_journal", number=journal["number"], fields={"JournalName": "PAYJRN"})

    reversal = take_back(payday, posting)

    assert reversal.state in Posting.ON_LEDGER, reversal.message
    (posting,) = payday.postings(reverses=None)
    assert (posting.state, posting.deleted_there) == (Posting.State.REVERSED, False)


def test_a_journal_there_in_part_is_neither_given_up_nor_rejected(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    with dies_before_batch(2):
        payday.advance(pay_run)
    payday.story.world.ahead += timedelta(minutes=2)
    swept(payday)
    posting = the_posting(payday)
    assert posting.part_since is not None
    payday.story.world.ahead += ABSENCE_HOLDS

    now = payday.story.world.now()
    with payday.acting("ann"):
        for decision in ("give_up", "post_again"):
            with pytest.raises(Refusal, match=f"has a part of it as journal {posting.journal_number}"):
                decide(posting, decision, "Not wanted.", now=now)
        with pytest.raises(Refusal):
            reject([posting], "Not wanted.", now=now)

    payday.dynamics.change("delete_journal", number=posting.journal_number)
    with payday.acting("ann"):
        decide(posting, "check_again", "", now=now)
    payday.advance(pay_run)
    assert the_posting(payday).part_since is None
    with payday.acting("ann"):
        decide(posting, "give_up", "Not wanted, and deleted there.", now=payday.story.world.now() + ABSENCE_HOLDS)
    assert the_posting(payday).state == Posting.State.REJECTED
    assert payday.journals() == []


def test_why_the_rest_cannot_be_written_is_told_here_and_on_the_connection(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    forbidden: dict[str, Any] = {
        "kind": "status",
        "status_code": 403,
        "body": {"error": {"message": "no"}},
        "times": None,
    }
    payday.dynamics.fault(**forbidden, method="POST", path=r"/data/\$batch")

    payday.advance(pay_run)

    posting = the_posting(payday)
    assert posting.state == Posting.State.VERIFYING
    assert posting.trouble
    assert posting.trouble in posting.message
    with payday.scope():
        target = pay_run.integration.target
        target.refresh_from_db()
    assert target.state == target.State.ATTENTION, posting.message
