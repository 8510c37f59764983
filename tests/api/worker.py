"""What a worker process does with the runs that the API asked for."""

from __future__ import annotations

from typing import Any

from audit.context import acting_as
from sync.execution import execute_run
from sync.models import Run
from tenants.scope import tenant_scope
from tests.sync.story import FastWorld


def work(tenant_id: Any) -> None:
    """Executes every run that waits, in the order in which they were asked for."""
    with tenant_scope(tenant_id), acting_as("system", "Worker"):
        for run in Run.objects.filter(state=Run.State.SCHEDULED).order_by("pk"):
            execute_run(run.pk, FastWorld())
