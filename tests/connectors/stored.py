"""Connections as they lie in the database, for tests of what surrounds the vendors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.models import Connection
from tenants.models import Tenant
from tenants.scope import tenant_scope

PLEX_SETTINGS = {"profile": "connect", "pcn": "80101", "company_code": "ACME"}
PLEX_CREDENTIALS = {"api_key": "not-a-real-key-4711"}


def make_connection(
    tenant: Tenant,
    *,
    name: str = "Plex",
    settings: Mapping[str, str] = PLEX_SETTINGS,
    credentials: Mapping[str, str] = PLEX_CREDENTIALS,
    **values: Any,
) -> Connection:
    """A saved Plex connection of this company; ``values`` are further columns."""
    with tenant_scope(tenant.id):
        connection = Connection(vendor="plex", name=name, settings=dict(settings), **values)
        connection.replace_credentials(credentials)
        connection.save(force_insert=True)
    return connection
