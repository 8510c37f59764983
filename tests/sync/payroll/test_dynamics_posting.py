"""Payroll journals in Dynamics: written in parts, completed after a death, kept from a changed format, held against
what people do to them there, and nobody else's business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from connectors.dynamics.odata import OData
from connectors.models import Connection
from connectors.pay_runs import PayKind
from connectors.registry import open_connector
from sync.execution import advance_postings, reconcile_postings
from sync.models import PayRun, Posting, PostingLine, Reconciliation, Run
from sync.payroll.approval import approve, post_now
from sync.payroll.outcomes import ABSENCE_HOLDS
from tenants.scope import NoTenantScope
from tests.sync.payroll.dynamics_payday import FOUR, DynamicsPayday, open_dynamics_books, ready_dynamics, tell_dynamics
from tests.sync.payroll.payday import drafted
from tests.sync.payroll.test_posting import recovered, swept, the_posting

OTHER_ORDER = ["MainAccount", "CostCenter", "BusinessUnit", "Department"]


def approved(sandbox: dict[str, str], **values: Any) -> tuple[DynamicsPayday, PayRun]:
    """A pay run approved by Ann, and a Dynamics that was asked nothing since."""
    payday, pay_run = ready_dynamics(sandbox, **values)
    payday.approve(pay_run)
    payday.dynamics.forget_requests()
    return payday, pay_run


def posted(sandbox: dict[str, str]) -> tuple[DynamicsPayday, PayRun]:
    """A pay run that is in Dynamics and tied out."""
    payday, pay_run = approved(sandbox)
    done = payday.advance(pay_run)
    assert done.state == PayRun.State.RECONCILED, the_posting(payday).message
    payday.dynamics.forget_requests()
    return payday, done


def writes(payday: DynamicsPayday) -> list[str]:
    """What was asked to be changed in Dynamics, but for questions that have to be posted."""
    return [
        f"{one['method']} {one['path']}"
        for one in payday.dynamics.requests()
        if one["method"] != "GET" and one["path"].startswith(("/data/Ledger", "/data/$batch"))
    ]


def has_exactly_what_was_approved(payday: DynamicsPayday, posting: Posting) -> bool:
    """One journal, balanced in each voucher, with every account as approved."""
    (journal,) = payday.ours()
    assert not any(payday.vouchers(journal).values())
    return payday.booked(journal) == payday.approved(posting) and posting.journal_number == journal["number"]


@contextmanager
def dies_before_batch(number: int) -> Iterator[None]:
    """The worker is gone when it is about to send so many batches."""
    sent, batch = [0], OData.batch

    def send(odata: OData, changesets: Any) -> Any:
        sent[0] += 1
        if sent[0] == number:
            raise KeyboardInterrupt
        return batch(odata, changesets)

    with mock.patch.object(OData, "batch", send), pytest.raises(KeyboardInterrupt):
        yield


def test_a_journal_whose_worker_died_in_the_middle_of_its_lines_is_completed(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    with dies_before_batch(2):
        payday.advance(pay_run)
    (part,) = payday.ours()
    assert part["lines"]
    assert payday.booked(part) != payday.approved(the_posting(payday))

    payday.story.world.ahead += timedelta(minutes=2)
    swept(payday)

    first = the_posting(payday)
    assert first.state == Posting.State.VERIFYING
    assert f"has a part of it as {part['number']}" in first.message
    assert "Nothing has been sent twice." in first.message
    assert first.absent_since is not None
    for posting in recovered(payday):
        if payday.story.world.now() < first.absent_since + ABSENCE_HOLDS:
            assert posting.state == Posting.State.VERIFYING
            assert payday.ours() == [part]
    swept(payday)

    posting = the_posting(payday)
    assert payday.story.world.now() >= first.absent_since + ABSENCE_HOLDS
    assert posting.state == Posting.State.RECONCILED, posting.message
    assert has_exactly_what_was_approved(payday, posting)
    assert payday.ours()[0]["lines"][: len(part["lines"])] == part["lines"], "what was there is not written again"
    assert writes(payday).count("POST /data/LedgerJournalHeaders") == 1
    with payday.scope():
        assert Reconciliation.objects.latest("pk").tied_out


def test_a_worker_that_stood_still_between_its_lines_sends_nothing_more(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    batch = OData.batch
    stood: list[bool] = []

    def send(odata: OData, changesets: Any) -> Any:
        answer = batch(odata, changesets)
        if not stood:
            stood.append(True)
            for _ in range(12):  # the machine stands still, and others go on
                payday.story.world.ahead += timedelta(minutes=1)
                swept(payday)
            assert has_exactly_what_was_approved(payday, the_posting(payday))
        return answer

    with mock.patch.object(OData, "batch", send):
        payday.advance(pay_run)

    posting = the_posting(payday)
    assert posting.state == Posting.State.RECONCILED, posting.message
    assert has_exactly_what_was_approved(payday, posting)


def test_a_changed_format_holds_payroll_until_somebody_has_tested_the_connection(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    payday.dynamics.change("set_format", names=OTHER_ORDER)
    worker = next(iter(payday.story.workers().values()))["id"]
    payday.story.rippling.change(
        "run_payroll",
        check_date="2026-06-12",
        period_start="2026-06-01",
        period_end="2026-06-06",
        type="OFF_CYCLE",
        workers=[worker],
    )

    held = payday.read()
    payday.advance(pay_run)

    posting = the_posting(payday)
    assert held.state == Run.State.HELD
    assert "Dynamics now writes accounts as MainAccount-CostCenter-BusinessUnit-Department" in held.message
    assert held.message.endswith("Nothing was drafted.")
    assert payday.pay_runs() == [pay_run]
    assert posting.state == Posting.State.APPROVED
    assert "Dynamics now writes accounts as" in posting.message
    assert (writes(payday), payday.ours()) == ([], [])

    payday.story.check(payday.story.target)
    with payday.acting("ann"):
        post_now([posting], now=payday.story.world.now())
    done = payday.advance(pay_run)

    assert done.state == PayRun.State.RECONCILED, the_posting(payday).message
    assert has_exactly_what_was_approved(payday, the_posting(payday))
    assert payday.read().state == Run.State.SUCCEEDED
    assert [run.state for run in payday.pay_runs()] == [PayRun.State.RECONCILED, PayRun.State.READY]


def tied_again(payday: DynamicsPayday, pay_run: PayRun) -> Reconciliation:
    """Somebody asks for a tie-out; payroll runs as every night, and whatever is due goes to a worker."""
    with payday.scope():
        reconcile_postings(pay_run.pk, payday.story.world)
    payday.read()
    payday.story.world.ahead += timedelta(hours=1)
    swept(payday)
    with payday.scope():
        return Reconciliation.objects.filter(pay_run=pay_run).latest("pk")


def test_a_journal_somebody_deleted_in_dynamics_is_said_and_not_written_again(sandbox: dict[str, str]) -> None:
    payday, pay_run = posted(sandbox)
    number = the_posting(payday).journal_number
    payday.dynamics.change("delete_journal", number=number)

    tie_out = tied_again(payday, pay_run)

    assert not tie_out.tied_out
    assert "presence" in {one["measure"] for one in tie_out.differences}
    assert the_posting(payday).state == Posting.State.POSTED
    assert (writes(payday), payday.ours()) == ([], [])


def test_a_line_somebody_changed_in_dynamics_is_said_and_not_put_back(sandbox: dict[str, str]) -> None:
    payday, pay_run = posted(sandbox)
    (journal,) = payday.ours()
    line = next(one for one in journal["lines"] if one["account"].startswith("601500"))
    fields = {"DebitAmount": "1.00"}
    payday.dynamics.change("change_line", number=journal["number"], line=line["number"], fields=fields)
    (changed,) = payday.ours()

    tie_out = tied_again(payday, pay_run)

    assert not tie_out.tied_out
    assert the_posting(payday).state == Posting.State.POSTED
    assert (writes(payday), payday.ours()) == ([], [changed])


@pytest.mark.parametrize("fields", [{"CurrencyCode": "EUR"}, {"Company": "GBSI"}, {"TransDate": "2026-05-05"}])
def test_a_journal_in_another_currency_company_or_month_never_ties_out(
    sandbox: dict[str, str], fields: dict[str, str]
) -> None:
    payday, pay_run = approved(sandbox, settings={"lines_per_voucher": "100"})
    payday.advance(pay_run)
    assert the_posting(payday).state == Posting.State.RECONCILED
    (journal,) = payday.ours()
    for line in journal["lines"]:
        payday.dynamics.change("change_line", number=journal["number"], line=line["number"], fields=fields)

    tie_out = tied_again(payday, pay_run)

    assert not tie_out.tied_out
    assert "content" in {one["measure"] for one in tie_out.differences}
    assert the_posting(payday).state == Posting.State.POSTED


def test_a_journal_whose_description_somebody_wrote_anew_ties_out(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox, settings=FOUR)
    payday.advance(pay_run)
    (journal,) = payday.ours()
    fields = {"Description": "Payroll June, approved by the CFO"}
    payday.dynamics.change("change_journal", number=journal["number"], fields=fields)

    tie_out = tied_again(payday, pay_run)

    assert tie_out.differences == []
    assert the_posting(payday).state == Posting.State.RECONCILED


def test_a_journal_whose_lines_went_when_it_was_booked_ties_out_by_its_totals(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox, settings={"journal_name": "DELJRN"})
    payday.advance(pay_run)
    payday.dynamics.change("post_journals")
    (journal,) = payday.ours()
    assert (journal["posted"], journal["lines"]) == (True, [])

    tie_out = tied_again(payday, pay_run)

    assert tie_out.differences == []
    posting = the_posting(payday)
    assert (posting.state, posting.awaits_booking) == (Posting.State.RECONCILED, False)


def test_an_account_that_rules_write_in_two_ways_is_one_account(sandbox: dict[str, str]) -> None:
    payday = open_dynamics_books(sandbox)
    one, other = "601500|Department=022|CostCenter={cost_center}", "601500|CostCenter={cost_center}|Department=022"
    accounts = {
        **payday.accounts,
        PayKind.EMPLOYER_TAX: {"debit": one, "credit": "201200"},
        PayKind.EMPLOYER_CONTRIBUTION: {"debit": other, "credit": "201300"},
    }
    with mock.patch.object(DynamicsPayday, "accounts", accounts):
        pay_run = drafted(payday)
    payday.approve(pay_run)

    assert payday.advance(pay_run).state == PayRun.State.RECONCILED

    with payday.scope():
        assert Reconciliation.objects.latest("pk").differences == []
        written = set(PostingLine.objects.filter(account__contains="Department").values_list("account", flat=True))
    assert written == {f"601500|CostCenter={center}|Department=022" for center in payday.centers}


def test_another_company_sees_and_touches_nothing_of_it(sandbox: dict[str, str]) -> None:
    payday, pay_run = approved(sandbox)
    posting = the_posting(payday)
    stranger = DynamicsPayday(tell_dynamics(sandbox))
    world = stranger.story.world

    with stranger.acting("eve"):
        for kind in (PayRun, Posting, PostingLine):
            assert not kind.objects.exists()
        assert set(Connection.objects.values_list("pk", flat=True)) == {
            stranger.story.source.pk,
            stranger.story.target.pk,
        }
        for attempt in (
            lambda: advance_postings(pay_run.pk, world),
            lambda: reconcile_postings(pay_run.pk, world),
            lambda: approve([posting], hashes={posting.pk: posting.content_hash}, now=world.now()),
            lambda: post_now([posting], now=world.now()),
        ):
            with pytest.raises(PayRun.DoesNotExist):
                attempt()
        with pytest.raises(NoTenantScope):
            open_connector(
                payday.story.target, now=world.now, sleep=world.sleep, random=world.random, correlation_id="eve"
            )
    swept(stranger)

    assert payday.dynamics.requests() == []
    assert (payday.ours(), stranger.journals()) == ([], [])
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    assert stranger.journals() == []
