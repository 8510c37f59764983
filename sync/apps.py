"""The sync application: what is kept in agreement, how, and what happened."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils import timezone

TICK = "sync.jobs.tick"
TRUE_CLOCKS = "sync.jobs.true_clocks"
TELL = "sync.jobs.tell"


class SyncConfig(AppConfig):
    name = "sync"

    def ready(self) -> None:
        """Every migration leaves a database whose workers also do what nobody asks them for."""
        post_migrate.connect(schedule_tick, sender=self)


def schedule_tick(using: str, **kwargs: Any) -> None:
    """Afterwards the workers call ``sync.jobs.tick`` once a minute and ``sync.jobs.true_clocks`` at once and then
    every hour, whoever of them comes first."""
    from django_q.models import Schedule

    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return  # only some applications were migrated so far
    every_minute = {"name": "Tick", "schedule_type": Schedule.MINUTES, "minutes": 1}
    Schedule.objects.using(using).get_or_create(func=TICK, defaults=every_minute)
    told = {**every_minute, "name": "Notices"}
    Schedule.objects.using(using).get_or_create(func=TELL, defaults=told)
    every_hour = {"name": "True clocks", "schedule_type": Schedule.HOURLY, "next_run": timezone.now()}
    Schedule.objects.using(using).update_or_create(func=TRUE_CLOCKS, defaults=every_hour)
