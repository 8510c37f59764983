"""What was posted stays as it is: it is reversed, posted anew or adjusted, by journals that say what they correct."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting_as
from audit.models import AuditEntry
from sync.models import AccountRule, PayrollSettings, PayRun, Posting, Reconciliation
from sync.payroll.approval import Refusal, reject
from sync.payroll.correcting import adjust, reverse, reverse_and_repost
from sync.payroll.effects import Effect, EffectKind, effect_of
from sync.payroll.ledgers import opened_ledger
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.payroll.payday import Payday, ready

NET = "21500-000-0000"
BONUS = {"kind": "earning", "code": "BON2", "name": "Spot bonus", "amount": "250.00"}
WHY = "A bonus was forgotten"


def posted(sandbox: dict[str, str], **values: Any) -> tuple[Payday, PayRun, Posting]:
    """Acme's pay run on the ledger, tied out."""
    payday, pay_run = ready(sandbox, **values)
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    return payday, payday.pay_run(), payday.postings()[0]


def pay_more(payday: Payday, **line: str) -> None:
    """Payroll changes the run after it was posted: one person gets more, and all of it is paid out."""
    register, worker = payday.register(), payday.story.rippling.snapshot()["workers"][0]
    payday.story.rippling.change("change_record", run=register["id"], worker=worker["id"], extra=[BONUS | line])
    payday.check_again(payday.pay_run())
    payday.write_rules()
    payday.check_again(payday.pay_run())


def effect(payday: Payday) -> Effect:
    pay_run = payday.pay_run()
    with payday.scope(), opened_ledger(pay_run.integration) as target:
        return effect_of(pay_run, target, now=payday.story.world.now())


def correct(payday: Payday, how: Any, reason: str = WHY, **values: Any) -> list[Posting]:
    """Pat asks for it."""
    pay_run = payday.pay_run()
    with payday.acting("pat"), opened_ledger(pay_run.integration) as target:
        drafts: list[Posting] = how(pay_run, reason, target, now=payday.story.world.now(), **values)
    return drafts


def take_back(payday: Payday, posting: Posting, reason: str = WHY, **values: Any) -> Posting:
    with payday.acting("pat"):
        return reverse(posting, reason, now=payday.story.world.now(), **values)


def carry_out(payday: Payday) -> PayRun:
    """Ann approves, a worker posts."""
    payday.approve(payday.pay_run())
    return payday.advance(payday.pay_run())


