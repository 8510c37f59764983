"""What became of a journal: one transaction each, that holds the claim, ends it, and records what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from connectors.journals import Journal, JournalLine, PostedJournal
from sync.models import PayFinding, Posting
from sync.payroll.claims import Claim, held
from sync.payroll.drafting import supersede, void_approval
from sync.payroll.drafts import DraftJournal, DraftLine, JournalKind, content_hash
from sync.payroll.findings import Finding
from sync.payroll.judging import keep_findings
from sync.payroll.states import refresh_state
from sync.payroll.trail import record_journal

_S = Posting.State

LOOK_AGAIN = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600))
"""Delays before a journal whose answer is missing is looked up again; the last one repeats."""

ABSENCE_HOLDS = timedelta(minutes=5)
"""A journal is not there when the ledger says so twice, this far apart: a slow ledger may still be at work."""

NOT_SENT_AGAIN = tuple(timedelta(seconds=s) for s in (60, 300, 900, 3600))
"""Delays before a journal that could not be sent is tried again."""


def is_as_approved(posting: Posting, journal: Journal) -> bool:
    """True when the content that is about to be posted hashes to what was approved."""
    content = DraftJournal(
        kind=JournalKind(posting.kind),
        company=posting.company,
        currency=journal.currency,
        part=posting.part,
        parts=posting.parts,
        posting_date=journal.posting_date,
        description=journal.description,
        lines=tuple(
            DraftLine(
                number=number,
                account=line.account,
                debit=line.debit,
                credit=line.credit,
                description=line.description,
            )
            for number, line in enumerate(journal.lines, start=1)
        ),
        people=posting.people,
    )
    return content_hash(content, posting.salt) == posting.approved_hash


def difference(journal: Journal, posted: PostedJournal) -> str:
    """How the ledger's journal differs from ours, in words without amounts; empty when it does not."""
    if departure := posted.departure(journal):
        return departure
    if len(posted.lines) != len(journal.lines):
        return f"it has {len(posted.lines)} lines there and {len(journal.lines)} here"
    if (posted.debit, posted.credit) != (journal.debit, journal.credit):
        return "its totals are others"
    if _sides(posted.lines) != _sides(journal.lines):
        return "accounts or amounts of its lines are others"
    return ""


def _sides(lines: Sequence[JournalLine]) -> Counter[tuple[object, ...]]:
    return Counter((line.account, line.debit, line.credit) for line in lines)


def settle_found(claim: Claim, journal: Journal, found: Sequence[PostedJournal], *, now: datetime) -> None:
    """The ledger has this journal, once or, after somebody's accident, more than once. Same content: posted.
    Anything else is for a person."""
    target = claim.posting.pay_run.integration.target.name
    if len(found) > 1:
        numbers = ", ".join(posted.number for posted in found)
        message = f"{target} has this journal {len(found)} times: {numbers}. Delete all but one there."
        settle_attention(claim, message, found[0], now=now)
    elif differs := difference(journal, found[0]):
        settle_attention(
            claim,
            f"{target} has this journal as {found[0].number}, but {differs}. Compare both; correct it there or "
            "reverse it there, then check again.",
            found[0],
            now=now,
        )
    else:
        settle_posted(claim, found[0], now=now)


def settle_posted(claim: Claim, posted: PostedJournal, *, now: datetime) -> None:
    """The journal is on the ledger as approved. If it reverses another, that one is reversed by it."""
    with transaction.atomic():
        posting = held(claim)
        verb = "journal.verified" if posting.state == _S.VERIFYING else "journal.posted"
        _note_ledger(posting, posted, now)
        posting.awaits_booking = posting.pay_run.integration.target.product.books_later and not posted.booked
        posting.part_since, posting.trouble = None, ""
        _free(posting, _S.POSTED, "")
        posting.save()
        record_journal(verb, posting, now=now, attempts=posting.attempts)
        if posting.reverses is not None and posting.reverses.state != _S.REVERSED:
            reversed_one = Posting.objects.select_for_update().get(pk=posting.reverses.pk)
            reversed_one.pay_run = posting.pay_run
            reversed_one.state = _S.REVERSED
            reversed_one.message = f"Reversed by journal {posting.journal_number}."
            reversed_one.save(update_fields=["state", "message"])
            record_journal("journal.reversed", reversed_one, now=now, voucher=posting.journal_number)
        refresh_state(posting.pay_run)


def settle_attention(claim: Claim, message: str, posted: PostedJournal | None = None, *, now: datetime) -> None:
    """Only a person can say what is right."""
    with transaction.atomic():
        posting = held(claim)
        if posted is not None:
            _note_ledger(posting, posted, now)
        _free(posting, _S.ATTENTION, message)
        posting.save()
        record_journal("journal.needs_person", posting, now=now, sentence=message)
        refresh_state(posting.pay_run)


def settle_unknown(claim: Claim, message: str, *, trouble: str = "", now: datetime) -> None:
    """It may be on the ledger: it is looked up, soon and then less and less often, and never sent before that.
    ``trouble`` is what kept it from being written, as far as that is known."""
    with transaction.atomic():
        posting = held(claim)
        first = posting.state != _S.VERIFYING
        posting.trouble = trouble[:300] or posting.trouble
        message = f"{message} {trouble}".strip()
        _free(posting, _S.VERIFYING, message)
        posting.next_try_at = now + LOOK_AGAIN[min(posting.looked_up, len(LOOK_AGAIN) - 1)]
        posting.save()
        if first:
            record_journal("journal.verifying", posting, now=now, sentence=message)
        refresh_state(posting.pay_run)


