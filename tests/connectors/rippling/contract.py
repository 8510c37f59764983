"""Rippling by each of its APIs, for the shared contract suite."""

from __future__ import annotations

from connectors import rippling
from connectors.contract import Connector, ConnectorContext
from sandbox.rippling import RipplingSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer


class RipplingContract(Contract):
    simulator = RipplingSimulator
    options = {"size": 230, "terminated": 12, "pending": 6}

    def __init__(self, api: str, people_path: str) -> None:
        self.name = f"rippling {api}"
        self.api = api
        self.people_path = people_path

    def open(self, surroundings: ConnectorContext) -> Connector:
        return rippling.open(surroundings)

    def settings(self, customer: Customer) -> dict[str, str]:
        return {
            "api": self.api,
            "rest_url": customer.url + customer.connect["base_path_v2"],
            "platform_url": customer.url + customer.connect["base_path_v1"],
        }

    def credentials(self, customer: Customer) -> dict[str, str]:
        return {"api_token": customer.connect["token"]}

    def wrong_credentials(self) -> dict[str, str]:
        return {"api_token": "0123456789abcdef0123456789abcdef"}

    def people(self, customer: Customer) -> dict[str, str | None]:
        return {worker["id"]: worker["work_email"] for worker in customer.snapshot()["workers"]}

    def change_somebody(self, customer: Customer) -> str:
        worker_id: str = customer.snapshot()["workers"][7]["id"]
        customer.change("update", worker=worker_id, title="Welder")
        return worker_id


CONTRACTS = [RipplingContract("v2", r"/workers/.*"), RipplingContract("v1", r"/platform/api/employees.*")]
