"""Where the ledger's answers do not tell what became of a journal, a person does; it is looked up all the same."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audit.context import acting_as
from audit.models import AuditEntry
from sync.models import PayRun, Posting
from sync.payroll.approval import Refusal
from sync.payroll.deciding import decide
from sync.payroll.outcomes import ABSENCE_HOLDS
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.payroll.payday import Payday, ready
from tests.sync.payroll.test_posting import ANY_LEDGER


def decided(payday: Payday, decision: str, reason: str = "Looked at it in the ledger", by: str = "ann") -> Posting:
    (posting,) = payday.postings()
    with payday.acting(by):
        return decide(posting, decision, reason, now=payday.story.world.now())


def needing_a_person(sandbox: dict[str, str], **distortion: str) -> tuple[Payday, PayRun]:
    """What the ledger kept is not what was sent."""
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    payday.story.plex.change("distort_next_journal", ledger=distortion, answer=distortion)
    assert payday.advance(pay_run).state == PayRun.State.ATTENTION
    return payday, pay_run


def unanswered(sandbox: dict[str, str]) -> tuple[Payday, PayRun]:
    """The ledger does not show a journal whose answer was lost on the way."""
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    payday.story.plex.fault("cut", method="POST", path=ANY_LEDGER, times=1)
    assert payday.advance(pay_run).state == PayRun.State.VERIFYING
    payday.story.plex.heal()
    return payday, pay_run


def wait_for_a_slow_ledger(payday: Payday) -> None:
    """Until what was sent is there, or never will be."""
    payday.story.world.ahead += ABSENCE_HOLDS


def put_right(payday: Payday, **fields: str) -> None:
    """The accountant corrects our journal in the ledger by hand."""
    (journal,) = payday.ours()
    (posting,) = payday.postings()
    with payday.scope():
        lines = [
            {"accountNumber": line.account, "debit": str(line.debit), "credit": str(line.credit)}
            for line in posting.lines.all()
        ]
    payday.story.plex.change("change_journal", id=journal["id"], lines=lines, fields=fields)


def test_what_was_put_right_on_the_ledger_is_posted_when_checked_again(sandbox: dict[str, str]) -> None:
    payday, pay_run = needing_a_person(sandbox, lines="swap_sides")
    decided(payday, "check_again", "")
    assert payday.advance(pay_run).state == PayRun.State.ATTENTION

    put_right(payday)
    decided(payday, "check_again")
    done = payday.advance(pay_run)

    (posting,) = payday.postings()
    assert done.state == PayRun.State.RECONCILED
    assert posting.journal_number == str(payday.ours()[0]["number"])
    assert len(payday.ours()) == 1
    with payday.scope():
        entries = AuditEntry.objects.filter(action="journal.decided").order_by("seq")
        told = [json.loads(entry.body) for entry in entries]
    assert [entry["detail"]["decision"] for entry in told] == ["check_again"] * 2
    assert told[-1]["why"] == "Looked at it in the ledger"


def test_a_journal_that_lost_our_reference_is_found_by_the_ledgers_own_id(sandbox: dict[str, str]) -> None:
    payday, pay_run = needing_a_person(sandbox, lines="swap_sides")
    put_right(payday, description="Payroll, corrected by hand", note="")
    decided(payday, "check_again")

    payday.advance(pay_run)

    (posting,) = payday.postings()
    assert posting.state in (Posting.State.POSTED, Posting.State.RECONCILED)
    assert len(payday.journals()) == 2  # the scrap sale, and ours


def test_a_person_says_that_it_is_not_there_and_it_is_posted_once(sandbox: dict[str, str]) -> None:
    payday, pay_run = unanswered(sandbox)
    assert payday.ours() == []
    with pytest.raises(Refusal, match="a slow ledger may still take it"):
        decided(payday, "post_again")
    assert payday.postings()[0].state == Posting.State.VERIFYING

    wait_for_a_slow_ledger(payday)
    decided(payday, "post_again")
    done = payday.advance(pay_run)

    assert done.state == PayRun.State.RECONCILED
    assert len(payday.ours()) == 1


def test_a_person_who_is_wrong_about_it_does_not_post_it_twice(sandbox: dict[str, str]) -> None:
    payday, pay_run = needing_a_person(sandbox, lines="swap_sides")
    put_right(payday, description="Payroll, corrected by hand", note="")
    wait_for_a_slow_ledger(payday)

    decided(payday, "post_again", "I did not find it")
    payday.advance(pay_run)

    assert len(payday.journals()) == 2
    assert payday.postings()[0].state in (Posting.State.POSTED, Posting.State.RECONCILED)


def test_what_is_given_up_is_rejected_and_never_posted(sandbox: dict[str, str]) -> None:
    payday, pay_run = unanswered(sandbox)
    with pytest.raises(Refusal, match="Say how you know"):
        decided(payday, "give_up", " ")
    with pytest.raises(Refusal, match="a slow ledger may still take it"):
        decided(payday, "give_up")

    wait_for_a_slow_ledger(payday)
    decided(payday, "give_up", "Booked by hand")
    payday.story.world.sleep(timedelta(hours=2).total_seconds())
    done = payday.advance(pay_run)

    assert done.state == PayRun.State.REJECTED
    assert payday.ours() == []
    with pytest.raises(Refusal, match="nothing to decide"):
        decided(payday, "post_again")


def test_what_the_ledger_has_cannot_be_given_up_before_it_was_deleted_there(sandbox: dict[str, str]) -> None:
    payday, pay_run = needing_a_person(sandbox, lines="swap_sides")
    wait_for_a_slow_ledger(payday)
    (there,) = payday.ours()
    with pytest.raises(Refusal, match=f"The ledger has it as journal {there['number']}"):
        decided(payday, "give_up")
    assert payday.advance(pay_run).state == PayRun.State.ATTENTION

    payday.story.plex.change("delete_journal", id=there["id"])
    decided(payday, "check_again")
    payday.advance(pay_run)
    decided(payday, "give_up")

    assert payday.pay_run().state == PayRun.State.REJECTED
    assert payday.ours() == []


def test_what_was_given_up_and_is_there_after_all_is_not_booked_again(sandbox: dict[str, str]) -> None:
    payday, pay_run = unanswered(sandbox)
    (given_up,) = payday.postings()
    wait_for_a_slow_ledger(payday)
    decided(payday, "give_up")
    late = arrives_late(payday, given_up)

    payday.check_again(pay_run)
    payday.approve(pay_run)
    done = payday.advance(pay_run)

    posting = payday.postings()[-1]
    assert (done.state, posting.state) == (PayRun.State.ATTENTION, Posting.State.ATTENTION)
    assert f"Plex has journal {late}, which was given up here as {given_up.reference}" in posting.message
    assert len(payday.ours()) == 1
    payday.story.plex.change("delete_journal", id=payday.ours()[0]["id"])
    wait_for_a_slow_ledger(payday)
    assert posting.pk == decide_last(payday, "post_again").pk
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    assert len(payday.ours()) == 1


def arrives_late(payday: Payday, posting: Posting) -> str:
    """The ledger takes a journal whose request was cut off long ago; returns its number."""
    with payday.scope():
        sides = [(line.account, {"debit": line.debit, "credit": line.credit}) for line in posting.lines.all()]
    lines = [
        {"accountNumber": account, **{side: str(amount) for side, amount in own.items() if amount}}
        for account, own in sides
    ]
    arrived = payday.story.plex.change(
        "add_journal",
        description=f"{posting.description} {posting.reference}",
        postDate=f"{posting.posting_date}T00:00:00Z",
        lines=lines,
    )
    return str(arrived["journalNumber"])


def decide_last(payday: Payday, decision: str) -> Posting:
    with payday.acting("ann"):
        return decide(payday.postings()[-1], decision, "Deleted there", now=payday.story.world.now())


def test_only_a_person_decides_and_not_while_a_worker_asks(sandbox: dict[str, str]) -> None:
    payday, _ = unanswered(sandbox)
    wait_for_a_slow_ledger(payday)
    (posting,) = payday.postings()
    now = payday.story.world.now()
    with (
        payday.scope(),
        acting_as("system", "Worker"),
        pytest.raises(Refusal, match="Only a person"),
    ):
        decide(posting, "post_again", "Sure", now=now)
    with payday.scope():
        Posting.objects.filter(pk=posting.pk).update(heartbeat_at=now, lease_owner="somebody")

    with pytest.raises(Refusal, match="being asked"):
        decided(payday, "post_again")


def test_another_company_decides_nothing(sandbox: dict[str, str]) -> None:
    payday, _ = unanswered(sandbox)
    (posting,) = payday.postings()

    with tenant_scope(make_tenant("Other Corp").id), acting_as("user", "olga"), pytest.raises(ValueError, match="not"):
        decide(posting, "give_up", "Mine now", now=payday.story.world.now())

    assert payday.postings()[0].state == Posting.State.VERIFYING
