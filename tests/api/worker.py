"""What a worker process does with the runs that the API asked for."""

from __future__ import annotations

from typing import Any

from django_q.models import OrmQ

from audit.context import acting_as
from sync.execution import advance_postings, execute_run, reconcile_postings
from sync.models import Run
from tenants.scope import tenant_scope
from tests.sync.story import FastWorld


def work(tenant_id: Any) -> None:
    """Executes every run that waits, in the order in which they were asked for."""
    with tenant_scope(tenant_id), acting_as("system", "Worker"):
        for run in Run.objects.filter(state=Run.State.SCHEDULED).order_by("pk"):
            execute_run(run.pk, FastWorld())


def post(tenant_id: Any) -> None:
    """Does what was asked for about the journals of this tenant, once for each pay run that was asked about."""
    deeds = {"sync.jobs.advance": advance_postings, "sync.jobs.reconcile": reconcile_postings}
    ours = [task for task in OrmQ.objects.order_by("pk") if task.func() in deeds and task.args()[0] == str(tenant_id)]
    OrmQ.objects.filter(pk__in=[task.pk for task in ours]).delete()
    with tenant_scope(tenant_id):
        for func, pay_run in dict.fromkeys((task.func(), task.args()[1]) for task in ours):
            deeds[func](pay_run, FastWorld())
