"""Schedules whose time has come become jobs: django-q2's table, read so that nobody waits for anybody.

Rows that somebody holds are passed over until the next look, a batch commits by itself, and a row that cannot be
handed out keeps back no other. The time is the database's.
"""

from __future__ import annotations

import ast
from datetime import datetime

import structlog
from django.db import transaction
from django_q.models import Schedule
from django_q.tasks import async_task

from sync.clock import database_now

BATCH = 100

log = structlog.get_logger()


def hand_out_due() -> int:
    """Afterwards every schedule that was due, and that nobody held, has its job, and its next time or its end; returns
    how many. What could not be handed out is logged and stays due."""
    handed, broken = 0, list[int]()
    while True:
        with transaction.atomic():
            now = database_now()
            due = Schedule.objects.filter(next_run__lt=now).exclude(repeats=0).exclude(pk__in=broken)
            batch = list(due.select_for_update(skip_locked=True).order_by("next_run", "pk")[:BATCH])
            for schedule in batch:
                try:
                    with transaction.atomic():
                        _hand_out(schedule, now)
                except Exception:
                    log.exception("schedule.not_handed_out", schedule=schedule.pk, job=schedule.func)
                    broken.append(schedule.pk)
                else:
                    handed += 1
        if len(batch) < BATCH:
            return handed


def _hand_out(schedule: Schedule, now: datetime) -> None:
    kwargs = ast.literal_eval(schedule.kwargs or "{}")
    options = {"cluster": schedule.cluster, "group": schedule.name} | kwargs.pop("q_options", {})
    task = async_task(schedule.func, *ast.literal_eval(schedule.args or "()"), q_options=options, **kwargs)
    if schedule.schedule_type == Schedule.ONCE:
        schedule.delete()
        return
    schedule.task = task
    while schedule.next_run <= now:
        # What was missed while nobody worked is done once.
        schedule.next_run = schedule.calculate_next_run()
    schedule.save(update_fields=["task", "next_run"])