def balances(payday: Payday) -> dict[str, Decimal]:
    """What our journals leave on accounts in Plex."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in (line for journal in payday.ours() for line in journal["lines"]):
        sums[line["accountNo"]] += Decimal(line.get("debit") or 0) - Decimal(line.get("credit") or 0)
    return {account: amount for account, amount in sums.items() if amount}


def test_nothing_is_to_be_done_while_the_ledger_shows_what_the_run_makes(sandbox: dict[str, str]) -> None:
    payday, _, posting = posted(sandbox)

    found = effect(payday)

    assert found.kind == EffectKind.NOTHING
    assert found.sentence == f"Already posted on {posting.posted_at:%d %b %Y} as journal 2 – nothing to do."
    assert found.accounts
    assert all(row.difference == 0 and row.people == row.people_before for row in found.accounts)
    with pytest.raises(Refusal, match="nothing to do"):
        correct(payday, reverse_and_repost)
    with pytest.raises(Refusal, match="nothing to do"):
        correct(payday, adjust)
    assert len(payday.postings()) == 1


def test_a_reversal_takes_a_journal_back_line_by_line(sandbox: dict[str, str]) -> None:
    payday, pay_run, posting = posted(sandbox)

    draft = take_back(payday, posting, "Booked into the wrong plant")
    with pytest.raises(Refusal, match="Somebody else"):
        payday.approve(pay_run, by="pat")
    assert payday.pay_run().state == PayRun.State.READY
    done = carry_out(payday)

    original, mirror = payday.postings()
    assert balances(payday) == {}
    assert done.state == PayRun.State.REVERSED
    assert (original.state, mirror.state) == (Posting.State.REVERSED, Posting.State.RECONCILED)
    assert (mirror.pk, mirror.reverses_id, mirror.key) == (draft.pk, original.pk, f"reversal:{original.pk}")
    assert mirror.description == f"Reversal of journal 2: {original.description}"
    assert (mirror.cost, mirror.owed, mirror.debit) == (-original.cost, -original.owed, original.debit)
    assert mirror.posting_date == original.posting_date
    with payday.scope():
        assert Reconciliation.objects.latest("pk").tied_out
        told = json.loads(AuditEntry.objects.get(action="journal.reversed").body)
        made = json.loads(AuditEntry.objects.get(action="journal.posted", subject_id=str(mirror.pk)).body)
    assert told["detail"]["voucher"] == mirror.journal_number
    assert made["detail"]["reverses"] == original.reference
    with pytest.raises(Refusal, match="reversed already"):
        take_back(payday, original)
    with pytest.raises(Refusal, match="reversal itself"):
        take_back(payday, mirror)


def test_a_reversal_needs_a_reason_a_journal_on_the_ledger_and_is_prepared_once(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    with pytest.raises(Refusal, match="not known to be on the ledger"):
        take_back(payday, payday.postings()[0])
    payday.approve(pay_run)
    payday.advance(pay_run)
    posting = payday.postings()[0]
    with pytest.raises(Refusal, match="Say why"):
        take_back(payday, posting, " ")

    take_back(payday, posting)

    with pytest.raises(Refusal, match="prepared already"):
        take_back(payday, posting)
    assert effect(payday).kind == EffectKind.BLOCKED
    with pytest.raises(Refusal, match="A correction is prepared already"):
        correct(payday, reverse_and_repost)
    assert len(payday.postings()) == 2


def test_a_run_that_changed_is_reversed_and_posted_anew(sandbox: dict[str, str]) -> None:
    payday, _, first = posted(sandbox)
    before = balances(payday)

    pay_more(payday)
    told = payday.pay_run()
    shown = effect(payday)
    reversal, repost = correct(payday, reverse_and_repost)
    done = carry_out(payday)

    assert told.source_change == PayRun.SourceChange.CHANGED
    assert shown.kind == EffectKind.REVERSE_AND_REPOST
    assert shown.reversed == [first]
    assert "journal 2 would be reversed, and 1 journal posted anew" in shown.sentence
    changed = {row.account: row.difference for row in shown.accounts if row.difference}
    assert sorted(changed.values()) == [-250, 250]
    assert changed[NET] == -250
    assert (repost.key, repost.after_id, repost.why) == (f"{first.key}#1", reversal.pk, WHY)
    assert {a: x for a, x in balances(payday).items() if x != before.get(a)} == {
        account: before.get(account, Decimal(0)) + difference for account, difference in changed.items()
    }
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])
    assert [posting.journal_number for posting in payday.postings()] == ["2", "3", "4"]
    assert done.state == PayRun.State.RECONCILED
    assert done.source_change == PayRun.SourceChange.NONE
    assert effect(payday).kind == EffectKind.NOTHING
    with payday.scope():
        assert AuditEntry.objects.filter(action="pay_run.corrected").count() == 1


def test_what_was_posted_anew_can_be_corrected_again(sandbox: dict[str, str]) -> None:
    payday, _, first = posted(sandbox)
    for code in ("BON2", "BON3"):
        pay_more(payday, code=code, name=f"Bonus {code}")
        correct(payday, reverse_and_repost)
        assert carry_out(payday).state == PayRun.State.RECONCILED

    standing = payday.postings(state=Posting.State.RECONCILED).pop()
    assert standing.key == f"{first.key}#2"
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])


def test_drafting_again_neither_doubles_nor_drops_corrections(sandbox: dict[str, str]) -> None:
    payday, pay_run, _ = posted(sandbox)
    pay_more(payday)
    reversal, repost = correct(payday, reverse_and_repost)
    payday.approve(payday.pay_run())

    payday.check_again(pay_run)
    same = payday.postings()
    pay_more(payday)
    other = payday.postings()

    assert [posting.pk for posting in other] == [posting.pk for posting in same]
    assert [posting.state for posting in same[1:]] == [Posting.State.APPROVED] * 2
    assert [posting.state for posting in other[1:]] == [Posting.State.APPROVED, Posting.State.DRAFTED]
    assert other[1].content_hash == reversal.content_hash
    assert other[2].content_hash != repost.content_hash
    assert carry_out(payday).state == PayRun.State.RECONCILED
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])


def test_what_cannot_be_posted_anew_is_not_taken_back(sandbox: dict[str, str]) -> None:
    payday, pay_run, _ = posted(sandbox)
    pay_more(payday)
    correct(payday, reverse_and_repost)
    payday.approve(payday.pay_run())

    pay_more(payday, code="BON3", name="Bonus of a new kind")
    payday.advance(pay_run)

    assert [posting.state for posting in payday.postings()[1:]] == [Posting.State.SUPERSEDED] * 2
    assert len(payday.ours()) == 1
    assert effect(payday).kind == EffectKind.REVERSE_AND_REPOST


def test_without_its_reversal_nothing_is_posted_anew(sandbox: dict[str, str]) -> None:
    payday, _, first = posted(sandbox)
    pay_more(payday)
    reversal, repost = correct(payday, reverse_and_repost)
    payday.approve(payday.pay_run())

    with payday.acting("ann"):
        reject([reversal], "Not this month", now=payday.story.world.now())
    payday.advance(payday.pay_run())

    states = {posting.pk: posting.state for posting in payday.postings()}
    assert states == {
        first.pk: Posting.State.RECONCILED,
        reversal.pk: Posting.State.REJECTED,
        repost.pk: Posting.State.SUPERSEDED,
    }
    assert len(payday.ours()) == 1
    again = correct(payday, reverse_and_repost)
    assert [posting.key for posting in again] == [reversal.key, repost.key]
    assert again[0].reference != reversal.reference
    assert carry_out(payday).state == PayRun.State.RECONCILED


def test_where_the_period_has_closed_corrections_go_to_the_first_open_day(sandbox: dict[str, str]) -> None:
    payday, pay_run, posting = posted(sandbox)
    for period in ("05-2026", "06-2026"):
        payday.story.plex.change("set_period", period=period, status="Closed")
    pay_more(payday)
    assert payday.findings() == []

    with pytest.raises(Refusal, match="Period 06-2026 is not open"):
        take_back(payday, posting, posting_date=pay_run.check_date)
    with pytest.raises(Refusal, match="before what it corrects"):
        take_back(payday, posting, posting_date=date(2026, 6, 1))
    correct(payday, reverse_and_repost)
    payday.check_again(pay_run)
    done = carry_out(payday)

    assert {posting.posting_date for posting in payday.postings()[1:]} == {date(2026, 7, 1)}
    assert [journal["period"] for journal in payday.ours()] == ["06-2026", "07-2026", "07-2026"]
    assert done.state == PayRun.State.RECONCILED
    assert effect(payday).kind == EffectKind.NOTHING


def test_an_adjustment_posts_the_difference_only(sandbox: dict[str, str]) -> None:
    payday, _, first = posted(sandbox)
    pay_more(payday)

    (draft,) = correct(payday, adjust)
    done = carry_out(payday)

    (_, adjustment) = payday.postings()
    with payday.scope():
        lines = {line.account[:5]: line.debit - line.credit for line in adjustment.lines.all()}
        words = set(adjustment.lines.values_list("description", flat=True))
    assert draft.pk == adjustment.pk
    assert (adjustment.kind, adjustment.adjusts_id) == (Posting.Kind.ADJUSTMENT, first.pk)
    assert {adjustment.cost, adjustment.owed, adjustment.debit} == {Decimal(250)}
    assert lines == {"61000": 250, "21500": -250}
    assert any(word.startswith("Spot bonus") for word in words)
    assert adjustment.description == f"Adjustment of journal 2: {first.description}"
    assert done.state == PayRun.State.RECONCILED
    assert done.source_change == PayRun.SourceChange.NONE
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])
    assert effect(payday).kind == EffectKind.NOTHING


def test_an_adjustment_of_what_has_changed_since_is_not_posted(sandbox: dict[str, str]) -> None:
    payday, pay_run, _ = posted(sandbox)
    pay_more(payday)
    (stale,) = correct(payday, adjust)
    payday.approve(pay_run)

    pay_more(payday, code="BON3", name="Another bonus")
    payday.advance(pay_run)
    assert payday.postings(pk=stale.pk)[0].state == Posting.State.SUPERSEDED
    (draft,) = correct(payday, adjust)
    payday.check_again(pay_run)
    done = carry_out(payday)

    assert draft.debit == 500
    assert len(payday.ours()) == 2
    assert done.state == PayRun.State.RECONCILED

    pay_more(payday, code="BON4", name="A third bonus")
    correct(payday, reverse_and_repost)
    assert carry_out(payday).state == PayRun.State.RECONCILED
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])
    assert effect(payday).kind == EffectKind.NOTHING


def test_accrual_and_settlement_are_adjusted_each_by_its_own(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    with payday.scope():
        PayrollSettings.objects.update(separate_settlement=True)
        AccountRule.objects.filter(item__startswith="net_pay").update(settlement="10120-000-0000")
    payday.check_again(pay_run)
    assert carry_out(payday).state == PayRun.State.RECONCILED

    pay_more(payday)
    drafts = correct(payday, adjust)
    done = carry_out(payday)

    assert [draft.adjusts.kind for draft in drafts if draft.adjusts] == ["accrual", "settlement"]
    assert done.state == PayRun.State.RECONCILED
    assert NET not in balances(payday)
    assert -balances(payday)["10120-000-0000"] == Decimal(payday.register()["net_pay"])


@pytest.mark.parametrize("event", ["voided", "gone"])
def test_a_run_that_payroll_takes_back_after_posting_is_reversed(sandbox: dict[str, str], event: str) -> None:
    payday, _, posting = posted(sandbox)
    payday.story.rippling.change("run_payroll", check_date="2026-07-03", state="DRAFT")
    run = posting.pay_run.source_id
    if event == "voided":
        payday.story.rippling.change("set_run", run=run, state="VOIDED")
    else:
        payday.story.rippling.change("remove_run", run=run)
    payday.read()
    told = payday.pay_runs()[0]
    with payday.scope(), opened_ledger(told.integration) as target:
        shown = effect_of(told, target, now=payday.story.world.now())
    with payday.acting("pat"), opened_ledger(told.integration) as target:
        drafts = reverse_and_repost(told, "Paid to nobody", target, now=payday.story.world.now())
    payday.approve(told)
    done = payday.advance(told)

    assert told.source_change == event
    assert shown.kind == EffectKind.REVERSE
    assert "no longer pays this run: journal 2 would be reversed" in shown.sentence
    assert [draft.kind for draft in drafts] == [Posting.Kind.REVERSAL]
    assert balances(payday) == {}
    assert done.state == PayRun.State.REVERSED
    assert done.source_change == PayRun.SourceChange.NONE


def test_after_a_reversal_the_run_is_drafted_anew_when_a_person_asks(sandbox: dict[str, str]) -> None:
    payday, pay_run, posting = posted(sandbox)
    take_back(payday, posting)
    carry_out(payday)
    payday.check_again(pay_run)
    assert len(payday.postings()) == 2

    assert effect(payday).kind == EffectKind.NEW
    correct(payday, reverse_and_repost)
    done = carry_out(payday)

    assert done.state == PayRun.State.RECONCILED
    assert -balances(payday)[NET] == Decimal(payday.register()["net_pay"])


def test_what_cannot_be_made_anew_says_why(sandbox: dict[str, str]) -> None:
    payday, _, _ = posted(sandbox)
    register, worker = payday.register(), payday.story.rippling.snapshot()["workers"][0]
    payday.story.rippling.change("change_record", run=register["id"], worker=worker["id"], extra=[BONUS])
    payday.check_again(payday.pay_run())

    found = effect(payday)

    assert found.kind == EffectKind.BLOCKED
    assert "Spot bonus has no" in found.sentence
    with pytest.raises(Refusal, match="Choose its accounts"):
        correct(payday, reverse_and_repost)


def test_another_company_cannot_correct_it(sandbox: dict[str, str]) -> None:
    payday, pay_run, posting = posted(sandbox)

    with tenant_scope(make_tenant("Other Corp").id), acting_as("user", "olga"):
        with pytest.raises(PayRun.DoesNotExist):
            reverse(posting, "Mine now", now=payday.story.world.now())
        with pytest.raises(PayRun.DoesNotExist):
            reverse_and_repost(pay_run, "Mine now", None, now=payday.story.world.now())  # type: ignore[arg-type]

    assert len(payday.postings()) == 1
