"""A delivery becomes a row for every connection it is about, in one round trip for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from connectors.routing import Route
from connectors.webhooks import Meaning, WebhookEvent
from sync.models import Delivery
from sync.webhooks.meanings import webhooks_of

# Row-level security is told whose row it is by the very statement that writes it: a transaction of its own for that
# would cost three round trips more than the row. The setting ends with the statement's transaction.
_STORE = """
    WITH scope AS MATERIALIZED (SELECT set_config('mlc.tenant', %(tenant)s, true) AS tenant)
    INSERT INTO sync_delivery (
        tenant_id, connection_id, origin, event, subject, digest, state, reason, received_at, settled_at, attempts
    )
    SELECT scope.tenant::uuid, %(connection)s, 'webhook', %(event)s, %(subject)s, %(digest)s, %(state)s, %(reason)s,
        %(at)s, %(settled_at)s, 0
    FROM scope
"""


def store(vendor: str, event: WebhookEvent, body: bytes, routes: Sequence[Route], *, at: datetime) -> None:
    """Afterwards each of the connections has this delivery, or none has. Call it outside any tenant's scope.

    What is ignored on purpose, or unknown, is settled at once. Of the body its SHA-256 is kept, and nothing else.
    """
    meaning, reason = webhooks_of(vendor).meaning(event)
    state = {Meaning.IGNORED: Delivery.State.IGNORED, Meaning.UNKNOWN: Delivery.State.UNKNOWN}.get(
        meaning, Delivery.State.PENDING
    )
    row: dict[str, str | datetime | None] = {
        "event": event.name,
        "subject": event.subject,
        "digest": hashlib.sha256(body).hexdigest(),
        "state": state.value,
        "reason": reason[:300],
        "at": at,
        "settled_at": None if state is Delivery.State.PENDING else at,
    }
    if len(routes) == 1:
        _insert(row, routes[0])
        return
    with transaction.atomic():
        for route in routes:
            _insert(row, route)


def _insert(row: dict[str, str | datetime | None], route: Route) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STORE, {**row, "tenant": str(route.tenant_id), "connection": route.connection_id})
