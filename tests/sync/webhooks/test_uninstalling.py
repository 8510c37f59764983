"""“Uninstalled” is a hint, too: only a connection that no longer works loses its access."""

from __future__ import annotations

import pytest

from connectors.models import AccessToken, Connection
from sync.models import Delivery
from sync.webhooks.following import follow
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.cast import make_cast
from tests.connectors.installs import browser, company_with_app, connect, connection_to
from tests.sync.story import FastWorld
from tests.sync.webhooks.site import OPERATORS_TOKENS, Site, post


@pytest.fixture(autouse=True)
def _as_described() -> None:
    """Signing in is in no description of the vendor's that we hold."""


def test_access_is_erased_only_if_it_was_withdrawn(site: Site, sandbox: dict[str, str]) -> None:
    cast, customer = make_cast(), company_with_app(sandbox["rippling"])
    connection = connection_to(customer, cast.acme)
    connect(browser(cast.people[Role.ADMINISTRATOR]), connection)
    company = customer.connect["company_id"]

    def hear() -> tuple[str, str, int]:
        fields = {"event_name": "company.deleted", "id": company, "company_id": company}
        assert post(site.operators_address, OPERATORS_TOKENS[0], **fields).status_code == 200
        with tenant_scope(cast.acme.id):
            follow(connection.pk, FastWorld())
            delivery = Delivery.objects.latest("pk")
            held = AccessToken.objects.exclude(sealed_by="").count()
            return delivery.state, Connection.objects.get(pk=connection.pk).state, held

    with tenant_scope(cast.acme.id):
        before = Connection.objects.get(pk=connection.pk).state
    assert hear() == ("settled", before, 1), "it was installed again since"
    customer.change("uninstall")
    assert hear() == ("settled", "attention", 0)
    assert hear() == ("settled", "attention", 0)
