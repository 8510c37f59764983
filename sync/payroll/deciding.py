"""A person says what became of a journal when the ledger's answers do not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit.context import current_actor
from sync.models import Posting
from sync.payroll.approval import HUMAN, Refusal
from sync.payroll.claims import locked_postings
from sync.payroll.drafting import supersede_followers
from sync.payroll.outcomes import ABSENCE_HOLDS
from sync.payroll.states import refresh_state
from sync.payroll.trail import record_journal
from sync.queue import enqueue_postings

DECISIONS = {
    "check_again": "Check again: it was put right on the ledger",
    "post_again": "Post it again: it is not on the ledger",
    "give_up": "Give it up: it is not on the ledger and is not to be posted",
}
"""What a person can decide, in words for them."""

_S = Posting.State


def decide(posting: Posting, decision: str, reason: str, *, now: datetime) -> Posting:
    """Afterwards a journal that needs a person, or is being looked up, goes the way the acting person says.

    ``check_again``: the ledger is asked at once; what is there with the same content is posted. ``post_again``: it is
    approved and not sent, and looked up before it is sent like any other. ``give_up``: it is rejected, with what was to
    follow it. Callers make sure that the person is an approver. Raises Refusal: no person, no reason, another state, a
    worker has it in hand, it was sent a moment ago, the ledger has it or a part of it; ValueError for another
    decision.
    """
    if decision not in DECISIONS:
        raise ValueError(f"{decision!r} is none of {', '.join(DECISIONS)}")
    if current_actor().kind not in HUMAN:
        raise Refusal("Only a person, or a key a person made, can decide this.")
    if not reason.strip() and decision != "check_again":
        raise Refusal("Say how you know, so that an auditor can follow.")
    with transaction.atomic():
        (locked,) = locked_postings(Posting.objects.filter(pk=posting.pk))
        _check(locked, now)
        if decision != "check_again":
            _check_absence(locked, now)
            _check_part(locked)
        locked.lease_owner, locked.heartbeat_at = "", None
        _DECIDED[decision](locked, reason, now)
        locked.save()
        record_journal("journal.decided", locked, now=now, why=reason, decision=decision)
        if decision == "give_up":
            supersede_followers(locked, now=now)
        else:
            enqueue_postings(locked.pay_run)
        refresh_state(locked.pay_run)
    return locked


def _check(posting: Posting, now: datetime) -> None:
    if posting.state not in (_S.ATTENTION, _S.VERIFYING):
        raise Refusal(f"{posting} is {posting.get_state_display().lower()}: there is nothing to decide.")
    alive = now - timedelta(seconds=settings.RUN_LEASE_SECONDS)
    if posting.heartbeat_at is not None and posting.heartbeat_at >= alive:
        raise Refusal("The ledger is being asked for it right now. Wait a minute, then look again.")


def _check_absence(posting: Posting, now: datetime) -> None:
    """Nobody can know yet that it is not there while a slow ledger may still be at work."""
    if posting.sent_at is not None and now < (until := posting.sent_at + ABSENCE_HOLDS):
        raise Refusal(
            f"It was sent at {posting.sent_at:%H:%M:%S} UTC, and a slow ledger may still take it. Look for it on the "
            f"ledger, and decide after {until:%H:%M:%S} UTC."
        )


def _check_part(posting: Posting) -> None:
    """What is there in part would be booked by whoever finds it there."""
    if posting.part_since is not None:
        raise Refusal(
            f"The ledger has a part of it as journal {posting.journal_number}, and the rest is written by itself. If "
            "it is not to be posted, delete that part there, then check again."
        )


def _check_again(posting: Posting, reason: str, now: datetime) -> None:
    posting.state, posting.message, posting.next_try_at = _S.VERIFYING, "", now
    posting.looked_up, posting.absent_since = 0, None


def _post_again(posting: Posting, reason: str, now: datetime) -> None:
    posting.state, posting.message, posting.next_try_at = _S.APPROVED, reason[:500], now
    posting.sent_at = posting.absent_since = None
    posting.looked_up = 0


def _give_up(posting: Posting, reason: str, now: datetime) -> None:
    if posting.vendor_id and posting.absent_since is None:
        raise Refusal(
            f"The ledger has it as journal {posting.journal_number or posting.vendor_id}. Correct it there, or delete "
            "it there if it is not to be posted, then check again."
        )
    posting.state, posting.message, posting.next_try_at = _S.REJECTED, reason[:500], None


_DECIDED = {"check_again": _check_again, "post_again": _post_again, "give_up": _give_up}
