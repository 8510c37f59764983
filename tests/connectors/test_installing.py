"""An administrator connects Rippling by installing the app, from our side and from Rippling's; nobody else does."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEntry
from connectors import installing
from connectors.access import Grant
from connectors.contract import Company
from connectors.models import AccessToken, Connection
from connectors.routing import connections_of_company
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import Cast, make_cast
from tests.connectors.customers import Customer
from tests.connectors.installs import (
    browser,
    company_with_app,
    connect,
    connection_to,
    go_to_vendor,
    operators_app,
    stored,
)
from tests.connectors.stored import make_connection

D = Role.ADMINISTRATOR
CHOOSE = "/connect/rippling/choose/"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def customer(sandbox: dict[str, str]) -> Customer:
    return company_with_app(sandbox["rippling"])


def app_at(customer: Customer) -> Any:
    return customer.snapshot()["app"]


def said(client: Client) -> str:
    """The sentences waiting for the person, as their next page shows them."""
    return client.get("/admin/", follow=True).content.decode()


def trail(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_scope(tenant.id):
        found = AuditEntry.objects.filter(action__startswith="connection.").order_by("seq")
        return [(entry.action, entry.body) for entry in found]


def tokens(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return AccessToken.objects.exclude(sealed_by="").count()


def test_an_administrator_goes_to_rippling_agrees_and_is_back_with_a_tested_connection(
    cast: Cast, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    shown = ada.get(reverse("admin:connectors_connection_change", args=[connection.pk])).content.decode()
    assert "Connect with Rippling" in shown
    back = go_to_vendor(ada, connection)
    answer = ada.get(back)

    assert answer["Location"] == reverse("admin:connectors_connection_change", args=[connection.pk])
    found = stored(connection)
    assert found.state in ("ready", "limited"), found.findings
    assert found.company == customer.connect["company_id"] == found.learned["company_id"]
    assert (app_at(customer)["exchanges"], app_at(customer)["installed"]) == (1, True)
    assert [(r.tenant_id, r.connection_id) for r in connections_of_company("rippling", found.company)] == [
        (cast.acme.id, connection.pk)
    ]
    actions = [action for action, _ in trail(cast.acme)]
    assert actions.count("connection.installed") == 1
    secret = parse_qs(urlsplit(back).query)
    everything = caplog.text + "".join(body for _, body in trail(cast.acme)) + answer["Location"]
    for hidden in (secret["code"][0], secret["state"][0], customer.connect["app"]["client_secret"]):
        assert hidden not in everything


def test_the_answer_is_good_once_for_who_began_it_and_for_ten_minutes(
    cast: Cast, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    stranger, olga = browser(), browser(cast.olga)
    back = go_to_vendor(ada, connection)
    for other in (stranger, olga):
        assert other.get(back).status_code == 302
    ada.get(back.replace("state=", "state=x"))
    assert app_at(customer)["exchanges"] == 0, "a code was exchanged for somebody who had not asked"

    late = go_to_vendor(ada, connection)
    later = timezone.now() + timedelta(minutes=11)
    with monkeypatch.context() as patched:
        patched.setattr("connectors.app_shop.timezone.now", lambda: later)
        ada.get(late)
    assert app_at(customer)["exchanges"] == 0
    assert "Begin again" in said(ada)

    good = go_to_vendor(ada, connection)
    ada.get(good)
    ada.get(good)
    assert "received already" in said(ada)
    assert app_at(customer)["exchanges"] == 1
    assert app_at(customer)["refused_exchanges"] == 0, "a second use makes Rippling end the access of the first"
    assert tokens(cast.acme) == 1


def test_the_same_code_in_another_browser_is_told_in_a_sentence(
    cast: Cast, customer: Customer, settings: Settings
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    link = customer.change("install")["url"]
    first, second = browser(cast.people[D]), browser(cast.people[D])
    assert first.get(link)["Location"] == CHOOSE
    second.get(link)

    assert "no longer accepts this install" in said(second)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PREPARER, Role.APPROVER])
def test_only_an_administrator_connects(cast: Cast, customer: Customer, settings: Settings, role: Role) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    connection = connection_to(customer, cast.acme)
    person = browser(cast.people[role])

    assert person.post(reverse("app_shop_start", args=["rippling", connection.pk])).status_code == 403
    person.get(customer.change("install")["url"])
    assert person.get(CHOOSE).status_code == 403
    assert person.post(CHOOSE, {"option": "new"}).status_code == 403
    assert tokens(cast.acme) == 0


def test_another_companys_administrator_gets_nowhere(cast: Cast, customer: Customer) -> None:
    connection = connection_to(customer, cast.acme)
    ada, olga = browser(cast.people[D]), browser(cast.olga)
    address = reverse("app_shop_start", args=["rippling", connection.pk])
    assert olga.post(address).status_code == 404
    assert browser().post(address).status_code in (302, 403)
    assert ada.get(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.people[D])
    assert strict.post(address).status_code == 403
    assert (tokens(cast.acme), tokens(cast.other)) == (0, 0)


def test_from_rippling_somebody_signs_in_says_whose_it_is_and_is_sent_back(
    cast: Cast, customer: Customer, settings: Settings
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    visitor = browser()
    arrived = visitor.get(customer.change("install")["url"])
    assert arrived["Location"] == CHOOSE
    assert app_at(customer)["exchanges"] == 1, "the code does not wait"
    session = str(dict(visitor.session))
    assert customer.connect["company_id"] not in session
    assert "/admin/login/" in visitor.get(CHOOSE)["Location"]
    visitor.post("/admin/login/", {"username": cast.people[D].username, "password": "correct horse"})
    shown = visitor.get(CHOOSE)
    question = shown.context["question"]
    assert customer.connect["company_id"] in question.facts[0]

    done = visitor.post(CHOOSE, {**question.hidden, "option": "new"})

    assert done["Location"].startswith("https://app.rippling.com/apps/PLATFORM/")
    with tenant_scope(cast.acme.id):
        made = Connection.objects.get()
    assert (made.company, made.state in ("ready", "limited")) == (customer.connect["company_id"], True)
    assert app_at(customer)["installed"]
    assert visitor.get(CHOOSE).status_code == 302, "nothing is left to decide"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example.com/", "https://app.rippling.com.evil.example/", "https://app.rippling.com@evil.example/",
     "https://app.rippling.com\\@evil.example/", "http://app.rippling.com/", "//app.rippling.com/",
     "javascript:alert(1)"],
)  # fmt: skip
def test_nobody_is_sent_anywhere_but_to_rippling(
    cast: Cast, customer: Customer, settings: Settings, wanted: str
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    ada = browser(cast.people[D])
    ada.get(customer.change("install", return_to=wanted)["url"])
    question = ada.get(CHOOSE).context["question"]
    done = ada.post(CHOOSE, {**question.hidden, "option": "new"})

    name = customer.connect["app"]["name"]
    assert done["Location"] == f"https://app.rippling.com/apps/PLATFORM/{name}/redirect"


def test_an_install_from_rippling_completes_a_connection_that_waits(
    cast: Cast, customer: Customer, settings: Settings
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    connection = connection_to(customer, cast.acme, client_id="")
    ada = browser(cast.people[D])
    ada.get(customer.change("install")["url"])
    question = ada.get(CHOOSE).context["question"]
    assert [value for value, _, _ in question.options] == [str(connection.pk), "new"]
    ada.post(CHOOSE, {**question.hidden, "option": str(connection.pk)})

    assert stored(connection).company == customer.connect["company_id"]


def test_another_install_in_between_is_not_taken_for_the_one_that_was_shown(
    cast: Cast, customer: Customer, settings: Settings
) -> None:
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    ada = browser(cast.people[D])
    ada.get(customer.change("install")["url"])
    seen = ada.get(CHOOSE).context["question"]
    ada.get(customer.change("install")["url"])
    ada.post(CHOOSE, {**seen.hidden, "option": "new"})

    assert tokens(cast.acme) == 0


def test_a_company_of_another_tenant_is_refused_without_a_word_about_them(cast: Cast, customer: Customer) -> None:
    theirs, ours = connection_to(customer, cast.acme), connection_to(customer, cast.other, name="HR")
    connect(browser(cast.people[D]), theirs)
    olga = browser(cast.olga)
    connect(olga, ours)

    assert tokens(cast.other) == 0
    assert stored(ours).company == ""
    page = said(olga)
    assert "cannot be connected here. Ask your operator" in page
    assert "Acme" not in page


def test_a_connection_does_not_change_to_another_company(
    cast: Cast, customer: Customer, sandbox: dict[str, str]
) -> None:
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    connect(ada, connection)
    first = stored(connection).company
    elsewhere = Company("another-company-id", "Elsewhere Inc")
    with tenant_scope(cast.acme.id), pytest.raises(ValidationError, match="belongs to another Rippling company"):
        installing.install(connection, elsewhere, Grant(token="t", expires_at=timezone.now()), at=timezone.now())

    assert stored(connection).company == first


def test_a_company_is_theirs_who_installed_first(cast: Cast, customer: Customer) -> None:
    company = Company("the-same-company", "Northfield")
    grant = Grant(token="t", expires_at=timezone.now())
    mine, theirs = connection_to(customer, cast.acme), connection_to(customer, cast.other)
    with tenant_scope(cast.acme.id):
        installing.install(mine, company, grant, at=timezone.now())
    with tenant_scope(cast.other.id), pytest.raises(ValidationError):
        installing.install(theirs, company, grant, at=timezone.now())


def test_where_a_permission_is_refused_the_install_stays_open(cast: Cast, sandbox: dict[str, str]) -> None:
    customer = company_with_app(sandbox["rippling"])
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    back = go_to_vendor(ada, connection)
    customer.fault("status", status_code=403, body={"detail": "no"}, path=r"/workers/.*", times=None)
    ada.get(back)

    assert stored(connection).state == "attention"
    assert not [asked for asked in customer.requests() if asked["path"].endswith("/mark_app_installed")]
    assert "needs attention" in said(ada)


def test_a_rippling_that_cannot_be_told_of_the_end_is_a_warning(cast: Cast, customer: Customer) -> None:
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    back = go_to_vendor(ada, connection)
    customer.fault("status", status_code=400, body={"detail": "no"}, path=r".*/mark_app_installed", times=None)
    ada.get(back)

    assert stored(connection).state in ("ready", "limited")
    assert "could not be told" in said(ada)


def test_uninstalled_is_said_and_the_same_company_comes_back(cast: Cast, customer: Customer) -> None:
    connection = connection_to(customer, cast.acme)
    ada = browser(cast.people[D])
    connect(ada, connection)
    customer.change("uninstall")
    with tenant_scope(cast.acme.id):
        for _ in range(2):
            installing.uninstalled(connection, at=timezone.now())
    found = stored(connection)
    assert (found.state, tokens(cast.acme)) == ("attention", 0)
    assert "must connect it again" in found.state_reason

    connect(ada, connection)
    assert stored(connection).state in ("ready", "limited")
    actions = [action for action, _ in trail(cast.acme)]
    assert (actions.count("connection.uninstalled"), actions.count("connection.reconnected")) == (1, 1)


def test_a_token_connection_is_not_uninstalled(cast: Cast, customer: Customer) -> None:
    connection = make_connection(cast.acme)
    with tenant_scope(cast.acme.id):
        installing.uninstalled(connection, at=timezone.now())

    assert stored(connection).state == "new"


def test_nobody_agreed(cast: Cast, customer: Customer) -> None:
    ada = browser(cast.people[D])
    assert ada.get("/connect/rippling/?error=access_denied&state=x").status_code == 302
    assert "was not connected" in said(ada)
    assert ada.get("/connect/plex/?code=x").status_code == 404


def test_an_operator_without_an_app_is_told_what_is_missing(cast: Cast, customer: Customer) -> None:
    connection = connection_to(customer, cast.acme, client_id="")
    ada = browser(cast.people[D])
    ada.post(reverse("app_shop_start", args=["rippling", connection.pk]))

    assert "ask your operator to set up theirs" in said(ada)
