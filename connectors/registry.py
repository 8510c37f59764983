"""The one place where a connection's credentials are opened and its connector is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from django.conf import settings

from connectors import dynamics, plex, rippling
from connectors.access import Held, TokenStore, Unshared
from connectors.budget import SharedBudget
from connectors.contract import AppShop, Connector, ConnectorContext
from connectors.errors import ConnectionConfigError
from connectors.inputs import allowed_hosts
from connectors.models import Connection
from connectors.seal import SealBroken
from connectors.tokens import SharedTokens
from connectors.webhooks import WebhookProof
from tenants.scope import NoTenantScope, current_tenant_id

# One line a vendor.
APPS: dict[str, Callable[[ConnectorContext], AppShop]] = {"rippling": rippling.open_app}
INSTALLED_SETTINGS: dict[str, dict[str, str]] = {"rippling": rippling.INSTALLED}
OPENERS: dict[str, Callable[[ConnectorContext], Connector]] = {
    "rippling": rippling.open,
    "plex": plex.open,
    "dynamics": dynamics.open,
}


def open_connector(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
    before_write: Callable[[], None] = lambda: None,
) -> Connector:
    """A connector for one run, to be closed by the caller; ask it with ``isinstance`` what it can do.

    Must be called in the scope of the connection's tenant; the connector itself may be used from any thread.
    ``now`` gives aware UTC, ``random`` a number in [0, 1), ``before_write`` is called right before each change leaves
    and may raise. Raises ConnectionConfigError when the connection is paused, has no credentials, or has some that
    cannot be opened or cannot work.
    """
    if connection.state == Connection.State.PAUSED:
        reason = f" {connection.state_reason}" if connection.state_reason else ""
        raise ConnectionConfigError(f"The connection {connection.name} is paused.{reason}")
    return open_to_check(
        connection, now=now, sleep=sleep, random=random, correlation_id=correlation_id, before_write=before_write
    )


def open_to_check(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
    before_write: Callable[[], None] = lambda: None,
) -> Connector:
    """Like ``open_connector``, but also for a paused connection, which may be tested before it is resumed."""
    if current_tenant_id() != connection.tenant_id:
        raise NoTenantScope("A connection can be opened in the scope of its own tenant only.")
    if connection.vendor not in OPENERS:
        raise ConnectionConfigError(f"The product of the connection {connection.name} is no longer supported.")
    if not (connection.has_credentials or connection.is_installed):
        raise ConnectionConfigError(f"The connection {connection.name} has no credentials yet. Enter them on its page.")
    context = _context(connection, now=now, sleep=sleep, random=random, correlation_id=correlation_id)
    return OPENERS[connection.vendor](msgspec.structs.replace(context, before_write=before_write))


def open_app(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
    tokens: TokenStore | None = None,
) -> AppShop:
    """The app of a connection, or of one that is not stored yet, to be closed by the caller.

    ``tokens`` stand in for the connection's own, as long as it is not decided whose they are. Raises
    ConnectionConfigError when no app is set up, or the product has none.
    """
    if connection.vendor not in APPS:
        raise ConnectionConfigError(f"{connection.product.product} is not connected by installing an app.")
    context = _context(connection, now=now, sleep=sleep, random=random, correlation_id=correlation_id)
    return APPS[connection.vendor](msgspec.structs.replace(context, tokens=tokens) if tokens else context)


def _context(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
) -> ConnectorContext:
    try:
        credentials = connection.open_credentials()
    except SealBroken as broken:
        raise ConnectionConfigError(str(broken)) from None
    tenant, key = connection.tenant_id, connection.id
    limit = _requests_per_minute(connection)
    # A connection that is not stored yet shares nothing with anybody.
    is_new = connection._state.adding
    budget = Unshared() if is_new else SharedBudget(tenant, key, per_minute=limit, now=now, sleep=sleep)
    return ConnectorContext(
        # Said once, on the connection; vendors whose address depends on it read it like a setting.
        settings={**connection.settings, "environment": connection.environment},
        credentials=credentials,
        learned=connection.learned,
        allowed_hosts=allowed_hosts(connection.product),
        allow_loopback=settings.ALLOW_LOOPBACK_VENDORS,
        budget=budget,
        tokens=Held() if is_new else SharedTokens(tenant, key, now=now),
        app=app_of(connection.vendor),
        correlation_id=correlation_id,
        now=now,
        sleep=sleep,
        random=random,
    )


def app_of(vendor: str) -> dict[str, str]:
    """The operator's own app at this vendor: name, client_id, client_secret, redirect_uri; empty where not set up."""
    app = settings.VENDOR_APPS.get(vendor, {})
    return {name: app[name] for name in ("name", "client_id", "client_secret", "redirect_uri") if app.get(name)}


def installed_settings(vendor: str) -> dict[str, str]:
    """The settings of a connection that comes from installing the operator's app from the vendor's side."""
    return {**INSTALLED_SETTINGS[vendor], **settings.VENDOR_APPS.get(vendor, {}).get("settings", {})}


def webhook_proof(connection: Connection) -> WebhookProof:
    """What announcements to the connection's own address must carry; nothing is accepted while nothing was entered.

    Must be called in the scope of the connection's tenant; raises SealBroken when its credentials cannot be opened.
    """
    credentials = connection.open_credentials()

    def both(name: str) -> tuple[str, ...]:
        return tuple(filter(None, (credentials.get(name), credentials.get(f"{name}_next"))))

    return WebhookProof(
        tokens=both("webhook_token"),
        secrets=both("webhook_secret"),
        header=connection.settings.get("webhook_header", ""),
    )


def _requests_per_minute(connection: Connection) -> int | None:
    """The connection's limit, else its vendor's default; None when neither says one. Zero means unlimited."""
    defaults = {field.name: field.default for field in connection.product.settings}
    text = connection.settings.get("rate_limit_per_minute") or defaults.get("rate_limit_per_minute", "")
    try:
        return int(text) or None if text else None
    except ValueError:
        raise ConnectionConfigError(f"The calls per minute of {connection.name} must be a whole number.") from None
