"""Runs and journals whose worker died, and journals that are due, are handed to a worker."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django_q.models import OrmQ, Task

from connectors.models import Connection
from sync.models import Flow, PayRun, Posting, Reconciliation, Run
from sync.payroll.claims import due
from sync.queue import PAYROLL, enqueue_postings, enqueue_run, key_of, queue_of_run
from tenants.scope import current_tenant_id

TIE_OUT_AGAIN = timedelta(hours=1)
"""What is posted and does not tie out is held against the ledger again so often."""

BOOKED_AGAIN = timedelta(hours=6)
"""Whether people have booked a journal on the ledger is asked so often; ``tenants.rls`` says so too."""

BACKLOG = timedelta(minutes=1)
"""Where a tenant's jobs wait for longer, what is due is among them: another job a minute would only make them more."""

UNSTARTED = 5
"""A run that waits for so many leases has lost its job."""


FAILURES_KEPT = timedelta(days=30)
"""What a failed job left, its traceback above all, is of use for so long."""


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
    """Enqueue every run that lost its worker, or whose job never came, unless the tenant's jobs are late as it is;
    returns them. ``claim`` decides who works."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    runs = Run.objects.select_related("flow")
    dead = runs.filter(state__in=[Run.State.FETCHING, Run.State.APPLYING], heartbeat_at__lt=now - lease)
    waiting = runs.filter(state=Run.State.SCHEDULED, created_at__lt=now - UNSTARTED * lease)
    found = [*dead, *waiting]
    late = {queue for queue in set(map(queue_of_run, found)) if _is_backed_up(queue, now)}
    for run in found:
        if queue_of_run(run) not in late:
            with transaction.atomic():
                enqueue_run(run)
    return found


def sweep_postings(*, now: datetime) -> list[PayRun]:
    """Enqueue every pay run with a journal that is due, that is posted and was not tied out lately, or that people are
    to book on the ledger; returns them.
    ``claim`` decides who works. While the tenant's jobs are late none is enqueued. While writing is switched off, or
    the flow paused, nothing is done."""
    writing = Flow.objects.filter(
        integration=OuterRef("integration"), kind=Flow.Kind.PAYROLL, writes_enabled=True, paused=False
    )
    journals = Posting.objects.filter(due(now), pay_run=OuterRef("pk"))
    posted = Posting.objects.filter(pay_run=OuterRef("pk"), state=Posting.State.POSTED)
    tied = Reconciliation.objects.filter(pay_run=OuterRef("pk"))
    lately, to_be_booked = tied.filter(at__gt=now - TIE_OUT_AGAIN), Posting.objects.filter(awaits_booking=True)
    shut = Q(integration__target__state__in=[Connection.State.PAUSED, Connection.State.ATTENTION])
    unasked = Exists(to_be_booked.filter(pay_run=OuterRef("pk"))) & ~Exists(tied.filter(at__gt=now - BOOKED_AGAIN))
    under_way = PayRun.objects.exclude(
        state__in=[PayRun.State.WAITING, PayRun.State.RECONCILED, PayRun.State.VOID, PayRun.State.EMPTY]
    )
    due_now = under_way.filter(Exists(journals) | (Exists(posted) & ~Exists(lately))).values("pk")
    found = list(PayRun.objects.filter(Exists(writing), Q(pk__in=due_now) | unasked & ~shut))
    for pay_run in found if found and not _is_backed_up(PAYROLL, now) else ():
        with transaction.atomic():
            enqueue_postings(pay_run)
    return found


def forget_failures(*, now: datetime) -> int:
    """Afterwards no job that failed is kept for longer than FAILURES_KEPT, of any tenant; returns how many went."""
    gone, _ = Task.objects.filter(success=False, stopped__lt=now - FAILURES_KEPT).delete()
    return int(gone)


def _is_backed_up(queue: str, now: datetime) -> bool:
    late: bool = OrmQ.objects.filter(
        key__startswith=key_of(queue, current_tenant_id()), lock__lte=now - BACKLOG
    ).exists()
    return late
