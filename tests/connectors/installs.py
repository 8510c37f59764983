"""A company at the simulator whose administrator installs our app, and a browser that goes there and back."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from connectors.administration import replace_credentials, save_connection
from connectors.models import Connection
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.connectors.customers import Customer
from tests.connectors.surroundings import START

OURS = "http://testserver/connect/rippling/"


def company_with_app(url: str, **options: Any) -> Customer:
    """A company of a few people with an id of its own; the app's redirect address is the test browser's."""
    app = {"redirect_uri": OURS, **options.pop("app", {})}
    return Customer.create(url, **{"size": 12, "seed": secrets.randbelow(10**9), "app": app, **options})


def settings_of(customer: Customer, **own: str) -> dict[str, str]:
    """Where a connection finds this company, and which app it is."""
    app = customer.connect["app"]
    return {
        "auth": "app_shop",
        "rest_url": customer.url + customer.connect["base_path_v2"],
        "platform_url": customer.url + customer.connect["base_path_v1"],
        "authorize_url": f"{customer.url}/apps/PLATFORM/{app['name']}/authorize",
        "token_url": f"{customer.url}/api/o/token/",
        "app_name": app["name"],
        "client_id": app["client_id"],
        **own,
    }


def operators_app(customer: Customer) -> dict[str, Any]:
    """The simulator's app as the operator's own: a value of VENDOR_APPS."""
    app, settings = customer.connect["app"], settings_of(customer)
    addresses = ("rest_url", "platform_url", "authorize_url", "token_url")
    return {
        **{name: app[name] for name in ("name", "client_id", "client_secret")},
        "settings": {name: settings[name] for name in addresses},
    }


def connection_to(customer: Customer, tenant: Tenant, name: str = "Rippling", **own: str) -> Connection:
    """A connection with an app of its own, not installed yet."""
    with tenant_scope(tenant.id):
        made = Connection(vendor="rippling", name=name, settings=settings_of(customer, **own))
        save_connection(made, at=START)
        secret = {"client_secret": customer.connect["app"]["client_secret"]}
        replace_credentials(made, secret, at=START)
    return made


def browser(person: User | None = None) -> Client:
    """A browser, signed in as this person."""
    client = Client()
    if person:
        client.force_login(person)
    return client


def go_to_vendor(client: Client, connection: Connection) -> str:
    """Press Connect and agree at the vendor; the address that the vendor sends the browser to."""
    started = client.post(reverse("app_shop_start", args=["rippling", connection.pk]))
    assert started.status_code == 302, started.content
    agreed = httpx.get(started["Location"])
    assert agreed.status_code == 302, agreed.text
    return agreed.headers["Location"]


def connect(client: Client, connection: Connection) -> HttpResponse:
    """The whole way there and back."""
    return client.get(go_to_vendor(client, connection))  # type: ignore[return-value]


def stored(connection: Connection) -> Connection:
    """The connection as it lies in the database."""
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)
