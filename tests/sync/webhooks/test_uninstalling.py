"""“Uninstalled” is a hint, too: only a connection that no longer works loses its access."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from connectors.checks import check_connection
from connectors.models import AccessToken, Connection
from sync.models import Delivery
from sync.webhooks import following, uninstalling
from sync.webhooks.following import follow
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.cast import Cast, make_cast
from tests.connectors.customers import Customer
from tests.connectors.installs import browser, company_with_app, connect, connection_to
from tests.sync.story import FastWorld
from tests.sync.webhooks.site import OPERATORS_TOKENS, Site, post


@pytest.fixture(autouse=True)
def _as_described() -> None:
    """Signing in is in no description of the vendor's that we hold."""


@dataclass
class Installed:
    """A company that installed the operator's app, and its connection."""

    site: Site
    cast: Cast
    customer: Customer
    connection: Connection
    world: FastWorld = field(default_factory=FastWorld)

    def connect(self) -> None:
        """An administrator goes to the vendor, agrees and comes back."""
        connect(browser(self.cast.people[Role.ADMINISTRATOR]), self.connection)

    def told(self, event: str = "company.deleted") -> None:
        """Somebody announces this to us."""
        company = self.customer.connect["company_id"]
        fields = {"event_name": event, "id": company, "company_id": company}
        assert post(self.site.operators_address, OPERATORS_TOKENS[0], **fields).status_code == 200

    def heed(self) -> tuple[str, str, int]:
        """What waits is followed: the state of the last delivery, that of the connection, and the access held."""
        with tenant_scope(self.cast.acme.id):
            follow(self.connection.pk, self.world)
            delivery = Delivery.objects.latest("pk")
            held = AccessToken.objects.exclude(sealed_by="").count()
            return delivery.state, self.state, held

    def hear(self) -> tuple[str, str, int]:
        """Somebody says that we were uninstalled, and it is followed."""
        self.told()
        return self.heed()

    def later(self) -> tuple[str, str, int]:
        """An hour later what waits is followed again."""
        self.world.ahead += timedelta(hours=1)
        return self.heed()

    @property
    def state(self) -> str:
        with tenant_scope(self.cast.acme.id):
            return Connection.objects.get(pk=self.connection.pk).state


@pytest.fixture
def installed(site: Site, sandbox: dict[str, str]) -> Installed:
    cast, customer = make_cast(), company_with_app(sandbox["rippling"])
    one = Installed(site, cast, customer, connection_to(customer, cast.acme))
    one.connect()
    return one


def test_access_is_erased_only_if_it_was_withdrawn(installed: Installed) -> None:
    assert installed.hear() == ("settled", installed.state, 1), "it was installed again since"
    assert installed.state in ("ready", "limited")
    installed.customer.change("uninstall")
    assert installed.hear() == ("settled", "attention", 0)
    assert installed.hear() == ("settled", "attention", 0)


@pytest.mark.parametrize(
    "trouble", [{"status_code": 503}, {"status_code": 403, "body": {"detail": "no"}, "path": r".*/workers/.*"}]
)
def test_a_source_that_cannot_tell_takes_nothing_from_us(installed: Installed, trouble: dict[str, Any]) -> None:
    """An outage and a missing permission prove nothing: the word waits until the source answers."""
    works = installed.state
    installed.customer.fault("status", times=None, **trouble)
    assert installed.hear() == ("pending", "attention", 1)
    assert installed.later() == ("pending", "attention", 1)
    installed.customer.heal()

    assert installed.later() == ("settled", works, 1)


def test_an_outage_only_delays_the_erasing(installed: Installed) -> None:
    installed.customer.change("uninstall")
    installed.customer.fault("status", times=None, status_code=503)
    assert installed.hear() == ("pending", "attention", 1)
    installed.customer.heal()

    assert installed.later() == ("settled", "attention", 0)


def test_a_paused_connection_that_works_keeps_its_access(installed: Installed) -> None:
    with tenant_scope(installed.cast.acme.id):
        Connection.objects.update(state=Connection.State.PAUSED)

    assert installed.hear() == ("settled", "paused", 1)


def test_who_installs_again_while_we_ask_keeps_the_new_access(installed: Installed) -> None:
    works = installed.state

    def ask_slowly(*args: Any, **kwargs: Any) -> Any:
        result = check_connection(*args, **kwargs)
        installed.connect()
        return result

    installed.customer.change("uninstall")
    with mock.patch.object(uninstalling, "check_connection", ask_slowly):
        assert installed.hear() == ("pending", works, 1)

    assert installed.later() == ("settled", works, 1)


def test_the_end_is_heard_however_much_waits_before_it(installed: Installed) -> None:
    installed.told("employee.updated")
    installed.customer.change("uninstall")
    with mock.patch.object(following, "AT_ONCE", 1):
        assert installed.hear() == ("settled", "attention", 0)
