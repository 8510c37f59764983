"""What changes after a run was drafted, approved or partly posted: nothing is posted twice, and nothing by halves."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting_as
from connectors.errors import RecordRejectedError
from connectors.rippling.payroll import RestPayroll
from sync.execution import execute_run
from sync.leases import LeaseLost
from sync.models import AccountRule, Integration, PayFinding, PayrollSettings, PayRun, Posting, Run
from sync.payroll import flow
from sync.payroll.account_rules import save_rule
from sync.payroll.approval import Refusal, accept_finding, approve
from sync.payroll.drafting import draft
from sync.replay import release
from sync.runs import request_run
from tests.sync.payroll.payday import Payday, open_books, ready
from tests.sync.payroll.test_reading import GOOD, codes, pay, run_of, workers

WAGES = "21500-000-0000"


@pytest.fixture(autouse=True)
def recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pay runs of June are recent, whatever day it is."""
    monkeypatch.setattr(flow, "LOOK_BACK", timedelta(days=36_500))


def decide(payday: Payday, **values: Any) -> None:
    with payday.scope():
        PayrollSettings.objects.update(**values)


def posted(sandbox: dict[str, str], **values: Any) -> tuple[Payday, PayRun]:
    payday, pay_run = ready(sandbox, **values)
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    return payday, pay_run


def shorter_journals(payday: Payday) -> None:
    with payday.scope():
        payday.story.target.settings["journal_max_lines"] = "4"
        payday.story.target.save()


@pytest.mark.parametrize("what", ["settlement", "parts", "detail"])
def test_another_way_to_book_drafts_nothing_beside_what_is_posted(sandbox: dict[str, str], what: str) -> None:
    payday, pay_run = posted(sandbox)
    match what:
        case "settlement":
            decide(payday, separate_settlement=True)
        case "parts":
            shorter_journals(payday)
        case "detail":
            decide(payday, detail="worker")

    payday.check_again(pay_run)

    assert [posting.state for posting in payday.postings()] == [Posting.State.RECONCILED]
    assert payday.pay_run().state == PayRun.State.RECONCILED


