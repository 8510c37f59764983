"""What people do with a pay run: each act, who may not, and what is refused in a sentence."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from django.urls import reverse

from sync.models import AccountRule, Approval, Flow, PayFinding, PayrollSettings, PayRun, Posting, Run
from tenants.models import Role
from tests.admin.desk import Desk, desk_with

P, A = Role.PREPARER, Role.APPROVER
NEEDS = {
    "check_again": P,
    "approve": A,
    "reject": A,
    "post_now": A,
    "verify": P,
    "tie_out": P,
    "reveal": A,
    "accept": A,
    "correct": A,
    "evidence": P,
}


@pytest.fixture
def desk(sandbox: dict[str, str]) -> Desk:
    return desk_with(sandbox)


def test_each_act_is_refused_to_whoever_is_not_trusted_with_it(desk: Desk) -> None:
    before = desk.state()
    posting = desk.payday.postings(desk.pay_run)[0]
    for name, least in NEEDS.items():
        address = reverse(f"admin:sync_payrun_{name}", args=[desk.pay_run.pk])
        for role in (Role.VIEWER, P) if least is A else (Role.VIEWER,):
            assert desk.at(role).post(address, {"reason": "x"}).status_code == 403, (name, role)
    for name in ("reverse_it", "decide"):
        assert desk.at(P).post(reverse(f"admin:sync_posting_{name}", args=[posting.pk])).status_code == 403

    assert desk.state() == before
    assert desk.payday.ours() == []


def test_an_approver_approves_what_they_saw_and_it_is_posted(desk: Desk) -> None:
    question = desk.at(A).get(reverse("admin:sync_payrun_approve", args=[desk.pay_run.pk])).content.decode()
    (draft,) = desk.payday.postings(desk.pay_run)
    assert draft.content_hash in question
    assert draft.content_hash[:12] in question

    assert "Approved." in desk.act(A, "approve", reason="Looked at it", **desk.hashes())

    with desk.payday.scope():
        approval = Approval.objects.get()
    assert approval.by == desk.cast.people[A].get_username()
    assert approval.reason == "Looked at it"
    assert desk.payday.advance(desk.pay_run).state == PayRun.State.RECONCILED
    assert len(desk.payday.ours()) == 1


def test_what_changed_since_it_was_looked_at_is_not_approved(desk: Desk) -> None:
    shown = desk.hashes()
    with desk.payday.scope():
        AccountRule.objects.filter(item__startswith="net_pay").update(credit="21510-000-0000")
    desk.payday.check_again(desk.pay_run)

    assert "has changed since you looked at it" in desk.act(A, "approve", **shown)
    assert "has changed since you looked at it" in desk.act(A, "approve")

    assert desk.state() == PayRun.State.READY


def test_who_prepared_it_is_told_that_somebody_else_must_approve(desk: Desk) -> None:
    name = desk.cast.people[A].get_username()
    with desk.payday.scope():
        Posting.objects.update(prepared_keys=[f"user:{name}"])

    assert "Somebody else must approve it" in desk.see(A)
    assert "Approve…" not in desk.see(A)
    assert "Somebody else must approve it" in desk.act(A, "approve", **desk.hashes())


def test_a_rejected_run_says_why_and_is_checked_again(desk: Desk) -> None:
    assert "Say why" in desk.act(A, "reject")
    desk.act(A, "reject", reason="The bonus is on the wrong account.")
    assert desk.state() == PayRun.State.REJECTED
    assert "The bonus is on the wrong account." in desk.see(P)

    shown = desk.act(P, "check_again")

    with desk.payday.scope():
        run = Run.objects.latest("pk")
    assert run.selection == [desk.pay_run.source_id]
    assert run.requested_by == desk.cast.people[P].get_username()
    assert "Hired" not in shown


def test_approved_and_not_posted_by_itself_waits_for_a_person(desk: Desk) -> None:
    with desk.payday.scope():
        PayrollSettings.objects.update(post_by_itself=False)
    desk.act(A, "approve", **desk.hashes())
    desk.payday.advance(desk.pay_run)
    assert desk.payday.ours() == []
    assert "Post now" in desk.see(A)
    assert "Post now" not in desk.see(P)

    desk.act(A, "post_now")
    desk.payday.advance(desk.pay_run)

    assert desk.state() == PayRun.State.RECONCILED
    assert "No journal of this pay run is approved" in desk.act(A, "post_now")


def test_while_writing_is_switched_off_the_page_says_so(desk: Desk) -> None:
    with desk.payday.scope():
        Flow.objects.filter(kind=Flow.Kind.PAYROLL).update(writes_enabled=False)
    desk.act(A, "approve", **desk.hashes())

    assert "Writing is switched off for payroll" in desk.see(A)
    assert "Writing is switched off" in desk.act(A, "post_now")


def test_an_approver_looks_at_single_people_for_a_reason_and_for_a_while(desk: Desk) -> None:
    alone = desk.amounts(people=1)
    assert alone
    assert not alone & _shown(desk.see(A))
    assert "Say why" in desk.act(A, "reveal")
    assert not alone & _shown(desk.see(A))

    desk.act(A, "reveal", reason="Month-end review")

    assert alone <= _shown(desk.see(A))
    assert "That you looked is recorded" in desk.see(A)
    assert "Month-end review" in desk.see(P, "history")
    assert not alone & _shown(desk.see(P)) - desk.amounts(people__gt=1)


def test_a_finding_that_may_be_right_is_accepted_with_a_reason(desk: Desk) -> None:
    with desk.payday.scope():
        finding = PayFinding.objects.create(
            pay_run=desk.pay_run, stage="draft", code="same_period", sentence="Another run.", remedy="Look.",
            found_at=desk.payday.story.world.now(),
        )  # fmt: skip
        PayRun.objects.update(state=PayRun.State.HELD)
    assert "It is right as it is, because" in desk.see(A, "problems")
    assert "It is right as it is, because" not in desk.see(P, "problems")

    assert "Say why this is right" in desk.act(A, "accept", finding=str(finding.pk))
    desk.act(A, "accept", finding=str(finding.pk), reason="The second run pays the night shift.")

    assert desk.state() == PayRun.State.READY
    assert "The second run pays the night shift." in desk.see(P, "problems")


def test_a_run_without_a_rule_leads_to_where_it_is_mended(sandbox: dict[str, str]) -> None:
    desk = desk_with(sandbox)
    with desk.payday.scope():
        AccountRule.objects.filter(item__startswith="net_pay").delete()
    desk.payday.check_again(desk.pay_run)

    shown = desk.see(P, "")

    assert "Needs mapping" in shown
    assert "1 problem keeps this run from being posted" in shown
    assert f"{reverse('admin:sync_accountrule_changelist')}?integration=" in shown
    assert "This is for a preparer" in desk.see(Role.VIEWER, "")


def test_what_is_posted_is_reversed_by_a_draft_somebody_else_approves(desk: Desk) -> None:
    desk.post()
    (posting,) = desk.payday.postings(desk.pay_run)
    address = reverse("admin:sync_posting_reverse_it", args=[posting.pk])
    assert "Say why" in desk.at(A).post(address, {}, follow=True).content.decode()

    shown = desk.at(A).post(address, {"reason": "Paid twice"}, follow=True).content.decode()

    assert f"journal {posting.journal_number}" in shown
    assert len(desk.payday.ours()) == 1
    assert "Somebody else must approve it" in desk.act(A, "approve", **desk.hashes())
    desk.post()
    assert len(desk.payday.ours()) == 2
    assert desk.state() == PayRun.State.REVERSED
    assert "Everything that was posted is reversed" in desk.see(P)


def test_correcting_shows_its_effect_first(desk: Desk) -> None:
    desk.post()
    address = reverse("admin:sync_payrun_correct", args=[desk.pay_run.pk])
    assert "nothing to do" in desk.at(A).get(address).content.decode()
    with desk.payday.scope():
        AccountRule.objects.filter(item__startswith="employee_tax").update(credit="21520-000-0000")

    shown = desk.at(A).get(address).content.decode()
    assert "would be reversed" in shown
    assert desk.payday.postings(desk.pay_run, state=Posting.State.DRAFTED) == []

    refused = desk.at(A).post(address, {"act": "repost"}, follow=True).content.decode()
    assert "Say why" in refused
    odd = desk.at(A).post(address, {"act": "repost", "reason": "x", "posting_date": "soon"}, follow=True)
    assert "is not a date" in odd.content.decode()
    done = desk.at(A).post(address, {"act": "repost", "reason": "Wrong account"}, follow=True).content.decode()

    assert "2 journals are drafted" in done
    kinds = {posting.kind for posting in desk.payday.postings(desk.pay_run, state=Posting.State.DRAFTED)}
    assert kinds == {Posting.Kind.REVERSAL, Posting.Kind.PAYROLL}


def test_what_payroll_did_after_posting_is_told_loudly(desk: Desk) -> None:
    desk.post()
    with desk.payday.scope():
        PayRun.objects.update(source_change="voided", source_changed_at=desk.payday.story.world.now())

    assert "Voided in payroll after posting" in desk.see(P)
    assert 'tone-good">Reconciled' not in desk.see(P)
    assert "Correct…" in desk.see(A)
    board = desk.at(Role.VIEWER).get(reverse("admin:sync_payrun_changelist")).content.decode()
    assert "Voided after posting" in board


def test_a_journal_without_an_answer_is_decided_by_a_person(desk: Desk) -> None:
    desk.payday.approve(desk.pay_run, by="auditor")
    with desk.payday.scope():
        Posting.objects.update(state=Posting.State.ATTENTION, message="The ledger shows another journal.")
        PayRun.objects.update(state=PayRun.State.ATTENTION)
    (posting,) = desk.payday.postings(desk.pay_run)
    address = reverse("admin:sync_posting_decide", args=[posting.pk])
    assert address in desk.see(A)
    assert "It is not on the ledger: post it" in desk.at(A).get(address).content.decode()
    assert "none of" in desk.at(A).post(address, {"option": "", "reason": "x"}, follow=True).content.decode()

    desk.at(A).post(address, {"option": "give_up", "reason": "It was booked by hand"})

    assert desk.payday.postings(desk.pay_run)[0].state == Posting.State.REJECTED


def test_the_evidence_pack_is_a_zip_file(desk: Desk) -> None:
    desk.post()
    answer = desk.at(P).post(reverse("admin:sync_payrun_evidence", args=[desk.pay_run.pk]))
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    answer.close()

    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        assert "manifest.json" in pack.namelist()


def test_the_run_of_a_payroll_flow_speaks_of_pay_runs(desk: Desk) -> None:
    with desk.payday.scope():
        run = Run.objects.filter(flow__kind=Flow.Kind.PAYROLL).latest("pk")
    page = desk.at(P).get(reverse("admin:sync_run_change", args=[run.pk])).content.decode()

    assert "pay run read" in page
    assert "Hired" not in page
    assert "People in this run" not in page


def test_posting_is_switched_on_after_a_question_in_payrolls_words(desk: Desk) -> None:
    with desk.payday.scope():
        flow = Flow.objects.get(kind=Flow.Kind.PAYROLL)
        Flow.objects.filter(pk=flow.pk).update(writes_enabled=False)
    address = reverse("admin:sync_flow_writes_on", args=[flow.pk])
    question = desk.at(Role.ADMINISTRATOR).get(address).content.decode()
    desk.at(Role.ADMINISTRATOR).post(address)

    assert "journals that somebody has approved are posted" in question
    assert "hired" not in question
    with desk.payday.scope():
        assert Flow.objects.get(pk=flow.pk).writes_enabled


def _shown(page: str) -> set[str]:
    return set(re.findall(r"[\d,]+\.\d\d", page))
