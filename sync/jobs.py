"""Entry points for the workers. Each enters the tenant's scope and makes one call."""

from __future__ import annotations

import uuid
from datetime import date

from django.utils import timezone

from audit.context import acting_as
from sync.execution import SystemWorld, advance_postings, execute_run, read_ledger_month, reconcile_postings
from sync.schedules import start_due_flows
from sync.sweeping import sweep, sweep_postings
from tenants.rls import tenant_ids
from tenants.scope import tenant_scope


def execute(tenant_id: str, run_id: int) -> None:
    """Work on one run, if it is still to be worked on."""
    with tenant_scope(uuid.UUID(tenant_id)), acting_as("system", "Worker"):
        execute_run(run_id, SystemWorld())


def advance(tenant_id: str, pay_run_id: int) -> None:
    """Take the journals of one pay run a step further, if there is one to take."""
    with tenant_scope(uuid.UUID(tenant_id)):
        advance_postings(pay_run_id, SystemWorld())


def reconcile(tenant_id: str, pay_run_id: int) -> None:
    """Tie out what is on the ledger of one pay run."""
    with tenant_scope(uuid.UUID(tenant_id)):
        reconcile_postings(pay_run_id, SystemWorld())


def read_ledger(tenant_id: str, integration_id: str, month: str) -> None:
    """Read what the ledger shows of a month (its first day, ISO) anew."""
    with tenant_scope(uuid.UUID(tenant_id)):
        read_ledger_month(integration_id, date.fromisoformat(month), SystemWorld())


def tick() -> None:
    """Once a minute: pick up what dead workers left, start what is due, ask again for what was not answered.

    One tenant's trouble is its own: the others are served first, then every error is raised together.
    """
    now = timezone.now()
    troubles: list[Exception] = []
    for tenant_id in tenant_ids():
        try:
            with tenant_scope(tenant_id), acting_as("schedule", "Schedule"):
                sweep(now=now)
                sweep_postings(now=now)
                start_due_flows(now=now)
        except Exception as trouble:  # noqa: BLE001 - raised below, after the other tenants had their turn
            trouble.add_note(f"tenant {tenant_id}")
            troubles.append(trouble)
    if troubles:
        raise ExceptionGroup("The minute's work failed for some tenants", troubles)
