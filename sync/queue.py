"""Handing work to the workers. Jobs carry ids only; enqueued in the transaction that makes them true.

Inside a transaction a job exists only if that commits. Each queue is served by workers of its own, and shared fairly
between companies (``sync.broker``).
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from django_q.tasks import async_task

from sync.models import Flow, Integration, PayRun, Run
from tenants.scope import current_tenant_id

SHORT = "mlc"
"""What nobody waits for long: schedules, the minute's work, notices and their mail. The default cluster."""
ALERTS = "alerts"
"""What is told to programs of the customers', which may be slow."""
WEBHOOKS = "webhooks"
"""What vendors announced."""
PEOPLE = "people"
PAYROLL = "payroll"

ANNOUNCED = ("webhook", "feed")
"""Triggers of runs that read what a vendor announced: few records, and soon."""


def queue_of_run(run: Run) -> str:
    """Where this run is worked on."""
    if run.trigger in ANNOUNCED:
        return WEBHOOKS
    return PAYROLL if run.flow.kind == Flow.Kind.PAYROLL else PEOPLE


def key_of(queue: str, tenant_id: uuid.UUID) -> str:
    """What jobs of the tenant are enqueued under in this queue."""
    return f"{queue}:{tenant_id}"


def enqueue_run(run: Run) -> None:
    """A worker will execute this run."""
    _enqueue("sync.jobs.execute", run.pk, queue=queue_of_run(run), group="runs")


def enqueue_postings(pay_run: PayRun) -> None:
    """A worker will take the journals of this pay run a step further."""
    _enqueue("sync.jobs.advance", pay_run.pk, queue=PAYROLL, group="postings")


def enqueue_reconciliation(pay_run: PayRun) -> None:
    """A worker will read back what is on the ledger of this pay run and tie it out anew."""
    _enqueue("sync.jobs.reconcile", pay_run.pk, queue=PAYROLL, group="postings")


def enqueue_ledger(integration: Integration, month: date) -> None:
    """A worker will read what the ledger shows of a month anew."""
    _enqueue("sync.jobs.read_ledger", str(integration.pk), month.isoformat(), queue=PAYROLL, group="postings")


def enqueue_deliveries(connection_id: uuid.UUID, *, due: datetime, tenant_id: uuid.UUID | None = None) -> None:
    """A worker will follow what was announced about this connection, from ``due`` on. Who names the connection's tenant
    need not be in its scope, and saves the transaction that a scope's statement needs."""
    _enqueue("sync.jobs.follow", str(connection_id), queue=WEBHOOKS, group="deliveries", due=due, tenant_id=tenant_id)


def enqueue_feed(connection_id: uuid.UUID) -> None:
    """A worker will read on in the connection's activity feed."""
    _enqueue("sync.jobs.read_feed", str(connection_id), queue=WEBHOOKS, group="deliveries")


def enqueue_judgement(run: Run, *, due: datetime) -> None:
    """A worker will hold what this poll found against what was announced, from ``due`` on."""
    _enqueue("sync.jobs.judge", run.pk, queue=WEBHOOKS, group="deliveries", due=due)


def enqueue_posts() -> None:
    """A worker will tell the tenant's programs what is due."""
    _enqueue("sync.jobs.send_hooks", queue=ALERTS, group="notices")


def _enqueue(
    job: str,
    *ids: int | str,
    queue: str,
    group: str,
    due: datetime | None = None,
    tenant_id: uuid.UUID | None = None,
) -> None:
    tenant = tenant_id or current_tenant_id()
    kwargs = {"due": due.isoformat()} if due else {}
    async_task(job, str(tenant), *ids, cluster=key_of(queue, tenant), group=group, **kwargs)
