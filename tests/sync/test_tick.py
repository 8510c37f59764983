"""Workers do once a minute what nobody asks them for."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from sync import jobs
from sync.apps import schedule_tick
from sync.configuring import configure_flow
from sync.models import Run
from sync.schedules import start_due_flows
from tenants.scope import current_tenant_id
from tests.sync.story import tell


def test_a_migrated_database_calls_the_tick_once_a_minute() -> None:
    schedule_tick("owner")
    [schedule] = Schedule.objects.filter(func="sync.jobs.tick")
    assert import_string(schedule.func) is jobs.tick
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
    assert schedule.next_run <= timezone.now()


def test_one_tenants_trouble_does_not_keep_the_others_waiting(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    troubled, acme = tell(sandbox, size=1), tell(sandbox, size=1)
    for story in (troubled, acme):
        with story.scope():
            configure_flow(story.flows["people"], {"every_minutes": 15}, now=timezone.now())

    def start(*, now: datetime) -> list[Run]:
        if current_tenant_id() == troubled.tenant.id:
            raise RuntimeError("a defect")
        return start_due_flows(now=now)

    monkeypatch.setattr(jobs, "start_due_flows", start)
    monkeypatch.setattr(jobs, "tenant_ids", lambda: [troubled.tenant.id, acme.tenant.id])
    with pytest.raises(ExceptionGroup) as raised:
        jobs.tick()

    assert [str(error) for error in raised.value.exceptions] == ["a defect"]
    with acme.scope():
        assert Run.objects.count() == 1
