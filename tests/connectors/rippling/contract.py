"""Rippling by each of its APIs, for the shared contract suite."""

from __future__ import annotations

from decimal import Decimal

from connectors import rippling
from connectors.contract import Connector, ConnectorContext
from connectors.pay_runs import PayKind
from sandbox.rippling import RipplingSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer


class RipplingContract(Contract):
    simulator = RipplingSimulator
    options = {"size": 230, "terminated": 12, "pending": 6}

    def __init__(self, api: str, people_path: str, pay_path: str) -> None:
        self.name = f"rippling {api}"
        self.api = api
        self.people_path = people_path
        self.pay_path = pay_path
        payroll = {"runs": 2, "first_check_date": "2026-06-05", "route": api}
        self.pay_options = {"size": 280, "payroll": payroll}

    def open(self, surroundings: ConnectorContext) -> Connector:
        return rippling.open(surroundings)

    def settings(self, customer: Customer) -> dict[str, str]:
        return {
            "api": self.api,
            "payroll_route": self.api,
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

    def paid(self, customer: Customer) -> dict[str, dict[PayKind, Decimal]]:
        found = {}
        for run in customer.snapshot()["pay_runs"]:
            totals = {PayKind(kind): Decimal(amount) for kind, amount in run["totals"].items()}
            totals[PayKind.NET_PAY] = Decimal(run["net_pay"])
            found[run["id"]] = {kind: amount for kind, amount in totals.items() if amount}
        return found


CONTRACTS = [
    RipplingContract("v2", r"/workers/.*", r"/payroll-runs/[^/]+/worker-payroll-records/"),
    RipplingContract("v1", r"/platform/api/employees.*", r"/platform/api/payroll_runs/[^/]+/employees"),
]
