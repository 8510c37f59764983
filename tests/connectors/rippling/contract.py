"""Rippling by each of its APIs, for the shared contract suite."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from connectors import rippling
from connectors.contract import Connector, ConnectorContext
from connectors.pay_runs import PayKind
from sandbox.rippling import RipplingSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer
from tests.connectors.surroundings import Clock, TokenMemory, context


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


class InstalledContract(RipplingContract):
    """The same by an app of the App Shop, with the access that an administrator gave."""

    def __init__(self, api: str, people_path: str, pay_path: str) -> None:
        super().__init__(api, people_path, pay_path)
        self.name = f"rippling {api} app"
        self._access: dict[str, TokenMemory] = {}

    def settings(self, customer: Customer) -> dict[str, str]:
        app = customer.connect["app"]
        return {
            **super().settings(customer),
            "auth": "app_shop",
            "token_url": f"{customer.url}/api/o/token/",
            "app_name": app["name"],
            "client_id": app["client_id"],
        }

    def credentials(self, customer: Customer) -> dict[str, str]:
        return {"client_secret": customer.connect["app"]["client_secret"]}

    def wrong_credentials(self) -> dict[str, str]:
        return {"client_secret": "0123456789abcdef0123456789abcdef"}

    def prepare(self, customer: Customer) -> None:
        """An administrator installs the app."""
        shop = rippling.open_app(context(settings=self.settings(customer), credentials=self.credentials(customer)))
        grant = shop.exchange(customer.change("install")["code"], customer.connect["app"]["redirect_uri"])
        shop.close()
        self._access[customer.connect["key"]] = TokenMemory(held=grant)
        customer.forget_requests()

    def connector(self, customer: Customer, clock: Clock | None = None, **values: Any) -> Connector:
        """With access that has run out: the first request renews it."""
        tokens = self._access[customer.connect["key"]]
        assert tokens.held is not None
        tokens.held = replace(tokens.held, expires_at=datetime.min.replace(tzinfo=UTC))
        return super().connector(customer, clock, **{"tokens": tokens, **values})


CONTRACTS = [
    RipplingContract("v2", r"/workers/.*", r"/payroll-runs/[^/]+/worker-payroll-records/"),
    RipplingContract("v1", r"/platform/api/employees.*", r"/platform/api/payroll_runs/[^/]+/employees"),
    InstalledContract("v2", r"/workers/.*", r"/payroll-runs/[^/]+/worker-payroll-records/"),
]
BY_NAME = {contract.name: contract for contract in CONTRACTS}
