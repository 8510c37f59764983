"""Runs and journals whose worker died, and journals that are due, are handed to a worker."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from sync.models import Flow, PayRun, Posting, Reconciliation, Run
from sync.payroll.claims import due
from sync.queue import enqueue_postings, enqueue_run

TIE_OUT_AGAIN = timedelta(hours=1)
"""What is posted and does not tie out is held against the ledger again so often."""

UNSTARTED = 5
"""A run that waits for so many leases has lost its job."""


def tenants_with_work(*, now: datetime) -> list[uuid.UUID]:
    """The ids of the tenants in which the minute's work would find something, however many others there are: see
    ``tenants.rls``. One query, each part of which has its index."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM mlc_tenants_with_work(%s, %s, %s, %s)",
            [now, now - lease, now - UNSTARTED * lease, now - TIE_OUT_AGAIN],
        )
        return [row[0] for row in cursor.fetchall()]


def sweep(*, now: datetime) -> list[Run]:
    """Enqueue every run that lost its worker, or whose job never came; returns them. ``claim`` decides who works."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    runs = Run.objects.select_related("flow")
    dead = runs.filter(state__in=[Run.State.FETCHING, Run.State.APPLYING], heartbeat_at__lt=now - lease)
    waiting = runs.filter(state=Run.State.SCHEDULED, created_at__lt=now - UNSTARTED * lease)
    found = [*dead, *waiting]
    for run in found:
        with transaction.atomic():
            enqueue_run(run)
    return found


def sweep_postings(*, now: datetime) -> list[PayRun]:
    """Enqueue every pay run with a journal that is due, or that is posted and was not tied out lately; returns them.
    ``claim`` decides who works. While writing is switched off, or the flow paused, nothing is done and none is
    enqueued."""
    writing = Flow.objects.filter(
        integration=OuterRef("integration"), kind=Flow.Kind.PAYROLL, writes_enabled=True, paused=False
    )
    journals = Posting.objects.filter(due(now), pay_run=OuterRef("pk"))
    posted = Posting.objects.filter(pay_run=OuterRef("pk"), state=Posting.State.POSTED)
    lately = Reconciliation.objects.filter(pay_run=OuterRef("pk"), at__gt=now - TIE_OUT_AGAIN)
    under_way = PayRun.objects.exclude(
        state__in=[PayRun.State.WAITING, PayRun.State.RECONCILED, PayRun.State.VOID, PayRun.State.EMPTY]
    )
    found = list(under_way.filter(Exists(writing), Exists(journals) | (Exists(posted) & ~Exists(lately))))
    for pay_run in found:
        with transaction.atomic():
            enqueue_postings(pay_run)
    return found
