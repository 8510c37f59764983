"""Plex in each of its profiles, for the shared contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors import plex
from connectors.contract import Connector, ConnectorContext
from connectors.journals import Journal
from connectors.records import Employee
from sandbox.plex import PlexSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer
from tests.connectors.plex.payroll import PAYABLE, WAGES, payroll

OWN, OTHER = "300101", "300102"


class PlexContract(Contract):
    simulator = PlexSimulator
    options = {
        "plants": [{"pcn": int(OWN), "code": "acme"}, {"pcn": int(OTHER), "code": "acme2"}],
        "employees": 1200,
    }
    ledger_options = {**options, "employees": 2}
    people_path = r"/mdm/v1/employees"
    pages = False
    create_fault = {"method": "POST", "path": people_path}
    post_fault = {"method": "POST", "path": r".*/(journal-entries|Journal_Entry)"}
    update = {"department": "Welding", "family_name": "Šimůnek-O'Neil", "shift": "2nd"}
    other_company = OTHER

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.name = f"plex {profile}"

    def open(self, surroundings: ConnectorContext) -> Connector:
        return plex.open(surroundings)

    def settings(self, customer: Customer) -> dict[str, str]:
        own, *further = customer.connect["plants"]
        path = customer.connect["documents_path"] if self.profile == "documents" else ""
        return {
            "profile": self.profile,
            "environment": "test",
            "base_url": customer.url + path,
            "pcn": str(own["pcn"]),
            "company_code": own["code"],
            "plants": "\n".join(f"{plant['pcn']}:{plant['code']}:{plant['tenant_id']}" for plant in further),
            "token_url": customer.url + customer.connect["token_path"],
            "client_id": customer.connect["client_id"],
            "journal_status": "Posted",
        }

    def credentials(self, customer: Customer) -> dict[str, str]:
        name = "client_secret" if self.profile == "documents" else "api_key"
        return {name: customer.connect[name]}

    def wrong_credentials(self) -> dict[str, str]:
        return {"client_secret" if self.profile == "documents" else "api_key": "0123456789abcdef01234567"}

    def newcomer(self, customer: Customer, reference: str) -> Employee:
        return Employee(
            reference=reference,
            number="90001",
            given_name="Łukasz",
            family_name="O'Neil",
            work_email="l.oneil@example.com",
            department="Quality",
            position="Quality Inspector",
            company=OWN,
        )

    def unmapped(self, customer: Customer, employee: Employee) -> Mapping[str, Any]:
        (held,) = [
            one for plant in customer.snapshot()["plants"] for one in plant["employees"] if one["id"] == employee.id
        ]
        return {"status": held["status"]}

    def journal(self, customer: Customer) -> Journal:
        lines = [{"accountNumber": WAGES, "debit": "3.50"}, {"accountNumber": PAYABLE, "credit": "3.50"}]
        customer.change("add_journal", pcn=OWN, description="Utilities", lines=lines)
        return payroll(company=OWN)

    def books(self, customer: Customer) -> list[tuple[str, list[tuple[str, Decimal, Decimal]]]]:
        return [
            (
                str(journal["number"]),
                [(one["accountNo"], Decimal(one["debit"]), Decimal(one["credit"])) for one in journal["lines"]],
            )
            for plant in customer.snapshot()["plants"]
            for journal in plant["journals"]
        ]


class DocumentsContract(PlexContract):
    people_path = r"/api/Employee"
    pages = True
    create_fault = {"method": "POST", "path": people_path}


CONTRACTS = [PlexContract("connect"), DocumentsContract("documents")]
