"""Who agrees to what: journals are approved or rejected by people, bound to exactly what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import models, transaction
from django.db.models import Q

from audit.context import current_actor
from connectors.records import RefKind
from sync.models import AccountRule, Approval, Flow, Mapping, PaidLine, PayFinding, PayrollSettings, PayRun, Posting
from sync.payroll.drafting import supersede_followers
from sync.payroll.findings import ACCEPTABLE, FindingCode
from sync.payroll.states import open_findings, refresh_state
from sync.payroll.trail import record_journal, record_pay_run
from sync.queue import enqueue_postings

HUMAN = ("user", "api_key")


class Refusal(Exception):
    """Why an act on a journal cannot be done. ``str()`` is the sentence for staff: cause and remedy."""


def approve(postings: Sequence[Posting], *, hashes: dict[int, str], now: datetime, reason: str = "") -> list[Posting]:
    """The acting person agrees to these drafts of one pay run, as they saw them; returns those now fully approved.

    ``hashes`` gives for each posting's id the content hash the person was shown. Where the tenant posts by itself and
    writing is switched on, posting starts. All or nothing. Raises Refusal: something is wrong with the run, a content
    has changed, the person prepared it or approved it before, a person must act.
    """
    actor = current_actor()
    with transaction.atomic():
        pay_run, settings = _locked_run(postings)
        locked = _locked(postings)
        if open_findings(pay_run) and any(posting.kind != Posting.Kind.REVERSAL for posting in locked):
            # What is on the ledger can be taken back whatever is wrong with the run now.
            raise Refusal("This pay run has problems. Mend them and check again, then approve.")
        if refusal := why_not_posted(pay_run, settings, locked):
            raise Refusal(refusal)
        if actor.kind not in HUMAN:
            raise Refusal("Only a person, or a key a person made, can approve a journal.")
        done = []
        for posting in locked:
            _check(posting, hashes.get(posting.pk, ""), settings)
            _record_approval(posting, Approval.Decision.APPROVED, reason, now)
            if _approvers(posting) >= needed(posting, settings):
                posting.state, posting.message = Posting.State.APPROVED, ""
                posting.approved_hash, posting.approved_at = posting.content_hash, now
                posting.next_try_at = now if settings.post_by_itself else None
                posting.save(update_fields=["state", "message", "approved_hash", "approved_at", "next_try_at"])
                done.append(posting)
        refresh_state(pay_run)
        if done and settings.post_by_itself and writes_enabled(pay_run):
            enqueue_postings(pay_run)
    return done


def reject(postings: Sequence[Posting], reason: str, *, now: datetime) -> None:
    """Afterwards these journals, and what was to follow them, will not be posted as they are. Raises Refusal when one
    has left already, or the reason is missing."""
    if not reason.strip():
        raise Refusal("Say why, so that whoever prepared it can mend it.")
    with transaction.atomic():
        pay_run, _ = _locked_run(postings)
        locked = _locked(postings)
        for posting in locked:
            if posting.state not in (Posting.State.DRAFTED, Posting.State.APPROVED):
                raise Refusal(f"{posting} is {posting.get_state_display().lower()} and cannot be rejected.")
            _record_approval(posting, Approval.Decision.REJECTED, reason, now)
            posting.state, posting.message, posting.next_try_at = Posting.State.REJECTED, reason[:500], None
            posting.save(update_fields=["state", "message", "next_try_at"])
        for posting in locked:
            supersede_followers(posting, now=now)
        refresh_state(pay_run)


def accept_finding(finding: PayFinding, reason: str, *, now: datetime) -> None:
    """A person says that this is right as it is. Raises Refusal for what must be mended, or without a reason."""
    if finding.code not in ACCEPTABLE:
        raise Refusal("This must be mended; it cannot be accepted.")
    if not reason.strip():
        raise Refusal("Say why this is right, so that a reviewer can follow.")
    with transaction.atomic():
        pay_run = (
            PayRun.objects.select_for_update(of=("self",))
            .select_related("integration__source", "integration__target")
            .get(pk=finding.pay_run_id)
        )
        accepted = PayFinding.objects.filter(pk=finding.pk, accepted_at=None).update(
            accepted_by=current_actor().label, accepted_why=reason[:500], accepted_at=now
        )
        if accepted:
            code = FindingCode(finding.code).value
            record_pay_run("pay_run.problem_accepted", pay_run, now=now, why=reason, cause=code)
        refresh_state(pay_run)


def post_now(postings: Sequence[Posting], *, now: datetime) -> None:
    """Afterwards these approved journals are on their way. Raises Refusal: already posted, not approved, writing is
    switched off."""
    with transaction.atomic():
        pay_run, settings = _locked_run(postings)
        if not writes_enabled(pay_run):
            raise Refusal(f"Writing is switched off for the payroll of {pay_run.integration}. Switch it on first.")
        for posting in _locked(postings):
            if posting.state in Posting.ON_LEDGER:
                raise Refusal(already_posted(posting))
            if posting.state in (Posting.State.POSTING, Posting.State.VERIFYING):
                raise Refusal("It is on its way already. Nothing is sent twice.")
            if posting.state != Posting.State.APPROVED:
                raise Refusal(f"{posting} is {posting.get_state_display().lower()}: it must be approved first.")
            if refusal := why_not_posted(pay_run, settings, [posting]):
                raise Refusal(refusal)
            posting.next_try_at = now
            posting.save(update_fields=["next_try_at"])
            record_journal("journal.requested", posting, now=now)
        enqueue_postings(pay_run)


def already_posted(posting: Posting) -> str:
    """ "Already posted on 3 Oct 2026 as journal 1042 - nothing to do." """
    when = f" on {posting.posted_at:%d %b %Y}" if posting.posted_at else ""
    return f"Already posted{when} as journal {posting.journal_number or posting.vendor_id} – nothing to do."


def needed(posting: Posting, settings: PayrollSettings) -> int:
    """How many people must approve it: all of its kind in the run counts together, however many parts it comes in."""
    if settings.second_approver_above is None:
        return 1
    together = Posting.objects.filter(
        pay_run=posting.pay_run_id, kind=posting.kind, company=posting.company, currency=posting.currency
    ).exclude(state__in=[Posting.State.SUPERSEDED, Posting.State.REVERSED])
    latest = dict(together.order_by("revision").values_list("key", "debit"))
    return 2 if sum(latest.values()) > settings.second_approver_above else 1


def why_not_approved(posting: Posting, settings: PayrollSettings) -> str:
    """Why the acting person cannot approve this draft, as a sentence; empty when they can."""
    actor = current_actor()
    if posting.state != Posting.State.DRAFTED:
        return f"{posting} is {posting.get_state_display().lower()}."
    if settings.two_people and actor.identity in posting.prepared_keys:
        return "You prepared this journal, or changed a rule or mapping it rests on. Somebody else must approve it."
    if _current(posting).filter(by_key=actor.identity).exists():
        return "You have approved it already. Above this amount a second person must approve it too."
    return ""


def why_not_posted(pay_run: PayRun, settings: PayrollSettings, postings: Sequence[Posting]) -> str:
    """Why these journals must not go on as they are, as a sentence; empty when they may. What is on the ledger can be
    taken back whatever has become of the run."""
    if all(posting.kind == Posting.Kind.REVERSAL for posting in postings):
        return ""
    if not is_wanted(pay_run, settings):
        return "Payroll no longer calls this pay run finished, or it is before the start date. It is not posted."
    if _decided_since(pay_run, settings, postings):
        return "Rules, mappings or settings have changed since it was drafted. Check again, then approve."
    return ""


def is_wanted(pay_run: PayRun, settings: PayrollSettings) -> bool:
    """True while payroll calls the run finished, and the tenant wants runs of its date."""
    return pay_run.finished and not pay_run.void and (settings.start_date or date.max) <= pay_run.check_date


def _decided_since(pay_run: PayRun, settings: PayrollSettings, postings: Sequence[Posting]) -> bool:
    """True when a rule, a mapping or a setting that decides them was changed after these journals were last made."""
    drafted = max(pay_run.drafted_at or pay_run.found_at, min(posting.prepared_at for posting in postings))
    paid = PaidLine.objects.filter(pay_run=pay_run)
    rules = AccountRule.objects.filter(
        integration=pay_run.integration_id, item__in=paid.values("item"), changed_at__gt=drafted
    )
    mappings = Mapping.objects.filter(integration=pay_run.integration_id, confirmed_at__gt=drafted).filter(
        Q(kind=RefKind.COST_CENTER, source_key__in=paid.values(settings.cost_center_from))
        | Q(kind=RefKind.COMPANY, source_key__in=paid.values("company"))
    )
    return rules.exists() or mappings.exists() or (settings.changed_at is not None and settings.changed_at > drafted)


def writes_enabled(pay_run: PayRun) -> bool:
    """True when the payroll flow may write to the ledger."""
    return Flow.objects.filter(
        integration=pay_run.integration_id, kind=Flow.Kind.PAYROLL, writes_enabled=True, paused=False
    ).exists()


def _check(posting: Posting, shown_hash: str, settings: PayrollSettings) -> None:
    if refusal := why_not_approved(posting, settings):
        raise Refusal(refusal)
    if shown_hash != posting.content_hash:
        raise Refusal("The journal has changed since you looked at it. Look at it again, then approve.")


def _current(posting: Posting) -> models.QuerySet[Approval]:
    """Approvals of the content as it is, since the last time they were voided."""
    voided = Approval.objects.filter(posting=posting, decision=Approval.Decision.VOIDED).order_by("-pk").first()
    return Approval.objects.filter(
        posting=posting,
        decision=Approval.Decision.APPROVED,
        content_hash=posting.content_hash,
        pk__gt=voided.pk if voided else 0,
    )


def _approvers(posting: Posting) -> int:
    return _current(posting).values("by_key").distinct().count()


def _record_approval(posting: Posting, decision: str, reason: str, now: datetime) -> None:
    actor = current_actor()
    Approval.objects.create(
        posting=posting,
        decision=decision,
        content_hash=posting.content_hash,
        by=actor.label,
        by_key=actor.identity,
        at=now,
        reason=reason[:500],
    )
    record_journal(f"journal.{decision}", posting, now=now, why=reason)


def _locked_run(postings: Sequence[Posting]) -> tuple[PayRun, PayrollSettings]:
    """The pay run, locked before its journals: everybody locks in this order."""
    runs = {posting.pay_run_id for posting in postings}
    if len(runs) != 1:
        raise Refusal("Choose at least one journal, all of one pay run.")
    pay_run = (
        PayRun.objects.select_for_update(of=("self",))
        .select_related("integration__source", "integration__target")
        .get(pk=runs.pop())
    )
    return pay_run, PayrollSettings.objects.get(integration=pay_run.integration_id)


def _locked(postings: Sequence[Posting]) -> list[Posting]:
    return list(
        Posting.objects.select_for_update(of=("self",))
        .select_related("pay_run__integration__source", "pay_run__integration__target")
        .filter(pk__in=[posting.pk for posting in postings])
        .order_by("pk")
    )
