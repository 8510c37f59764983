"""What finance does in Dynamics is awaited; what Dynamics would refuse is said before anybody approves it."""

from __future__ import annotations

from datetime import timedelta

from audit.models import AuditEntry
from connectors.models import Connection
from sync.clock import database_now
from sync.models import PayRun, Posting
from sync.sweeping import BOOKED_AGAIN, sweep_postings, tenants_with_work
from tests.sync.payroll.dynamics_payday import DynamicsPayday, ready_dynamics


def swept(payday: DynamicsPayday, after: timedelta) -> bool:
    """Whether the minute's work, so long after now, hands the pay run to a worker."""
    now = database_now() + after
    with payday.scope():
        found = bool(sweep_postings(now=now))
    assert found is (payday.story.tenant.id in tenants_with_work(now=now))
    return found


def the_posting(payday: DynamicsPayday) -> Posting:
    (posting,) = payday.postings()
    return posting


def suspend(payday: DynamicsPayday, answer: str) -> None:
    """Somebody in Dynamics suspends a cost center, or takes that back."""
    fields = {"IsSuspended": answer}
    payday.dynamics.change("change_value", dimension="CostCenter", value="0015", fields=fields)


def test_a_journal_is_asked_for_until_finance_has_posted_it(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready_dynamics(sandbox)
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    posting = the_posting(payday)
    assert posting.awaits_booking
    assert posting.state_words == "Entered and tied out, to be booked there"
    assert not swept(payday, timedelta(hours=1))
    assert swept(payday, BOOKED_AGAIN + timedelta(minutes=1))
    for shut in (Connection.State.PAUSED, Connection.State.ATTENTION):
        with payday.scope():
            Connection.objects.filter(pk=payday.story.target.pk).update(state=shut)
        assert not swept(payday, BOOKED_AGAIN + timedelta(minutes=1))
    with payday.scope():
        Connection.objects.filter(pk=payday.story.target.pk).update(state=Connection.State.READY)

    payday.dynamics.change("post_journals")
    payday.advance(pay_run)

    posting = the_posting(payday)
    assert (posting.awaits_booking, posting.state) == (False, Posting.State.RECONCILED)
    assert posting.state_words == "Posted and tied out"
    with payday.scope():
        assert AuditEntry.objects.filter(action="journal.booked", subject_id=str(posting.pk)).count() == 1
    assert not swept(payday, BOOKED_AGAIN + timedelta(days=1))


def test_a_journal_that_the_customers_service_posts_is_not_awaited(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready_dynamics(sandbox, posted_by="custom_service")
    payday.approve(pay_run)

    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    assert not the_posting(payday).awaits_booking


def test_what_dynamics_would_refuse_holds_the_pay_run_before_approval(sandbox: dict[str, str]) -> None:
    """And once it is mended there, checking again is enough."""
    payday, pay_run = ready_dynamics(sandbox)
    suspend(payday, "Yes")

    payday.check_again(pay_run)

    (finding,) = payday.findings()
    assert finding.sentence.startswith("Dynamics refused the journal: ")
    assert "CostCenter 0015 is suspended in Dynamics for usmf." in finding.sentence
    assert payday.pay_run().state == PayRun.State.HELD
    assert payday.journals() == []

    suspend(payday, "No")
    payday.check_again(pay_run)

    assert payday.findings() == []
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
