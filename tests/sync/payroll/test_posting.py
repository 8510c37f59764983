"""Journals on their way while something is in the way: what Plex holds, what we say, what is sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from connectors.models import Connection
from connectors.plex import client as plex_client
from sync.models import Approval, Flow, PayRun, Posting, Reconciliation
from sync.payroll.approval import Refusal, post_now
from sync.payroll.outcomes import ABSENCE_HOLDS
from sync.sweeping import sweep_postings
from tests.sync.payroll.payday import Payday, ready
from tests.sync.story import FastWorld

PATHS = {"connect": "/accounting/v2/journal-entries", "documents": "/api/Journal_Entry"}
ANY_LEDGER = "|".join(PATHS.values())
STATUTORY = "21510-000-0000"


def approved(sandbox: dict[str, str], **values: Any) -> tuple[Payday, PayRun]:
    """A pay run approved by Ann, and a ledger that was asked nothing since."""
    payday, pay_run = ready(sandbox, **values)
    payday.approve(pay_run)
    payday.story.plex.forget_requests()
    return payday, pay_run


def posts(payday: Payday) -> int:
    """Journals that reached Plex, whatever became of them."""
    return sum(r["method"] == "POST" and r["path"] in PATHS.values() for r in payday.story.plex.requests())


def the_posting(payday: Payday) -> Posting:
    (posting,) = payday.postings()
    return posting


def swept(payday: Payday) -> None:
    """The minute's work: whatever is due goes to a worker."""
    with payday.scope():
        due = sweep_postings(now=payday.story.world.now())
    for pay_run in due:
        payday.advance(pay_run)


def recovered(payday: Payday, hours: int = 2) -> Iterator[Posting]:
    """The journal after each minute of the next hours, as long as it is being looked for."""
    for _ in range(hours * 60):
        if the_posting(payday).state != Posting.State.VERIFYING:
            return
        payday.story.world.ahead += timedelta(minutes=1)
        swept(payday)
        yield the_posting(payday)


