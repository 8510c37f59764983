"""An announcement finds its connection by an unguessable key or by the company, and knows what must prove it."""

from __future__ import annotations

import uuid

from django.db import connection as database
from pytest_django import Settings

from connectors.access import Grant
from connectors.administration import replace_credentials
from connectors.models import AccessToken, Connection
from connectors.routing import (
    Route,
    connection_of_webhook,
    connections_of_company,
    operator_key,
    operator_proof,
    proof_of_connection,
)
from connectors.tokens import SharedTokens
from connectors.webhooks import WebhookProof
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.stored import make_connection
from tests.connectors.surroundings import START


def rippling(name: str, company: str = "") -> Connection:
    tenant = make_tenant(name)
    with tenant_scope(tenant.id):
        made = Connection(vendor="rippling", name="HR", settings={"auth": "app_shop"}, company=company)
        made.save(force_insert=True)
    return made


def test_a_key_leads_to_one_connection_of_whatever_tenant() -> None:
    mine, other = rippling("Acme"), rippling("Other")
    assert mine.webhook_key != other.webhook_key
    assert connection_of_webhook(str(mine.webhook_key)) == Route(mine.tenant_id, mine.id)
    for wrong in (str(uuid.uuid4()), "", "x", str(mine.webhook_key).upper(), str(mine.webhook_key).replace("-", "")):
        assert connection_of_webhook(wrong) is None


def test_a_company_leads_to_all_its_connections_and_an_unknown_one_to_none() -> None:
    company = uuid.uuid4().hex[:24]
    mine, other = rippling("Acme", company), rippling("Other", company)
    rippling("Third", uuid.uuid4().hex[:24])

    assert connections_of_company("rippling", company) == [
        Route(mine.tenant_id, mine.id),
        Route(other.tenant_id, other.id),
    ]
    assert connections_of_company("plex", company) == []
    assert connections_of_company("rippling", "") == []


def test_outside_a_scope_nothing_else_can_be_read_of_them() -> None:
    rippling("Acme", "some-company")
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM connectors_connection")
        assert cursor.fetchone() == (0,)


def test_a_connections_proof_is_what_was_entered_and_changing_it_keeps_the_access() -> None:
    connection = rippling("Acme")
    with tenant_scope(connection.tenant_id):
        assert proof_of_connection(connection) == WebhookProof()
        replace_credentials(connection, {"client_secret": "s"}, at=START)
        SharedTokens(connection.tenant_id, connection.id, now=lambda: START).keep(Grant(token="t", expires_at=START))
        entered = {"client_secret": "s", "webhook_token": "one", "webhook_token_next": "two", "webhook_secret": "three"}
        replace_credentials(connection, entered, at=START)
        assert proof_of_connection(connection) == WebhookProof(tokens=("one", "two"), secrets=("three",))
        assert AccessToken.objects.exists(), "another webhook token is no reason to install again"
        replace_credentials(connection, {**entered, "client_secret": "other"}, at=START)
        assert not AccessToken.objects.exists()


def test_the_operators_proof_is_in_the_settings(settings: Settings) -> None:
    app = {"webhook_key": "k", "webhook_tokens": ["a", "b"], "webhook_secrets": []}
    settings.VENDOR_APPS = {"rippling": app}

    assert operator_key("rippling") == "k"
    assert operator_proof("rippling") == WebhookProof(tokens=("a", "b"))
    assert (operator_key("plex"), operator_proof("plex")) == ("", WebhookProof())


def test_a_connection_of_another_product_has_a_key_too() -> None:
    connection = make_connection(make_tenant("Acme"))
    assert connection_of_webhook(str(connection.webhook_key)) == Route(connection.tenant_id, connection.id)
