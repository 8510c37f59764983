"""Handing work to the workers. Jobs carry ids only; enqueued in the transaction that makes them true."""

from __future__ import annotations

from datetime import date

from django_q.tasks import async_task

from sync.models import Integration, PayRun, Run
from tenants.scope import current_tenant_id


def enqueue_run(run: Run) -> None:
    """A worker will execute this run. Inside a transaction the job exists only if that commits."""
    async_task("sync.jobs.execute", str(current_tenant_id()), run.pk, group="runs")


def enqueue_postings(pay_run: PayRun) -> None:
    """A worker will take the journals of this pay run a step further. Inside a transaction the job exists only if
    that commits."""
    async_task("sync.jobs.advance", str(current_tenant_id()), pay_run.pk, group="postings")


def enqueue_reconciliation(pay_run: PayRun) -> None:
    """A worker will read back what is on the ledger of this pay run and tie it out anew. Inside a transaction the job
    exists only if that commits."""
    async_task("sync.jobs.reconcile", str(current_tenant_id()), pay_run.pk, group="postings")


def enqueue_ledger(integration: Integration, month: date) -> None:
    """A worker will read what the ledger shows of a month anew. Inside a transaction the job exists only if that
    commits."""
    args = (str(current_tenant_id()), str(integration.pk), month.isoformat())
    async_task("sync.jobs.read_ledger", *args, group="postings")
