"""Workers do once a minute what nobody asks them for."""

from __future__ import annotations

from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from sync import jobs
from sync.apps import schedule_tick


def test_a_migrated_database_calls_the_tick_once_a_minute() -> None:
    schedule_tick("owner")
    [schedule] = Schedule.objects.filter(func="sync.jobs.tick")
    assert import_string(schedule.func) is jobs.tick
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
    assert schedule.next_run <= timezone.now()
