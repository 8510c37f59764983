"""The next step of a pay run: one sentence, and one button for whoever looks at it."""

from __future__ import annotations

import msgspec
from django.urls import reverse

from sync.admin.pay_run_page import Content, problems_of
from sync.models import PayRun, Posting
from sync.payroll.approval import why_not_approved, writes_enabled
from tenants.models import Role

_S = PayRun.State


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done now. ``posts``: the button does it at once, others lead to a page."""

    sentence: str
    button: str = ""
    address: str = ""
    posts: bool = False


def next_step(content: Content, role: Role) -> Step:
    """What this person does next with the run; without a button there is nothing for them to do."""
    pay_run = content.pay_run
    if pay_run.source_change:
        return _changed(pay_run, role)
    match pay_run.state:
        case _S.HELD:
            return _held(content, role)
        case _S.READY:
            return _ready(content, role)
        case _S.APPROVED:
            return _approved(content, role)
        case _S.VERIFYING:
            sentence = (
                f"We did not get an answer from {pay_run.integration.target}. We are checking whether the journal was "
                "created. Nothing has been sent twice."
            )
            return _for(role, Role.PREPARER, sentence, _act(pay_run, "Ask now", "verify"))
        case _S.ATTENTION:
            (first, *_) = content.in_state(Posting.State.ATTENTION)
            address = reverse("admin:sync_posting_decide", args=[first.pk])
            sentence = first.message or "A journal needs a decision."
            return _for(role, Role.APPROVER, sentence, Step(sentence="", button="Decide…", address=address))
        case _S.POSTED:
            sentence = "Posted, but not everything ties out: see Reconciliation."
            return _for(role, Role.PREPARER, sentence, _act(pay_run, "Tie out again", "tie_out"))
        case _S.REJECTED:
            said = next((p.message for p in content.pay_run.postings.order_by("-pk") if p.message), "")
            sentence = f"Rejected: {said} Mend it, then check again."
            return _for(role, Role.PREPARER, sentence, _act(pay_run, "Check again", "check_again"))
    return Step(sentence=_QUIET[_S(pay_run.state)].format(source=pay_run.integration.source))


_QUIET = {
    _S.WAITING: "{source} has not finished this pay run. Its journals are made when it has; nothing to do.",
    _S.POSTING: "Its journals are being posted right now. This page shows when they are.",
    _S.RECONCILED: "Posted and tied out to the cent. Nothing to do.",
    _S.EMPTY: "It pays nobody anything, so there is nothing to post.",
    _S.REVERSED: "Everything that was posted is reversed. Nothing to do.",
    _S.VOID: "{source} will never pay this run, and nothing of it was posted. Nothing to do.",
}


def _act(pay_run: PayRun, button: str, name: str) -> Step:
    return Step(sentence="", button=button, address=reverse(f"admin:sync_payrun_{name}", args=[pay_run.pk]), posts=True)


def _for(role: Role, needed: Role, sentence: str, step: Step) -> Step:
    """The step with its sentence, for those who may do it; for others the sentence and who may."""
    if role.covers(needed):
        return msgspec.structs.replace(step, sentence=sentence)
    who = "an approver" if needed is Role.APPROVER else "a preparer"
    return Step(sentence=f"{sentence} This is for {who}.")


def _changed(pay_run: PayRun, role: Role) -> Step:
    sentence = f"{pay_run.get_source_change_display()}. Look at what correcting it would do."
    address = reverse("admin:sync_payrun_correct", args=[pay_run.pk])
    return _for(role, Role.APPROVER, sentence, Step(sentence="", button="Correct…", address=address))


def _held(content: Content, role: Role) -> Step:
    left = [problem for problem in problems_of(content) if problem.finding.accepted_at is None]
    number = "1 problem keeps" if len(left) == 1 else f"{len(left)} problems keep"
    mended = next((problem for problem in left if problem.address), None)
    if mended:
        sentence = f"{number} this run from being posted. {mended.finding.sentence}"
        return _for(
            role, Role.PREPARER, sentence, Step(sentence="", button=f"{mended.remedy}…", address=mended.address)
        )
    sentence = f"{number} this run from being posted. Mend it, then check again."
    return _for(role, Role.PREPARER, sentence, _act(content.pay_run, "Check again", "check_again"))


def _ready(content: Content, role: Role) -> Step:
    drafts = content.in_state(Posting.State.DRAFTED)
    sentence = "Look at the journals and at what changed, then approve."
    # The first journal tells: whoever had a hand in one had a hand in all. The question looks at each.
    if role.covers(Role.APPROVER) and drafts and (refusal := why_not_approved(drafts[0], content.settings)):
        return Step(sentence=refusal)
    address = reverse("admin:sync_payrun_approve", args=[content.pay_run.pk])
    return _for(role, Role.APPROVER, sentence, Step(sentence="", button="Approve…", address=address))


def _approved(content: Content, role: Role) -> Step:
    pay_run = content.pay_run
    if not writes_enabled(pay_run):
        return Step(
            sentence="Approved. Writing is switched off for payroll, so nothing is posted: an administrator can switch "
            "it on where the payroll flow is set up.",
        )
    sentence = "Approved, and waits to be posted."
    if content.settings.post_by_itself:
        sentence = "Approved. It is posted by itself within a minute."
    return _for(role, Role.APPROVER, sentence, _act(pay_run, "Post now", "post_now"))
