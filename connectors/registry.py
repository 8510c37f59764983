"""The one place where a connection's credentials are opened and its connector is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from connectors import plex, rippling
from connectors.budget import SharedBudget
from connectors.contract import Connector, ConnectorContext
from connectors.errors import ConnectionConfigError
from connectors.inputs import allowed_hosts
from connectors.models import Connection
from connectors.seal import SealBroken
from connectors.tokens import SharedTokens
from tenants.scope import NoTenantScope, current_tenant_id

# One line a vendor.
OPENERS: dict[str, Callable[[ConnectorContext], Connector]] = {
    "rippling": rippling.open,
    "plex": plex.open,
}


def open_connector(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
) -> Connector:
    """A connector for one run, to be closed by the caller; ask it with ``isinstance`` what it can do.

    Must be called in the scope of the connection's tenant; the connector itself may be used from any thread.
    ``now`` gives aware UTC, ``random`` a number in [0, 1). Raises ConnectionConfigError when the connection is
    paused, has no credentials, or has some that cannot be opened or cannot work.
    """
    if connection.state == Connection.State.PAUSED:
        reason = f" {connection.state_reason}" if connection.state_reason else ""
        raise ConnectionConfigError(f"The connection {connection.name} is paused.{reason}")
    return open_to_check(connection, now=now, sleep=sleep, random=random, correlation_id=correlation_id)


def open_to_check(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
) -> Connector:
    """Like ``open_connector``, but also for a paused connection, which may be tested before it is resumed."""
    if current_tenant_id() != connection.tenant_id:
        raise NoTenantScope("A connection can be opened in the scope of its own tenant only.")
    if connection.vendor not in OPENERS:
        raise ConnectionConfigError(f"The product of the connection {connection.name} is no longer supported.")
    vendor = connection.product
    if not connection.has_credentials and any(field.secret for field in vendor.settings):
        raise ConnectionConfigError(f"The connection {connection.name} has no credentials yet. Enter them on its page.")
    try:
        credentials = connection.open_credentials()
    except SealBroken as broken:
        raise ConnectionConfigError(str(broken)) from None
    context = ConnectorContext(
        # Said once, on the connection; vendors whose address depends on it read it like a setting.
        settings={**connection.settings, "environment": connection.environment},
        credentials=credentials,
        learned=connection.learned,
        allowed_hosts=allowed_hosts(vendor),
        allow_loopback=settings.ALLOW_LOOPBACK_VENDORS,
        budget=SharedBudget(
            connection.tenant_id, connection.id, per_minute=_requests_per_minute(connection), now=now, sleep=sleep
        ),
        tokens=SharedTokens(connection.tenant_id, connection.id, now=now),
        correlation_id=correlation_id,
        now=now,
        sleep=sleep,
        random=random,
    )
    return OPENERS[connection.vendor](context)


def _requests_per_minute(connection: Connection) -> int | None:
    """The connection's limit, else its vendor's default; None when neither says one. Zero means unlimited."""
    defaults = {field.name: field.default for field in connection.product.settings}
    text = connection.settings.get("rate_limit_per_minute") or defaults.get("rate_limit_per_minute", "")
    try:
        return int(text) or None if text else None
    except ValueError:
        raise ConnectionConfigError(f"The calls per minute of {connection.name} must be a whole number.") from None
