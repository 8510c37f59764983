"""What a connection's page says about its announcements."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.conf import settings
from django.urls import reverse

from connectors.models import Connection
from sync.models import Delivery, Flow, Listening
from sync.webhooks.pace import RELAXED_MINUTES, Hearing, hearing_of, interval_of

SENTENCES = {
    Hearing.NEVER: "Nothing has been announced yet. People are polled as configured.",
    Hearing.FLOWING: (
        f"Changes are announced, so people are polled every {RELAXED_MINUTES} minutes or less often, to make sure."
    ),
    Hearing.GAP: "A change was not announced. People are polled as configured until a day has passed without another.",
    Hearing.SILENT: "Nothing was announced for a week. People are polled as configured.",
}


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """``address`` is a secret of its kind: whoever knows it and the bearer can announce."""

    address: str
    hearing: str
    sentence: str
    listening: Listening | None
    last: Delivery | None
    polled: list[tuple[Flow, int]]
    """People flows that poll, and every how many minutes they do now."""


def panel_of(connection: Connection, now: datetime) -> Panel | None:
    """How the announcements of a connection stand; None where its product has none. Three queries."""
    if connection.product.webhooks is None:
        return None
    listening = Listening.objects.filter(connection=connection).first()
    deliveries = Delivery.objects.filter(connection=connection, replay_of=None)
    flows = Flow.objects.filter(
        integration__source=connection, kind=Flow.Kind.PEOPLE, paused=False, every_minutes__isnull=False
    ).select_related("integration")
    hearing = hearing_of(listening, now)
    path = reverse("webhook", args=[connection.vendor, connection.webhook_key])
    return Panel(
        address=f"{settings.SITE_URL.rstrip('/')}{path}",
        hearing=hearing.value,
        sentence=SENTENCES[hearing],
        listening=listening,
        last=deliveries.order_by("-pk").first(),
        polled=[(flow, interval_of(flow.every_minutes or 0, listening, now)) for flow in flows],
    )
