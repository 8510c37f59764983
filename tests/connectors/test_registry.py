"""A connector is opened for the right tenant, with the right credentials, or not at all."""

from __future__ import annotations

import random
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import connection as database
from pytest_django import Settings

from connectors import registry
from connectors.budget import SharedBudget
from connectors.contract import Connector, ConnectorContext, OrgSource, WorkerSource
from connectors.errors import ConnectionConfigError
from connectors.models import Connection
from connectors.registry import open_connector
from connectors.vendors import VENDORS
from tenants.scope import NoTenantScope, tenant_scope
from tests.cast import make_tenant
from tests.connectors.stored import PLEX_CREDENTIALS, PLEX_SETTINGS, make_connection


def opened(connection: Connection) -> Connector:
    return open_connector(
        connection,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        random=random.random,
        correlation_id="run-1",
    )


def refusal(connection: Connection) -> str:
    with tenant_scope(connection.tenant_id), pytest.raises(ConnectionConfigError) as caught:
        opened(connection)
    assert PLEX_CREDENTIALS["api_key"] not in caught.value.sentence + caught.value.detail
    return caught.value.sentence


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[ConnectorContext]:
    """What the vendor was given to work with."""
    given: list[ConnectorContext] = []
    real = registry.OPENERS["plex"]

    def remember(context: ConnectorContext) -> Connector:
        given.append(context)
        return real(context)

    monkeypatch.setitem(registry.OPENERS, "plex", remember)
    return given


def test_every_vendor_can_be_opened() -> None:
    assert set(registry.OPENERS) == set(VENDORS)


def test_a_rippling_connection_opens_as_a_source() -> None:
    connection = make_connection(make_tenant("Acme"), settings={"api": "v2"}, credentials={"api_token": "not-real"})
    connection.vendor = "rippling"
    with tenant_scope(connection.tenant_id), closing(opened(connection)) as connector:
        assert isinstance(connector, OrgSource)
        assert isinstance(connector, WorkerSource)


def test_the_vendor_gets_its_settings_credentials_and_hosts(
    contexts: list[ConnectorContext], settings: Settings
) -> None:
    settings.ALLOWED_VENDOR_HOSTS = frozenset({"Gateway.acme.example"})
    connection = make_connection(make_tenant("Acme"), learned={"host": "x"})
    with tenant_scope(connection.tenant_id), closing(opened(connection)):
        pass

    (context,) = contexts
    assert (context.credentials, context.learned) == (PLEX_CREDENTIALS, {"host": "x"})
    assert context.settings == PLEX_SETTINGS | {"environment": "production"}
    assert {"connect.plex.com", "gateway.acme.example"} <= context.allowed_hosts
    assert PLEX_CREDENTIALS["api_key"] not in repr(context)


@pytest.mark.parametrize(
    ("entered", "per_minute"), [("", 180), ("60", 60), ("0", None)], ids=["vendor's", "own", "none"]
)
def test_the_limit_is_the_connections_or_the_vendors(
    contexts: list[ConnectorContext], entered: str, per_minute: int | None
) -> None:
    connection = make_connection(make_tenant("Acme"), settings=PLEX_SETTINGS | {"rate_limit_per_minute": entered})
    with tenant_scope(connection.tenant_id), closing(opened(connection)):
        pass

    budget = contexts[0].budget
    assert isinstance(budget, SharedBudget)
    assert budget.per_minute == per_minute


def test_a_paused_connection_says_why() -> None:
    connection = make_connection(
        make_tenant("Acme"), state=Connection.State.PAUSED, state_reason="Plex is being upgraded."
    )

    assert refusal(connection) == "The connection Plex is paused. Plex is being upgraded."


def test_a_connection_without_credentials_asks_for_them() -> None:
    assert "has no credentials yet" in refusal(make_connection(make_tenant("Acme"), credentials={}))


def test_credentials_under_a_lost_key_are_a_matter_for_a_person(settings: Settings) -> None:
    connection = make_connection(make_tenant("Acme"))
    settings.FERNET_KEYS = ["another-key"]

    assert "cannot be read with the keys in use" in refusal(connection)


def test_credentials_copied_from_another_connection_are_refused() -> None:
    acme = make_tenant("Acme")
    source, target = make_connection(acme), make_connection(acme, name="Copy")
    with tenant_scope(acme.id), database.cursor() as cursor:
        cursor.execute(
            "UPDATE connectors_connection SET sealed = (SELECT sealed FROM connectors_connection WHERE id = %s)"
            " WHERE id = %s",
            [source.id, target.id],
        )
        target.refresh_from_db()

    assert "stored for another connection" in refusal(target)


def test_a_connection_opens_in_its_own_tenants_scope_only() -> None:
    connection, other = make_connection(make_tenant("Acme")), make_tenant("Other")

    with pytest.raises(NoTenantScope):
        opened(connection)
    with tenant_scope(other.id), pytest.raises(NoTenantScope):
        opened(connection)
