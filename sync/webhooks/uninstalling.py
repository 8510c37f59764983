"""A source says that we were taken out of it. Like everything announced that is a hint: the connection is tested."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import transaction

from connectors.checks import check_connection
from connectors.installing import uninstalled
from connectors.models import Connection
from sync.execution import World
from sync.models import Delivery


def heed_uninstall(connection: Connection, said: Sequence[int], world: World) -> None:
    """Afterwards the deliveries ``said`` (ids) are settled. If the connection does not work any more its access is
    erased and what else was announced is not followed; if it does, it was installed again since."""
    check_connection(connection, now=world.now, sleep=world.sleep, random=world.random, correlation_id=uuid.uuid4().hex)
    now = world.now()
    works = connection.state in (Connection.State.READY, Connection.State.LIMITED)
    deliveries = Delivery.objects.filter(connection=connection)
    with transaction.atomic():
        if not works:
            uninstalled(connection, at=now)
            deliveries.filter(state=Delivery.State.PENDING).exclude(pk__in=said).update(
                state=Delivery.State.IGNORED, settled_at=now, reason="We were uninstalled there.", not_before=None
            )
        deliveries.filter(pk__in=said).update(
            state=Delivery.State.SETTLED,
            settled_at=now,
            reason="The connection was tested, and still works." if works else "Access was withdrawn and is erased.",
        )
