"""What is done about deliveries by the clock: those nobody follows are followed, old ones are forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from sync.models import Delivery
from sync.queue import enqueue_deliveries, enqueue_feed
from sync.webhooks.feeds import due_feeds

OPEN = (Delivery.State.PENDING, Delivery.State.ASKED)
LEFT_ALONE = timedelta(seconds=45)
"""A delivery that waits for so long has lost its job, or waits for something that has ended."""
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 5_000


def sweep_deliveries(*, now: datetime) -> None:
    """Enqueue every connection with deliveries that wait for nothing but to be followed, and feeds that are due."""
    waiting = Delivery.objects.filter(state__in=OPEN, received_at__lt=now - LEFT_ALONE).exclude(not_before__gt=now)
    for connection_id in waiting.order_by().values_list("connection", flat=True).distinct():
        with transaction.atomic():
            enqueue_deliveries(connection_id, due=now)
    for connection_id in due_feeds(now=now):
        with transaction.atomic():
            enqueue_feed(connection_id)


def forget_old(*, now: datetime) -> int:
    """Delete settled deliveries that are older than KEPT, a bounded number at a time; returns how many."""
    settled = Delivery.objects.exclude(state__in=OPEN).order_by("pk")
    oldest = settled.values_list("pk", "received_at")[:FORGOTTEN_AT_ONCE]
    old = [pk for pk, at in oldest if at < now - KEPT]
    Delivery.objects.filter(pk__in=old).delete()
    return len(old)
