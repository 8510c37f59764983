"""Runs and journals whose worker died, and journals that are due, are handed to a worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from sync.models import PayRun, Posting, Reconciliation, Run
from sync.payroll.claims import due
from sync.queue import enqueue_postings, enqueue_run

TIE_OUT_AGAIN = timedelta(hours=1)
"""What is posted and does not tie out is held against the ledger again so often."""


def sweep(*, now: datetime) -> list[Run]:
    """Enqueue every run that lost its worker, or whose job never came; returns them. ``claim`` decides who works."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    dead = Run.objects.filter(state__in=[Run.State.FETCHING, Run.State.APPLYING], heartbeat_at__lt=now - lease)
    waiting = Run.objects.filter(state=Run.State.SCHEDULED, created_at__lt=now - 5 * lease)
    found = [*dead, *waiting]
    for run in found:
        with transaction.atomic():
            enqueue_run(run)
    return found


def sweep_postings(*, now: datetime) -> list[PayRun]:
    """Enqueue every pay run with a journal that is due, or that is posted and was not tied out lately; returns them.
    ``claim`` decides who works."""
    journals = Posting.objects.filter(due(now), pay_run=OuterRef("pk"))
    posted = Posting.objects.filter(pay_run=OuterRef("pk"), state=Posting.State.POSTED)
    lately = Reconciliation.objects.filter(pay_run=OuterRef("pk"), at__gt=now - TIE_OUT_AGAIN)
    under_way = PayRun.objects.exclude(
        state__in=[PayRun.State.WAITING, PayRun.State.RECONCILED, PayRun.State.VOID, PayRun.State.EMPTY]
    )
    found = list(under_way.filter(Exists(journals) | (Exists(posted) & ~Exists(lately))))
    for pay_run in found:
        with transaction.atomic():
            enqueue_postings(pay_run)
    return found
