"""A Rippling company and connectors to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.records import Worker, WorkerPage
from connectors.rippling.connector import RipplingConnector
from sandbox.rippling import RipplingSimulator
from tests.connectors.conftest import ServeSimulator
from tests.connectors.customers import Customer
from tests.connectors.rippling.contract import CONTRACTS
from tests.connectors.surroundings import Clock, context

Company = Callable[..., Customer]
Connect = Callable[..., RipplingConnector]
BY_API = {contract.api: contract for contract in CONTRACTS if contract.name == f"rippling {contract.api}"}


@pytest.fixture
def company(serve_simulator: ServeSimulator, as_described: None) -> Company:
    url = serve_simulator(RipplingSimulator)
    return lambda **options: Customer.create(url, **options)


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    opened: list[RipplingConnector] = []

    def make(customer: Customer, api: str = "v2", learned: Any = None, **settings: str) -> RipplingConnector:
        contract = BY_API[api]
        surroundings = context(
            clock,
            settings=contract.settings(customer) | {"payroll_route": "auto"} | settings,
            credentials=contract.credentials(customer),
            learned=learned or {},
        )
        opened.append(RipplingConnector(surroundings))
        return opened[-1]

    yield make
    for connector in opened:
        connector.close()


def everybody(pages: Iterator[WorkerPage]) -> dict[str, Worker]:
    """Workers by id; each comes once."""
    workers = [worker for page in pages for worker in page.workers]
    found = {worker.id: worker for worker in workers}
    assert len(found) == len(workers)
    return found
