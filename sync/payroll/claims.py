"""One worker at a time has a journal in hand; every transaction that settles something proves that it still does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from sync.leases import LeaseLost
from sync.models import PayRun, Posting
from sync.payroll.states import refresh_state

_S = Posting.State


class Claim(msgspec.Struct, kw_only=True):
    """A journal that is ours to work on until the lease runs out."""

    posting: Posting
    owner: str


def due(now: datetime) -> Q:
    """Journals a worker may take a step further: approved and wanted, given up by a dead worker, or to be looked up
    again."""
    stale = now - timedelta(seconds=settings.RUN_LEASE_SECONDS)
    return (
        Q(state=_S.APPROVED, next_try_at__lte=now)
        | Q(state=_S.POSTING, heartbeat_at__lt=stale)
        | (Q(state=_S.VERIFYING, next_try_at__lte=now) & (Q(heartbeat_at=None) | Q(heartbeat_at__lt=stale)))
    )


def claim(posting_id: int, *, now: datetime) -> Claim | None:
    """The journal, now ours; None when there is nothing to do with it, somebody else has it, or it waits for another.

    What a dead worker left comes back as *verifying* when it may have been sent, and to be posted when it was not.
    """
    with transaction.atomic():
        locked = locked_postings(Posting.objects.filter(due(now), pk=posting_id))
        if not locked or not _may_go(locked[0]):
            return None
        posting = locked[0]
        posting.state = _S.VERIFYING if posting.sent_at else _S.POSTING
        posting.lease_owner, posting.heartbeat_at = uuid.uuid4().hex, now
        posting.attempts += 1
        posting.save(update_fields=["state", "lease_owner", "heartbeat_at", "attempts"])
        refresh_state(posting.pay_run)
    return Claim(posting=posting, owner=posting.lease_owner)


def _may_go(posting: Posting) -> bool:
    """A journal that follows another waits until that one is on the ledger, and one of a run that payroll has taken
    back waits for ever; what may have left already is looked up all the same."""
    if posting.sent_at is None and posting.reverses is None and (posting.pay_run.void or not posting.pay_run.finished):
        return False
    return posting.after_id is None or posting.after.state in Posting.ON_LEDGER  # type: ignore[union-attr]


def locked_postings(wanted: QuerySet[Posting]) -> list[Posting]:
    """These journals with their pay runs, all locked; the pay runs first, as everybody does."""
    run_ids = set(wanted.values_list("pay_run_id", flat=True))
    runs = {
        run.pk: run
        for run in PayRun.objects.select_for_update(of=("self",))
        .select_related("integration__source", "integration__target")
        .filter(pk__in=run_ids)
        .order_by("pk")
    }
    found = list(wanted.select_for_update(of=("self",)).select_related("after", "reverses").order_by("pk"))
    for posting in found:
        posting.pay_run = runs[posting.pay_run_id]
    return found


def renew(claim: Claim, *, now: datetime) -> None:
    """Afterwards the lease is fresh. LeaseLost when the journal is no longer ours.

    The database is asked, because a clock of our own may have stood still with its machine. Call before anything is
    sent; see ``watchful`` and ``still_in_hand``.
    """
    ours = Posting.objects.filter(pk=claim.posting.pk, lease_owner=claim.owner, state__in=[_S.POSTING, _S.VERIFYING])
    if ours.update(heartbeat_at=now) != 1:
        raise LeaseLost(f"Journal {claim.posting.reference} is no longer ours.")


_in_hand: ContextVar[Claim | None] = ContextVar("journal_in_hand", default=None)


@contextmanager
def in_hand(claim: Claim) -> Iterator[None]:
    """Inside, whoever waits by a ``watchful`` sleep waits for this journal."""
    token = _in_hand.set(claim)
    try:
        yield
    finally:
        _in_hand.reset(token)


def watchful(sleep: Callable[[float], None], now: Callable[[], datetime]) -> Callable[[float], None]:
    """``sleep``, after which the journal in hand is still ours: LeaseLost when another worker has taken it over.

    A connector waits between two attempts to send, perhaps for longer than a lease, and then sends without asking.
    """

    ours = still_in_hand(now)

    def slept(seconds: float) -> None:
        sleep(seconds)
        ours()

    return slept


def still_in_hand(now: Callable[[], datetime]) -> Callable[[], None]:
    """What a connector calls before each change: LeaseLost when the journal in hand is another worker's by now.

    A ledger may take a journal in many requests. A machine that stood still between two of them has been taken for
    dead, and another worker has written the rest.
    """

    def check() -> None:
        if (claim := _in_hand.get()) is not None:
            renew(claim, now=now())

    return check


def held(claim: Claim) -> Posting:
    """The journal's row, locked with its pay run, inside the caller's transaction. LeaseLost when it is not ours."""
    mine: Sequence[Posting] = locked_postings(Posting.objects.filter(pk=claim.posting.pk))
    posting = mine[0]
    if posting.lease_owner != claim.owner or posting.state not in (_S.POSTING, _S.VERIFYING):
        raise LeaseLost(f"Journal {posting.reference} is no longer ours.")
    return posting