def test_an_answer_with_other_totals_is_for_a_person(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.change("distort_next_journal", answer={"amount_factor": "2"})

    done = payday.advance(pay_run)
    payday.story.world.ahead += timedelta(days=1)
    swept(payday)

    posting = the_posting(payday)
    (journal,) = payday.ours()
    assert (done.state, posting.state) == (PayRun.State.ATTENTION, Posting.State.ATTENTION)
    assert f"Plex has this journal as {journal['number']}, but its totals are others." in posting.message
    assert str(posting.debit) not in posting.message
    assert posts(payday) == 1


def test_a_ledger_that_keeps_other_totals_than_it_answered_never_ties_out(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.change("distort_next_journal", ledger={"amount_factor": "2"})

    done = payday.advance(pay_run)

    assert (done.state, the_posting(payday).state) == (PayRun.State.POSTED, Posting.State.POSTED)
    with payday.scope():
        tie_out = Reconciliation.objects.get()
    assert not tie_out.tied_out
    assert tie_out.differences


@pytest.mark.parametrize("profile", PATHS)
def test_a_failure_after_the_commit_is_found_and_not_posted_again(sandbox: dict[str, str], profile: str) -> None:
    payday, pay_run = approved(sandbox, profile=profile)
    payday.story.plex.change("fail_after_commit")

    done = payday.advance(pay_run)

    assert done.state == PayRun.State.RECONCILED, the_posting(payday).message
    assert len(payday.ours()) == 1
    assert posts(payday) == 1


def test_a_timeout_that_did_commit_is_found_once_it_shows(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.fault("slow", method="POST", path=ANY_LEDGER, seconds=1)

    with mock.patch.object(plex_client, "READ_TIMEOUT", 0.5):
        payday.advance(pay_run)
    assert the_posting(payday).state == Posting.State.VERIFYING
    assert "Nothing has been sent twice." in the_posting(payday).message
    wait_for_journal(payday)
    for _ in recovered(payday):
        pass

    assert the_posting(payday).state == Posting.State.RECONCILED
    assert len(payday.ours()) == 1
    assert posts(payday) == 1


def wait_for_journal(payday: Payday) -> None:
    """Until the simulator has done the work it was slow with; the test's time limit ends it otherwise."""
    while not payday.ours():
        pass


@pytest.mark.parametrize("profile", PATHS)
def test_what_did_not_arrive_is_posted_again_after_two_absences_five_minutes_apart(
    sandbox: dict[str, str], profile: str
) -> None:
    payday, pay_run = approved(sandbox, profile=profile)
    payday.story.plex.fault("cut", method="POST", path=ANY_LEDGER)

    payday.advance(pay_run)
    first = the_posting(payday)
    assert (first.state, first.looked_up, posts(payday)) == (Posting.State.VERIFYING, 1, 1)
    assert first.absent_since is not None
    for posting in recovered(payday):
        if payday.story.world.now() < first.absent_since + ABSENCE_HOLDS:
            assert (posting.state, posting.absent_since) == (Posting.State.VERIFYING, first.absent_since)
            assert posts(payday) == 1
    swept(payday)

    assert payday.story.world.now() >= first.absent_since + ABSENCE_HOLDS
    assert the_posting(payday).state == Posting.State.RECONCILED
    assert len(payday.ours()) == 1
    assert posts(payday) == 2


def test_an_account_closed_after_the_approval_sends_the_journal_back(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.change("deactivate_account", accountNumber=STATUTORY)

    done = payday.advance(pay_run)

    assert done.state == PayRun.State.HELD
    assert sent_back(payday).code == "ledger_refused"
    assert STATUTORY in sent_back(payday).sentence
    assert payday.ours() == []
    payday.story.plex.change("activate_account", accountNumber=STATUTORY)
    assert mended(payday, pay_run).state == PayRun.State.RECONCILED
    assert len(payday.ours()) == 1


def test_a_period_closed_after_the_approval_sends_the_journal_back_unsent(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.change("set_period", period="06-2026", status="Closed")

    done = payday.advance(pay_run)

    assert done.state == PayRun.State.HELD
    assert sent_back(payday).sentence == "Period 06-2026 is closed in Plex."
    assert sent_back(payday).remedy == "Reopen it in Plex, then check again."
    assert posts(payday) == 0
    payday.story.plex.change("set_period", period="06-2026", status="Open")
    assert mended(payday, pay_run).state == PayRun.State.RECONCILED
    assert len(payday.ours()) == 1


def sent_back(payday: Payday) -> Any:
    """What is wrong with the only journal, which nobody has approved any more."""
    posting = the_posting(payday)
    assert (posting.state, posting.approved_hash) == (Posting.State.DRAFTED, "")
    with payday.scope():
        assert Approval.objects.latest("pk").decision == Approval.Decision.VOIDED
    (finding,) = payday.findings()
    return finding


def mended(payday: Payday, pay_run: PayRun) -> PayRun:
    """Pat checks again, Ann approves again, a worker posts."""
    payday.check_again(pay_run)
    assert payday.findings() == []
    payday.approve(pay_run)
    return payday.advance(pay_run)


def test_a_run_that_changes_after_its_approval_is_not_posted(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    worker = next(iter(payday.story.workers().values()))["id"]
    more = [{"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "12.00"}]
    payday.story.rippling.change("change_record", run=pay_run.source_id, worker=worker, extra=more)

    payday.check_again(pay_run)
    payday.advance(pay_run)

    posting = the_posting(payday)
    assert (posting.state, posting.approved_hash) == (Posting.State.DRAFTED, "")
    assert posting.message == "The journal's content has changed."
    assert posts(payday) == 0


def test_what_is_posted_is_not_posted_again_whoever_asks(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.advance(pay_run)
    posting = the_posting(payday)
    payday.story.plex.forget_requests()

    with payday.acting("ann"), pytest.raises(Refusal) as refused:
        post_now([posting], now=payday.story.world.now())
    payday.advance(pay_run)
    payday.story.world.ahead += timedelta(days=1)
    swept(payday)

    assert posting.posted_at is not None
    on = f"{posting.posted_at:%d %b %Y}"
    assert str(refused.value) == f"Already posted on {on} as journal {posting.journal_number} – nothing to do."
    assert payday.story.plex.requests() == []
    payday.check_again(pay_run)
    payday.advance(pay_run)
    assert posts(payday) == 0
    assert len(payday.ours()) == 1


def test_a_journal_that_is_there_twice_is_for_a_person(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.fault("cut_after", method="POST", path=ANY_LEDGER)
    with mock.patch.object(FastWorld, "sleep", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        payday.advance(pay_run)  # the worker is gone before it looks
    (journal,) = payday.ours()
    lines = [{"accountNumber": line.pop("accountNo"), **entered(line)} for line in journal["lines"]]
    copy = payday.story.plex.change(
        "add_journal",
        description=journal["description"],
        lines=lines,
        periodDisplay=journal["period"],
        postDate=journal["postDate"],
    )

    payday.story.world.ahead += timedelta(minutes=2)
    swept(payday)

    posting = the_posting(payday)
    assert posting.state == Posting.State.ATTENTION
    numbers = f"{journal['number']}, {copy['journalNumber']}"
    assert posting.message == f"Plex has this journal 2 times: {numbers}. Delete all but one there."
    assert posts(payday) == 1


def entered(line: dict[str, str]) -> dict[str, str]:
    return {side: amount for side, amount in line.items() if amount != "0.00"}


def test_nothing_is_sent_while_writing_is_switched_off(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox, writes_enabled=False)
    payday.approve(pay_run)
    payday.story.plex.forget_requests()

    swept(payday)
    payday.advance(pay_run)
    with payday.acting("ann"), pytest.raises(Refusal, match="Writing is switched off"):
        post_now(payday.postings(), now=payday.story.world.now())

    assert the_posting(payday).state == Posting.State.APPROVED
    assert payday.story.plex.requests() == []
    with payday.scope():
        Flow.objects.filter(kind=Flow.Kind.PAYROLL).update(writes_enabled=True)
    swept(payday)
    assert the_posting(payday).state == Posting.State.RECONCILED


def test_nothing_is_sent_while_the_connection_is_paused(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    with payday.scope():
        Connection.objects.filter(pk=payday.story.target.pk).update(state=Connection.State.PAUSED)

    payday.advance(pay_run)

    assert the_posting(payday).state == Posting.State.APPROVED
    assert payday.story.plex.requests() == []
    with payday.scope():
        Connection.objects.filter(pk=payday.story.target.pk).update(state=Connection.State.READY)
    swept(payday)
    assert the_posting(payday).state == Posting.State.RECONCILED


def test_revoked_credentials_leave_the_journal_approved_and_say_so(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.story.plex.change("revoke_key")

    payday.advance(pay_run)

    posting = the_posting(payday)
    with payday.scope():
        connection = Connection.objects.get(pk=payday.story.target.pk)
    assert posting.state == Posting.State.APPROVED
    assert (connection.state, connection.state_reason) == (Connection.State.ATTENTION, posting.message)
    assert "key" in posting.message
    assert posts(payday) == 0


OVERHEAD = {
    "connect": {"fiscal-period-statuses": 1, "tenants": 1, "chart-of-accounts": 1},
    "documents": {"token": 1, "Fiscal_Period": 1, "Tenant": 1, "GL_Account": 1},
}
"""Asked once per connector, however many journals: a token, the periods, whose plant it is, the accounts' ids."""


@pytest.mark.parametrize("profile", PATHS)
def test_a_journal_costs_a_look_up_a_post_and_a_read_back(sandbox: dict[str, str], profile: str) -> None:
    payday, pay_run = approved(sandbox, profile=profile)
    with payday.scope():
        accounts = {line.account for line in the_posting(payday).lines.all()}
    # A journal of those weeks, or a second look proves that journals can be seen at all.
    lines = [{"accountNumber": STATUTORY, "debit": "1"}, {"accountNumber": STATUTORY, "credit": "1"}]
    payday.story.plex.change("add_journal", description="By hand", lines=lines, postDate="2026-06-01T00:00:00Z")
    payday.story.world.ahead += timedelta(hours=2)  # the token that reading had is over

    payday.advance(pay_run)

    asked = [(r["method"], r["path"].removeprefix(PATHS[profile])) for r in payday.story.plex.requests()]
    ours = Counter((method, path.count("/")) for method, path in asked if not path.strip("/").count("/"))
    assert ours == {("GET", 0): 2, ("POST", 0): 1}
    rest = Counter(path.rpartition("/")[2] for _, path in asked if path.strip("/").count("/"))
    activity = "journal-entries" if profile == "connect" else "GL_Activity"
    assert rest == {**OVERHEAD[profile], activity: len(accounts)}


def test_a_worker_that_was_overtaken_while_it_waited_sends_nothing(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    world = payday.story.world
    payday.story.plex.fault("status", method="POST", path=ANY_LEDGER, status_code=429, headers={"Retry-After": "700"})

    def suspended(seconds: float) -> None:
        """The machine stands still instead of waiting, and others post the journal meanwhile."""
        with mock.patch.object(world, "sleep", return_value=None):
            world.ahead += timedelta(minutes=2)
            for _ in range(10):
                world.ahead += timedelta(minutes=1)
                swept(payday)
        assert len(payday.ours()) == 1

    with mock.patch.object(world, "sleep", suspended):
        payday.advance(pay_run)

    assert the_posting(payday).state == Posting.State.RECONCILED
    assert len(payday.ours()) == 1
