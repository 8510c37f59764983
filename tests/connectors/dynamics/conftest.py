"""A Dynamics environment of one's own on the simulator, whose time is the test's, and connectors to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from connectors.access import Grant
from connectors.dynamics.connector import DynamicsConnector
from connectors.dynamics.odata import OData
from connectors.dynamics.settings import read_settings
from sandbox.core import running
from sandbox.dynamics import DynamicsSimulator
from tests.connectors.customers import Customer
from tests.connectors.dynamics.books import Environment, MakeEnvironment, dynamics, environments
from tests.connectors.dynamics.specification import check_requests
from tests.connectors.scripted_server import ScriptedServer
from tests.connectors.surroundings import Clock, TokenMemory, context


class DynamicsCustomer(Customer, frozen=True, kw_only=True):
    """What a person would see and do in Dynamics itself, and connectors as runs get them."""

    clock: Clock
    opened: ExitStack

    def settings(self) -> dict[str, str]:
        return {
            "base_url": self.url,
            "authority": self.url,
            "directory_id": self.connect["directory_id"],
            "client_id": self.connect["client_id"],
            "legal_entities": ", ".join(self.connect["legal_entities"]),
            "journal_name": "PAYJRN",
            "time_zone": "America/Chicago",
            "department_dimension": "Department",
            "location_dimension": "CostCenter",
        }

    def connector(
        self,
        *,
        credentials: Mapping[str, str] = MappingProxyType({}),
        settings: Mapping[str, str] = MappingProxyType({}),
        **further_settings: str,
    ) -> DynamicsConnector:
        """A connector with these credentials and settings instead of the right ones."""
        surroundings = context(
            self.clock,
            settings={**self.settings(), **settings, **further_settings},
            credentials={"client_secret": self.connect["client_secret"], **credentials},
        )
        return self.opened.enter_context(closing(DynamicsConnector(surroundings)))

    def behave(self, **options: Any) -> None:
        """Change how this customer's Dynamics behaves."""
        self.change("set_options", **options)

    def worker(self, number: str) -> dict[str, Any]:
        """The one worker with this personnel number, as Dynamics holds it."""
        (found,) = [worker for worker in self.snapshot()["workers"] if worker["PersonnelNumber"] == number]
        return dict(found)

    def employments(self, number: str) -> list[dict[str, Any]]:
        """The worker's employments, the first one first."""
        found = [one for one in self.snapshot()["employments"] if one["PersonnelNumber"] == number]
        return sorted(found, key=lambda one: str(one["EmploymentStartDate"]))


MakeCustomer = Callable[..., DynamicsCustomer]
OpenOData = Callable[..., OData]
SECRET = "not-a-secret-8Q~abc"


@pytest.fixture
def make_customer(clock: Clock) -> Iterator[MakeCustomer]:
    """Customers by the simulator's options. Afterwards every request they got is held against the specification."""
    made: list[DynamicsCustomer] = []
    with ExitStack() as opened:
        address = opened.enter_context(running(DynamicsSimulator(clock.now)))

        def make(**options: Any) -> DynamicsCustomer:
            company = Customer.create(address, **options)
            made.append(DynamicsCustomer(company.url, company.connect, clock=clock, opened=opened))
            return made[-1]

        yield make
        for customer in made:
            check_requests(customer.requests())


@pytest.fixture
def customer(make_customer: MakeCustomer) -> DynamicsCustomer:
    """Three legal entities (usmf, gbsi, demf) and twelve workers of usmf, 000001 to 000012."""
    return make_customer(workers=12)


@pytest.fixture
def connect(server: ScriptedServer, clock: Clock) -> Iterator[OpenOData]:
    opened: list[OData] = []

    def make(*, credentials: dict[str, str] | None = None, signed_in: bool = True, **settings: str) -> OData:
        held = Grant(token="held.token", expires_at=clock.now() + timedelta(hours=1)) if signed_in else None
        around = context(
            clock,
            settings={
                "base_url": server.url,
                "authority": server.url,
                "directory_id": "contoso.example",
                "client_id": "11111111-2222-3333-4444-555555555555",
                "legal_entities": "usmf, frrt",
                **settings,
            },
            credentials=credentials or {"client_secret": SECRET},
            tokens=TokenMemory(held),
        )
        opened.append(OData(around, read_settings(around), 2))
        return opened[-1]

    yield make
    for odata in opened:
        odata.close()


@pytest.fixture(scope="session")
def dynamics_address() -> Iterator[str]:
    with dynamics() as address:
        yield address


@pytest.fixture
def make_environment(dynamics_address: str) -> Iterator[MakeEnvironment]:
    """Environments by the simulator's options, with books to them."""
    with environments(dynamics_address) as make:
        yield make


@pytest.fixture
def environment(make_environment: MakeEnvironment) -> Environment:
    """Three legal entities (usmf, gbsi, demf) without journals."""
    return make_environment()
