"""What comes from Rippling's side unasked: it holds nobody up, leaves nothing, and is for the right connections."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from connectors import administration, app_shop, installing
from connectors.access import Grant
from connectors.contract import Company
from connectors.isolated import isolated_connection
from sync.models import Delivery
from tenants.scope import tenant_scope
from tests.cast import Cast, make_cast
from tests.connectors.customers import Customer
from tests.connectors.installs import browser, company_with_app, connection_to, operators_app, stored
from tests.connectors.test_installing import CHOOSE, D, app_at, said, tokens


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def customer(sandbox: dict[str, str]) -> Customer:
    return company_with_app(sandbox["rippling"])


@pytest.mark.parametrize(
    "own", [{"client_id": "our-own-app"}, {"client_id": "", "token_url": "http://127.0.0.1:9/api/o/token/"}]
)
def test_an_install_from_rippling_is_not_for_a_connection_of_another_app_or_address(
    cast: Cast, customer: Customer, settings: Settings, own: dict[str, str]
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    connection = connection_to(customer, cast.acme, **own)
    ada = browser(cast.people[D])
    ada.get(customer.change("install")["url"])
    question = ada.get(CHOOSE).context["question"]
    assert [value for value, _, _ in question.options] == ["new"]
    ada.post(CHOOSE, {**question.hidden, "option": str(connection.pk)})

    assert (tokens(cast.acme), stored(connection).company) == (0, "")
    assert "is not of the app that was installed" in said(ada)


def test_codes_that_nobody_asked_for_neither_wait_nor_leave_anything(
    cast: Cast, customer: Customer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    slept: list[float] = []
    monkeypatch.setattr("connectors.app_shop.time.sleep", slept.append)
    before = Session.objects.count()
    for status_code in (400, 429, 503):
        customer.fault("status", status_code=status_code, body={"detail": "no"}, path=r".*/token/", times=20)
        customer.forget_requests()
        visitor = browser()
        assert visitor.get("/connect/rippling/?code=made-up").status_code == 302
        assert len(customer.requests()) == 1
        visitor.get("/connect/rippling/?code=made-up&state=made-up")
        customer.heal()

    assert (slept, Session.objects.count() - before) == ([], 0)


def test_only_a_few_codes_that_nobody_asked_for_are_exchanged_at_a_time(
    cast: Cast, customer: Customer, settings: Settings
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    ada, link = browser(cast.people[D]), customer.change("install")["url"]
    with app_shop._coming_in, app_shop._coming_in:
        ada.get(link)
        assert "Begin again in a minute" in said(ada)
    assert app_at(customer)["exchanges"] == 0
    assert ada.get(link)["Location"] == CHOOSE


def test_an_install_whose_key_is_gone_is_begun_again(cast: Cast, customer: Customer, settings: Settings) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    ada = browser(cast.people[D])
    ada.get(customer.change("install")["url"])
    settings.FERNET_KEYS = ["the-new-key"]

    assert ada.get(CHOOSE).status_code == 302
    assert "no install to decide on" in said(ada)


def test_an_announcement_is_kept_while_a_connection_is_being_changed(cast: Cast, customer: Customer) -> None:
    connection = connection_to(customer, cast.acme)
    company, grant = Company("c", "Northfield"), Grant(token="t", expires_at=timezone.now())

    def change(*, at: datetime) -> None:
        installing.install(connection, company, grant, at=at)
        administration.pause(connection, reason="Closing.", at=at)
        administration.resume(connection, at=at)
        administration.replace_credentials(connection, {"client_secret": "another"}, at=at)
        installing.uninstalled(connection, at=at)

    with tenant_scope(cast.acme.id), transaction.atomic():
        change(at=timezone.now())
        with isolated_connection(cast.acme.id), transaction.atomic(), database.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            Delivery.objects.create(connection_id=connection.pk, event="company.updated", received_at=timezone.now())
        assert Delivery.objects.filter(connection=connection).exists()