def test_the_other_parts_stay_those_of_the_part_that_is_posted(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    shorter_journals(payday)
    payday.read()
    payday.write_rules()
    payday.read()
    pay_run = payday.pay_run()
    first, *rest = payday.postings()
    with payday.acting("ann"):
        approve([first], hashes={first.pk: first.content_hash}, now=payday.story.world.now())
    payday.advance(pay_run)
    before = Decimal(payday.register()["net_pay"])
    gone = workers(payday)[0]["id"]
    payday.story.rippling.change("change_record", run=pay_run.source_id, worker=gone, remove=True)

    payday.read()

    told = payday.pay_run()
    assert told.source_change == PayRun.SourceChange.CHANGED
    after = payday.postings(told)[1:]
    assert [posting.content_hash for posting in after] == [posting.content_hash for posting in rest]

    payday.approve(told)
    done = payday.advance(told)
    assert -payday.balance(WAGES) == before, "all of one register, none of the other"
    assert done.state == PayRun.State.POSTED, "and it does not tie out with what payroll says now"


def test_every_part_that_comes_back_says_why(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    shorter_journals(payday)
    payday.read()
    payday.write_rules()
    payday.read()
    pay_run = payday.pay_run()
    payday.approve(pay_run)
    payday.story.plex.change("set_period", period="06-2026", status="Closed")

    held = payday.advance(pay_run)

    parts = payday.postings()
    assert len(parts) > 1
    assert {posting.state for posting in parts} == {Posting.State.DRAFTED}
    assert held.state == PayRun.State.HELD
    assert {finding.journal for finding in payday.findings()} == {posting.key for posting in parts}
    assert payday.ours() == []


def test_two_runs_of_one_period_read_together_are_not_both_ready(sandbox: dict[str, str]) -> None:
    payday, first = ready(sandbox)
    period = {"period_start": str(first.period_start), "period_end": str(first.period_end)}
    pay(payday, {workers(payday)[0]["id"]: GOOD}, type="REGULAR", check_date="2026-06-05", **period)
    payday.read()
    payday.write_rules()

    payday.read()

    assert {tuple(codes(payday, run)) for run in payday.pay_runs()} == {("same_period",)}


@pytest.mark.parametrize("how", ["voided", "before the start", "gone"])
def test_what_payroll_has_taken_back_is_not_approved(sandbox: dict[str, str], how: str) -> None:
    payday, pay_run = ready(sandbox)
    drafts = payday.postings()
    match how:
        case "voided":
            with payday.scope():
                PayRun.objects.update(void=True)
        case "before the start":
            decide(payday, start_date=date(2026, 6, 6))
        case "gone":
            payday.story.rippling.change("remove_run", run=pay_run.source_id)
            payday.check_again(pay_run)

    with payday.acting("ann"), pytest.raises(Refusal):
        approve(drafts, hashes={p.pk: p.content_hash for p in drafts}, now=payday.story.world.now())
    payday.advance(pay_run)
    assert payday.ours() == []


def test_what_was_approved_and_is_void_now_does_not_leave(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    with payday.scope():
        PayRun.objects.update(void=True)  # as far as a flow came that died before it withdrew the journals

    payday.advance(pay_run)

    assert [posting.state for posting in payday.postings()] == [Posting.State.APPROVED]
    assert payday.ours() == []


def test_an_old_run_that_was_never_posted_is_read_again(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "LOOK_BACK", timedelta(days=1))
    payday, pay_run = ready(sandbox)
    extra = [{"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "250.00"}]
    payday.story.rippling.change("change_record", run=pay_run.source_id, worker=workers(payday)[0]["id"], extra=extra)

    payday.read()
    payday.approve(pay_run)
    payday.advance(pay_run)

    assert -payday.balance(WAGES) == Decimal(payday.register()["net_pay"])


def test_an_overtaken_worker_drafts_nothing(sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    payday, _ = ready(sandbox)
    before = payday.postings()

    def overtaken(*args: Any, run: Run, **values: Any) -> None:
        Run.objects.filter(pk=run.pk).update(lease_owner="somebody else")
        with pytest.raises(LeaseLost):
            draft(*args, run=run, **values)
        raise LeaseLost

    monkeypatch.setattr(flow, "draft", overtaken)
    decide(payday, detail="worker")
    with payday.scope(), acting_as("user", "pat"):
        asked = request_run(payday.story.flows["payroll"], Run.Kind.FULL, now=payday.story.world.now())
    with payday.scope():
        assert execute_run(asked.pk, payday.story.world) is None

    assert [p.content_hash for p in payday.postings()] == [p.content_hash for p in before]


def test_a_rule_corrected_after_drafting_is_drafted_before_it_is_approved(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    with payday.acting("rita"):
        rule = AccountRule.objects.get(item__startswith="net_pay:")
        save_rule(payday.story.integration, item=rule.item, credit="21550-000-0000", now=payday.story.world.now())

    with pytest.raises(Refusal, match="Check again"):
        payday.approve(pay_run)

    payday.check_again(pay_run)
    payday.approve(pay_run)
    payday.advance(pay_run)
    assert payday.balance(WAGES) == 0


def test_a_change_is_told_although_the_worker_dies_right_after_keeping_it(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    payday, pay_run = posted(sandbox)
    extra = [{"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "12.00"}]
    payday.story.rippling.change("change_record", run=pay_run.source_id, worker=workers(payday)[0]["id"], extra=extra)
    monkeypatch.setattr(flow, "draft", lambda *_, **__: (_ for _ in ()).throw(SystemExit))

    with pytest.raises(SystemExit):
        payday.read()

    assert payday.pay_run().source_change == PayRun.SourceChange.CHANGED


def test_a_check_date_that_moves_after_posting_is_told(sandbox: dict[str, str]) -> None:
    payday, pay_run = posted(sandbox)
    payday.story.rippling.change("set_run", run=pay_run.source_id, check_date="2026-07-03")

    payday.read()

    assert payday.pay_run().source_change == PayRun.SourceChange.CHANGED


def test_one_run_that_cannot_be_read_does_not_stop_the_others(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    payday, pay_run = ready(sandbox)
    broken = pay(payday, {workers(payday)[0]["id"]: GOOD}, check_date="2026-06-01")
    real = RestPayroll.pay_pages

    def pages(self: Any, header: Any) -> Any:
        if header.id == broken:
            raise RecordRejectedError("Rippling no longer has this pay run.")
        return real(self, header)

    monkeypatch.setattr(RestPayroll, "pay_pages", pages)

    run = payday.read()

    assert run.state == Run.State.PARTLY_FAILED
    held = run_of(payday, broken)
    assert (held.state, codes(payday, held)) == (PayRun.State.HELD, ["unreadable_pay"])
    assert run_of(payday, pay_run.source_id).state == PayRun.State.READY


def test_an_acceptance_is_for_the_person_it_was_given_for(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    one, two = (worker["id"] for worker in workers(payday)[:2])
    back = [GOOD[0], {**GOOD[1], "amount": "-20.00"}]
    run_id = pay(payday, {one: back, two: GOOD})
    payday.read()
    payday.write_rules()
    payday.check_again(run_of(payday, run_id))
    with payday.acting("ann"):
        accept_finding(payday.findings(run_of(payday, run_id))[0], "Refund", now=payday.story.world.now())
    payday.story.rippling.change("change_record", run=run_id, worker=one, lines=GOOD)
    payday.story.rippling.change("change_record", run=run_id, worker=two, lines=back)

    payday.check_again(run_of(payday, run_id))

    with payday.scope():
        assert PayFinding.objects.get(pay_run__source_id=run_id).accepted_at is None


def test_many_runs_that_vanish_at_once_are_asked_about(sandbox: dict[str, str]) -> None:
    runs = {"runs": 5, "frequency": "BIWEEKLY", "first_check_date": "2026-06-05", "route": "v2"}
    payday, _ = ready(sandbox, rippling={"payroll": runs})
    for pay_run in payday.pay_runs()[1:]:
        payday.story.rippling.change("remove_run", run=pay_run.source_id)

    held = payday.read()

    assert held.state == Run.State.HELD
    assert "4 pay runs" in held.message
    assert not any(pay_run.void for pay_run in payday.pay_runs())

    with payday.acting("ann"):
        again = release(held, now=payday.story.world.now())
    with payday.scope():
        execute_run(again.pk, payday.story.world)
    assert sum(pay_run.void for pay_run in payday.pay_runs()) == 4


def test_what_another_integration_has_posted_is_not_posted_again(sandbox: dict[str, str]) -> None:
    payday, pay_run = posted(sandbox)
    with payday.scope():
        source, target = payday.story.source, payday.story.target
        source.pk = target.pk = None
        source.webhook_key, target.webhook_key = uuid.uuid4(), uuid.uuid4()
        source.name, target.name = "Rippling, anew", "Plex, anew"
        source.save()
        target.save()
        PayRun.objects.filter(pk=pay_run.pk).update(
            integration=Integration.objects.create(name="Before", source=source, target=target)
        )
        Integration.objects.filter(pk=payday.story.integration.pk).update(key=uuid.uuid4())

    payday.read()

    (twin,) = [run for run in payday.pay_runs() if run.pk != pay_run.pk]
    assert (twin.state, codes(payday, twin)) == (PayRun.State.HELD, ["already_posted"])
