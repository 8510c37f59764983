"""Flows that run by themselves every so many minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from sync.models import Flow, Run
from sync.queue import enqueue_run
from sync.runs import AlreadyRunning, request_run


def start_due_flows(*, now: datetime) -> list[Run]:
    """Start every flow whose time has come; slots missed while nobody looked collapse into one run."""
    started = []
    due = Flow.objects.filter(paused=False, every_minutes__isnull=False).exclude(next_run_at__gt=now)
    for flow in due.select_related("integration"):
        assert flow.every_minutes is not None
        with transaction.atomic():
            claimed = Flow.objects.filter(pk=flow.pk, next_run_at=flow.next_run_at).update(
                next_run_at=now + timedelta(minutes=flow.every_minutes)
            )
            if claimed != 1:
                continue
            try:
                run = request_run(flow, next_kind(flow, now), now=now, trigger="schedule")
            except AlreadyRunning:
                continue
            enqueue_run(run)
            started.append(run)
    return started


def next_kind(flow: Flow, now: datetime) -> str:
    """Changes only, unless everybody is due to be read again."""
    full_due = flow.last_full_at is None or flow.last_full_at + timedelta(hours=flow.full_every_hours) <= now
    return Run.Kind.FULL if full_due or flow.kind != Flow.Kind.PEOPLE else Run.Kind.CHANGES
