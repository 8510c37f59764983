"""Runs whose worker died are handed to another."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from sync.models import Run
from sync.queue import enqueue_run


def sweep(*, now: datetime) -> list[Run]:
    """Enqueue every run that lost its worker, or whose job never came; returns them. ``claim`` decides who works."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    dead = Run.objects.filter(state__in=[Run.State.FETCHING, Run.State.APPLYING], heartbeat_at__lt=now - lease)
    waiting = Run.objects.filter(state=Run.State.SCHEDULED, created_at__lt=now - 5 * lease)
    found = [*dead, *waiting]
    for run in found:
        with transaction.atomic():
            enqueue_run(run)
    return found
