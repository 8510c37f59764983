"""A Plex customer of one's own on the simulator, and connectors to it in both profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from connectors.plex.connector import PlexConnector
from sandbox.core import running
from sandbox.plex import PlexSimulator
from tests.connectors.plex.specification import check_requests
from tests.connectors.surroundings import Clock, context


@dataclass
class Customer:
    """A company in the simulator: what a person would do in Plex itself, and what Plex holds."""

    url: str
    key: str
    connect: dict[str, Any]
    profile: str
    clock: Clock
    open_connectors: ExitStack
    http: httpx.Client = field(repr=False)

    @property
    def plants(self) -> list[dict[str, Any]]:
        return list(self.connect["plants"])

    @property
    def pcn(self) -> str:
        return str(self.plants[0]["pcn"])

    def settings(self, **changes: str) -> dict[str, str]:
        own, *further = self.plants
        return {
            "profile": self.profile,
            "base_url": self.url + ("/api" if self.profile == "documents" else ""),
            "environment": "test",
            "pcn": str(own["pcn"]),
            "company_code": own["code"],
            "plants": "\n".join(f"{p['pcn']}:{p['code']}:{p['tenant_id']}" for p in further),
            "token_url": self.url + self.connect["token_path"],
            "client_id": self.connect["client_id"],
            **changes,
        }

    def connector(self, *, credentials: dict[str, str] | None = None, **changes: str) -> PlexConnector:
        """A connector as a run gets one; settings by name."""
        sealed = {"api_key": self.connect["api_key"], "client_secret": self.connect["client_secret"]}
        surroundings = context(self.clock, settings=self.settings(**changes), credentials=sealed | (credentials or {}))
        return self.open_connectors.enter_context(closing(PlexConnector(surroundings)))

    def _control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_control/companies/{self.key}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def change(self, action: str, **arguments: Any) -> dict[str, Any]:
        changed: dict[str, Any] = self._control("POST", f"/changes/{action}", arguments)
        return changed

    def options(self, **options: Any) -> None:
        self.change("set_options", **options)

    def fault(self, kind: str, **fault: Any) -> None:
        self._control("POST", "/faults", {"kind": kind, **fault})

    def requests(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self._control("GET", "/requests")["requests"]
        return log

    def snapshot(self) -> dict[str, Any]:
        held: dict[str, Any] = self._control("GET", "")
        return held

    def writes(self) -> dict[str, int]:
        return {name: count for name, count in self.snapshot()["writes"].items() if count}

    def employee(self, badge: str) -> dict[str, Any]:
        """The one employee with this badge, as Plex holds it, with its plant under ``pcn``."""
        (found,) = [
            employee | {"pcn": str(plant["pcn"])}
            for plant in self.snapshot()["plants"]
            for employee in plant["employees"]
            if employee["badgeNumber"] == badge
        ]
        return found


MakeCustomer = Callable[..., Customer]


@pytest.fixture(params=["connect", "documents"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def plex_address() -> Iterator[str]:
    with running(PlexSimulator()) as address:
        yield address


@pytest.fixture
def make_customer(plex_address: str, clock: Clock, profile: str) -> Iterator[MakeCustomer]:
    """Customers by the simulator's options. Afterwards every request they got is held against the specification."""
    url = plex_address
    made: list[Customer] = []
    with ExitStack() as connectors, httpx.Client(trust_env=False) as http:

        def make(**options: Any) -> Customer:
            answer = http.post(f"{url}/_control/companies", json=options)
            answer.raise_for_status()
            connect = answer.json()
            made.append(Customer(url, connect["key"], connect, profile, clock, connectors, http))
            return made[-1]

        yield make
        if profile == "connect":
            for customer in made:
                check_requests(customer.requests())


@pytest.fixture
def customer(make_customer: MakeCustomer) -> Customer:
    """Two plants with the same setup and six employees (badges 10001 …, in turn)."""
    return make_customer(plants=[{"code": "acme"}, {"code": "acme2"}], employees=6)
