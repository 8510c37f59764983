"""A Plex customer of one's own on the simulator, and connectors to it in both profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from types import MappingProxyType
from typing import Any

import pytest

from connectors.plex.connector import PlexConnector
from sandbox.core import running
from sandbox.plex import PlexSimulator
from tests.connectors.customers import Customer
from tests.connectors.plex.contract import CONTRACTS, PlexContract
from tests.connectors.plex.specification import check_requests
from tests.connectors.surroundings import Clock, context


class PlexCustomer(Customer, frozen=True, kw_only=True):
    """What a person would see and do in Plex itself, and connectors as runs get them."""

    contract: PlexContract
    clock: Clock
    opened: ExitStack

    @property
    def profile(self) -> str:
        return self.contract.profile

    @property
    def plants(self) -> list[dict[str, Any]]:
        return list(self.connect["plants"])

    @property
    def pcn(self) -> str:
        return str(self.plants[0]["pcn"])

    def connector(
        self,
        *,
        credentials: Mapping[str, str] = MappingProxyType({}),
        learned: Mapping[str, str] = MappingProxyType({}),
        settings: Mapping[str, str] = MappingProxyType({}),
        **further_settings: str,
    ) -> PlexConnector:
        """A connector with these credentials and settings instead of the right ones."""
        surroundings = context(
            self.clock,
            settings={**self.contract.settings(self), **settings, **further_settings},
            credentials={**self.contract.credentials(self), **credentials},
            learned=learned,
        )
        return self.opened.enter_context(closing(PlexConnector(surroundings)))

    def behave(self, **options: Any) -> None:
        """Change how this customer's Plex behaves."""
        self.change("set_options", **options)

    def enter(self, description: str, *, amount: str = "100.00", plant: int = 0, **fields: Any) -> str:
        """Somebody enters a journal of two lines by hand; returns its number."""
        lines = [
            {"accountNumber": "61000-210-0100", "debit": amount},
            {"accountNumber": "21500-000-0000", "credit": amount},
        ]
        pcn = self.plants[plant]["pcn"]
        fields = {"description": description, "lines": lines, **fields}
        return str(self.change("add_journal", pcn=pcn, **fields)["journalNumber"])

    def journals(self, plant: int = 0) -> list[dict[str, Any]]:
        """The books of a plant, oldest journal first."""
        return list(self.snapshot()["plants"][plant]["journals"])

    def writes(self) -> dict[str, int]:
        """How often Plex carried out or refused a write, by kind."""
        return {name: count for name, count in self.snapshot()["writes"].items() if count}

    def employee(self, badge: str) -> dict[str, Any]:
        """The one employee with this badge, as Plex holds it, with its plant under ``pcn``."""
        (found,) = [
            employee | {"pcn": str(plant["pcn"])}
            for plant in self.snapshot()["plants"]
            for employee in plant["employees"]
            if employee["badgeNumber"] == badge
        ]
        return dict(found)


MakeCustomer = Callable[..., PlexCustomer]

documents_only = pytest.mark.parametrize("contract", CONTRACTS[1:], ids=["documents"], indirect=True)
"""For what only the documents profile has: pages, envelopes, no word about the company."""


@pytest.fixture(scope="session")
def plex_address() -> Iterator[str]:
    with running(PlexSimulator()) as address:
        yield address


@pytest.fixture(params=CONTRACTS, ids=lambda contract: contract.profile)
def contract(request: pytest.FixtureRequest) -> PlexContract:
    assert isinstance(request.param, PlexContract)
    return request.param


@pytest.fixture
def make_customer(plex_address: str, clock: Clock, contract: PlexContract) -> Iterator[MakeCustomer]:
    """Customers by the simulator's options. Afterwards every request they got is held against the specification."""
    made: list[PlexCustomer] = []
    with ExitStack() as opened:

        def make(**options: Any) -> PlexCustomer:
            company = Customer.create(plex_address, **options)
            made.append(PlexCustomer(company.url, company.connect, contract=contract, clock=clock, opened=opened))
            return made[-1]

        yield make
        if contract.profile == "connect":
            for customer in made:
                check_requests(customer.requests())


@pytest.fixture
def customer(make_customer: MakeCustomer) -> PlexCustomer:
    """Two plants with the same setup and six employees (badges 10001 …, in turn)."""
    return make_customer(plants=[{"code": "acme"}, {"code": "acme2"}], employees=6)
