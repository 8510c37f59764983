"""Whose an announcement is, before any tenant is known, and what it must carry to be believed."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from django.conf import settings
from django.db import connections

from connectors.models import Connection
from connectors.registry import webhook_proof
from connectors.webhooks import WebhookProof


class Route(NamedTuple):
    """A connection, and whose it is."""

    tenant_id: uuid.UUID
    connection_id: uuid.UUID


def connection_of_webhook(key: str) -> Route | None:
    """The connection with this webhook key, None when there is none. Needs no tenant's scope."""
    try:
        parsed = uuid.UUID(key)
    except ValueError:
        return None
    if str(parsed) != key:
        return None
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT tenant_id, connection_id FROM mlc_connection_of_webhook(%s)", [parsed])
        row = cursor.fetchone()
    return Route(*row) if row else None


def connections_of_company(vendor: str, company: str) -> list[Route]:
    """Every connection, of whatever tenant, to this company of the vendor's. Needs no tenant's scope."""
    if not company:
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT tenant_id, connection_id FROM mlc_connections_of_company(%s, %s)", [vendor, company])
        return [Route(*row) for row in cursor.fetchall()]


def proof_of_connection(connection: Connection) -> WebhookProof:
    """What deliveries to the connection's own address must carry. Call it in the scope of its tenant."""
    return webhook_proof(connection)


def operator_key(vendor: str) -> str:
    """The last part of the address that the operator's own app announces to; empty when there is no such app."""
    key: str = settings.VENDOR_APPS.get(vendor, {}).get("webhook_key", "")
    return key


def operator_proof(vendor: str) -> WebhookProof:
    """What deliveries to the operator's address must carry."""
    app = settings.VENDOR_APPS.get(vendor, {})
    return WebhookProof(
        tokens=tuple(app.get("webhook_tokens", ())),
        secrets=tuple(app.get("webhook_secrets", ())),
    )
