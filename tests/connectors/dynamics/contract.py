"""Dynamics for the shared contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from connectors import dynamics
from connectors.contract import Connector, ConnectorContext
from connectors.journals import Journal
from connectors.records import Employee
from sandbox.dynamics import DynamicsSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer
from tests.connectors.dynamics.books import NET_PAY, WAGES, line, payroll

OTHER = "MLC-FFFFFFFFFFFFFFFFFFFF"


class DynamicsContract(Contract):
    name = "dynamics"
    simulator = DynamicsSimulator
    options = {"workers": 120, "page_size": 50}
    people_path = r"/data/Workers"
    create_fault = {"method": "POST", "path": r"/data/EmployeesV2"}
    ledger_options = {"workers": 2}
    post_fault = {"method": "POST", "path": r"/data/(LedgerJournalHeaders|\$batch)"}
    post_requests = 4
    hash_length = 12
    update = {"department": "023", "location": "0017", "family_name": "Šimůnek-O'Neil"}
    other_company = "gbsi"

    def open(self, surroundings: ConnectorContext) -> Connector:
        return dynamics.open(surroundings)

    def settings(self, customer: Customer) -> dict[str, str]:
        return {
            "environment": "test",
            "base_url": customer.url,
            "authority": customer.url,
            "directory_id": customer.connect["directory_id"],
            "client_id": customer.connect["client_id"],
            "legal_entities": "usmf, gbsi",
            "journal_name": "PAYJRN",
            "time_zone": "America/Chicago",
            "department_dimension": "Department",
            "location_dimension": "CostCenter",
        }

    def credentials(self, customer: Customer) -> dict[str, str]:
        return {"client_secret": customer.connect["client_secret"]}

    def wrong_credentials(self) -> dict[str, str]:
        return {"client_secret": "0123456789abcdef01234567"}

    def newcomer(self, customer: Customer, reference: str) -> Employee:
        return Employee(
            reference=reference,
            number="90001",
            given_name="Łukasz",
            family_name="O'Neil",
            work_email="l.oneil@example.com",
            department="022",
            location="0016",
            employment_type="Employee",
            company="usmf",
        )

    def unmapped(self, customer: Customer, employee: Employee) -> Mapping[str, Any]:
        (worker,) = [one for one in customer.snapshot()["workers"] if one["PersonnelNumber"] == employee.id]
        return {name: worker[name] for name in ("PartyNumber", "OriginalHireDateTime", "WorkerType")}

    def journal(self, customer: Customer) -> Journal:
        lines = (line(WAGES, debit="3.50"), line(NET_PAY, credit="3.50"))
        self.post(customer, payroll(OTHER, content_hash="00" * 32, description="Another pay run", lines=lines))
        return payroll()

    def double(self, customer: Customer, journal: Journal) -> str:
        """Somebody copies the journal by hand: the connector never makes a second one."""
        number = self.post(customer, msgspec.structs.replace(journal, reference="MLC-00000000000000000000"))
        customer.change("change_journal", number=number, fields={"Description": f"{journal.reference} (copy)"})
        return number

    def books(self, customer: Customer) -> list[tuple[str, list[tuple[str, Decimal, Decimal]]]]:
        return [
            (
                journal["number"],
                [(_words(one["segments"]), Decimal(one["debit"]), Decimal(one["credit"])) for one in journal["lines"]],
            )
            for journal in customer.snapshot()["journals"]
        ]


def _words(segments: Mapping[str, str]) -> str:
    main, *named = [value if name == "MainAccount" else f"{name}={value}" for name, value in segments.items() if value]
    return "|".join((main, *named))


CONTRACTS = [DynamicsContract()]
