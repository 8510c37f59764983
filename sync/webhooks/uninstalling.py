"""A source says that we were taken out of it. Like everything announced that is a hint: the connection is tested."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from connectors import seal
from connectors.checks import check_connection
from connectors.contract import CheckResult
from connectors.installing import uninstalled
from connectors.models import AccessToken, Connection
from sync.execution import World
from sync.models import Delivery

ASK_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""How long the word waits after a test that proved nothing; from then on every hour."""


def heed_uninstall(connection: Connection, said: Sequence[int], world: World) -> None:
    """Afterwards the deliveries ``said`` (ids) are settled, or wait when the source could not be asked.

    Our access is erased, and what else was announced is not followed, only if the source refused the very access we
    still hold. An outage or a missing permission proves nothing, and who installed again meanwhile keeps the new one.
    """
    before = _held(connection)
    result = check_connection(
        connection, now=world.now, sleep=world.sleep, random=world.random, correlation_id=uuid.uuid4().hex
    )
    now = world.now()
    with transaction.atomic():
        # Whoever installs holds this lock, too.
        Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        deliveries = Delivery.objects.filter(connection=connection, state=Delivery.State.PENDING)
        if _has_ended(result) and _held(connection) == before:
            uninstalled(connection, at=now)
            _settle(deliveries.filter(pk__in=said), "Access was withdrawn and is erased.", now)
            deliveries.update(
                state=Delivery.State.IGNORED, settled_at=now, reason="We were uninstalled there.", not_before=None
            )
        elif result.ok:
            _settle(deliveries.filter(pk__in=said), "The connection was tested, and still works.", now)
        elif connection.is_installed and before is None:
            _settle(deliveries.filter(pk__in=said), "There is no access that could be erased.", now)
        else:
            _wait(deliveries.filter(pk__in=said), now)


def _has_ended(result: CheckResult) -> bool:
    return any(finding.access == "ended" for finding in result.findings)


def _held(connection: Connection) -> seal.Sealed | None:
    """The access as it is stored, which every renewal and every install replaces."""
    return AccessToken.objects.filter(connection=connection).values_list("sealed", flat=True).first()


def _settle(deliveries: QuerySet[Delivery], reason: str, now: datetime) -> None:
    deliveries.update(state=Delivery.State.SETTLED, settled_at=now, reason=reason, not_before=None)


def _wait(deliveries: QuerySet[Delivery], now: datetime) -> None:
    tried = max(deliveries.values_list("attempts", flat=True), default=0)
    deliveries.update(
        attempts=F("attempts") + 1,
        not_before=now + ASK_AGAIN[min(tried, len(ASK_AGAIN) - 1)],
        reason="A test of the connection did not prove that access was withdrawn. It is tested again.",
    )
