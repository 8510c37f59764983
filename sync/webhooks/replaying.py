"""Following a delivery again, because a person asks for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.record import Entry, record
from connectors.webhooks import Meaning
from sync.models import Delivery
from sync.queue import enqueue_deliveries
from sync.replay import NothingToReplay
from sync.webhooks.meanings import meant_by

AGAIN = (Meaning.PERSON, Meaning.REFERENCE)


def check_replayable(delivery: Delivery) -> None:
    """Raises NothingToReplay when there is nothing to read again on behalf of this delivery."""
    if meant_by(delivery.connection.vendor, delivery).meaning not in AGAIN:
        raise NothingToReplay(f"There is nothing to read again for “{delivery.event}”.")


def replay_delivery(delivery: Delivery, *, now: datetime) -> Delivery:
    """A new delivery that says the same, waiting to be followed; what failed before does not hold it up. Raises
    NothingToReplay."""
    check_replayable(delivery)
    with transaction.atomic():
        again = Delivery.objects.create(
            connection=delivery.connection,
            origin=delivery.origin,
            event=delivery.event,
            subject=delivery.subject,
            digest=delivery.digest,
            replay_of=delivery,
            received_at=now,
        )
        Delivery.objects.filter(
            connection=delivery.connection, state=Delivery.State.PENDING, not_before__isnull=False
        ).update(not_before=None)
        entry = Entry(
            action="delivery.replayed",
            subject_kind="delivery",
            subject_id=str(delivery.pk),
            subject_label=f"{delivery.event} of {delivery.connection}",
            source_system=delivery.connection.vendor,
            source_id=delivery.subject,
        )
        record([entry], at=now)
        enqueue_deliveries(delivery.connection_id, due=now)
    return again
