"""What the source does to a run whose journals have left for the ledger is told, never silently followed."""

from __future__ import annotations

from datetime import datetime

from sync.models import PayRun, Posting
from sync.payroll.trail import record_pay_run

LEFT = (*Posting.ON_LEDGER, Posting.State.POSTING, Posting.State.VERIFYING, Posting.State.ATTENTION)
"""States of a journal that may be on the ledger."""


def has_left(pay_run: PayRun) -> bool:
    """True when any journal of the run may be on the ledger, or was."""
    return Posting.objects.filter(pay_run=pay_run, state__in=LEFT).exists()


def note_source_change(pay_run: PayRun, change: str, *, now: datetime) -> None:
    """Afterwards the run says so, once; call inside the transaction of what changed."""
    if pay_run.source_change != change:
        pay_run.source_change, pay_run.source_changed_at = change, now
        pay_run.save(update_fields=["source_change", "source_changed_at"])
        record_pay_run("pay_run.changed_after_posting", pay_run, now=now, change=change)


def note_if_left(pay_run: PayRun, change: str, *, now: datetime) -> bool:
    """``note_source_change`` where a journal of the run has left; True when one has."""
    left = has_left(pay_run)
    if left:
        note_source_change(pay_run, change, now=now)
    return left