def settle_absent(claim: Claim, *, now: datetime) -> None:
    """The ledger says it is not there. The second time, some minutes after the first, it may be posted again."""
    target = claim.posting.pay_run.integration.target.name
    with transaction.atomic():
        posting = held(claim)
        posting.looked_up += 1
        if posting.part_since is not None:  # there was a part of it when it was last looked up
            posting.part_since = posting.absent_since = None
        posting.absent_since = posting.absent_since or now
        if now - posting.absent_since >= ABSENCE_HOLDS:
            _free(posting, _S.APPROVED, f"{target} does not have it, asked twice: it is posted again.")
            posting.sent_at = posting.absent_since = None
            posting.looked_up = 0
            posting.next_try_at = now
            record_journal("journal.absent", posting, now=now)
        else:
            _free(posting, _S.VERIFYING, "")
            delay = LOOK_AGAIN[min(posting.looked_up, len(LOOK_AGAIN) - 1)]
            posting.next_try_at = min(now + delay, posting.absent_since + ABSENCE_HOLDS)
            posting.message = (
                f"We did not get an answer from {target}. It does not show journal {posting.reference} yet; we ask "
                "again before anything is sent. Nothing has been sent twice."
            )
        posting.save()
        refresh_state(posting.pay_run)


def settle_part(claim: Claim, part: PostedJournal, *, now: datetime) -> bool:
    """The ledger has a part of it. True the second time, some minutes after the first: then the journal is still in
    hand, and the rest may be written."""
    target = claim.posting.pay_run.integration.target.name
    with transaction.atomic():
        posting = held(claim)
        posting.looked_up += 1
        posting.vendor_id, posting.journal_number = part.id, part.number
        posting.part_since = posting.part_since or now
        posting.absent_since = posting.absent_since or now
        is_sure = now - posting.absent_since >= ABSENCE_HOLDS
        if is_sure:
            record_journal("journal.part", posting, now=now)
        else:
            delay = LOOK_AGAIN[min(posting.looked_up, len(LOOK_AGAIN) - 1)]
            _free(posting, _S.VERIFYING, _in_part(target, part, posting.trouble))
            posting.next_try_at = min(now + delay, posting.absent_since + ABSENCE_HOLDS)
        posting.save()
        refresh_state(posting.pay_run)
    claim.posting.part_since, claim.posting.journal_number = posting.part_since, posting.journal_number
    return is_sure


def settle_gone(claim: Claim, *, now: datetime) -> None:
    """The ledger does not have the journal that this one takes back. The second time, some minutes after the first,
    that one counts as deleted there, and nothing has to be taken back."""
    target = claim.posting.pay_run.integration.target.name
    with transaction.atomic():
        posting = held(claim)
        assert posting.reverses is not None
        original = Posting.objects.select_for_update().get(pk=posting.reverses.pk)
        original.pay_run = posting.pay_run
        posting.absent_since = posting.absent_since or now
        missing = f"{target} no longer has journal {original.journal_number}, which this one is to take back"
        if now - posting.absent_since < ABSENCE_HOLDS:
            _free(posting, _S.APPROVED, f"{missing}. It is asked again in five minutes, before anything is sent.")
            posting.next_try_at = posting.absent_since + ABSENCE_HOLDS
        else:
            original.state, original.deleted_there, original.awaits_booking = _S.REVERSED, True, False
            original.message = (
                f"Deleted in {target}: asked twice, it is not there. To post it anew, reverse and repost."
            )
            original.save(update_fields=["state", "deleted_there", "awaits_booking", "message"])
            record_journal("journal.deleted_there", original, now=now)
            Posting.objects.filter(after=posting).update(after=None)
            _free(posting, _S.POSTING, "")
            supersede(posting, f"{missing}: there is nothing to take back.", now=now)
        posting.save()
        refresh_state(posting.pay_run)


def _in_part(target: str, part: PostedJournal, trouble: str) -> str:
    why = trouble or f"We did not get an answer from {target}."
    return (
        f"{target} has a part of it as {part.number}; the rest is written there once that was seen twice, five minutes "
        f"apart. Nothing has been sent twice. {why}"
    )


def settle_not_sent(claim: Claim, message: str, *, again: bool, now: datetime) -> None:
    """Nothing left us. It stays approved and is tried again later, or when a person says so."""
    with transaction.atomic():
        posting = held(claim)
        _free(posting, _S.APPROVED, message)
        posting.sent_at = None
        delay = NOT_SENT_AGAIN[min(posting.attempts - 1, len(NOT_SENT_AGAIN) - 1)]
        posting.next_try_at = now + delay if again else None
        posting.save()
        record_journal("journal.not_sent", posting, now=now, sentence=message)
        refresh_state(posting.pay_run)


def send_back(claim: Claim, findings: Sequence[Finding], why: str, *, now: datetime) -> None:
    """It cannot be posted as approved: a draft again, with what is wrong, to be approved anew once mended."""
    with transaction.atomic():
        posting = held(claim)
        _free(posting, _S.POSTING, "")
        posting.sent_at = posting.part_since = posting.absent_since = None
        posting.trouble = ""
        posting.save()
        void_approval(posting, why, now=now)
        keep_findings(posting.pay_run, PayFinding.Stage.POST, findings, now=now, journal=posting.key)
        refresh_state(posting.pay_run)


def _note_ledger(posting: Posting, posted: PostedJournal, now: datetime) -> None:
    posting.vendor_id, posting.journal_number, posting.period = posted.id, posted.number, posted.period
    posting.posted_at = posting.posted_at or now


def _free(posting: Posting, state: str, message: str) -> None:
    posting.state, posting.message = state, message[:500]
    posting.lease_owner, posting.heartbeat_at, posting.next_try_at = "", None, None
