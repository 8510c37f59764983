"""Dynamics as a target: its workers and contractors, its general journals, and the values both may refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from connectors.contract import CheckResult, ConnectorContext, TargetField
from connectors.dynamics import mapper
from connectors.dynamics.checks import check
from connectors.dynamics.ledger import Books
from connectors.dynamics.odata import OData
from connectors.dynamics.people import People
from connectors.dynamics.reference import ORG_KINDS, Reference
from connectors.dynamics.schemas import CONTRACTOR
from connectors.dynamics.settings import read_settings
from connectors.dynamics.vendors import PREFIX, Contractors
from connectors.journals import FiscalPeriod, Journal, LedgerLine, PostedJournal
from connectors.records import Account, Employee, OrgUnit, RefKind


class DynamicsConnector:
    """``Connector``, ``OrgTarget``, ``LedgerTarget`` and ``WorkerTarget`` for one connection and its legal entities.

    A company is the dataAreaId in lower case; where it is not set, the connection's own legal entity is meant. The id
    of an employee is the personnel number, of a contractor the vendor's legal entity and account.
    """

    concurrency = 4
    holds_managers = False

    def __init__(self, context: ConnectorContext) -> None:
        self._settings = read_settings(context)
        self._odata = OData(context, self._settings, self.concurrency)
        self._books = Books(self._odata, self._settings)
        self.max_lines = self._books.max_lines
        self._people = People(self._odata, self._books.dimensions)
        self._contractors = Contractors(self._odata) if self._settings.people.vendor_group else None
        self._reference = Reference(self._odata, self._books.dimensions)
        kinds = {"department": RefKind.DEPARTMENT, "location": RefKind.LOCATION}
        self.worker_fields = (
            *(TargetField(name=name, kind=kinds[name]) for name in self._settings.people.dimensions),
            TargetField(name="employment_type", kind=RefKind.EMPLOYMENT_TYPE),
            TargetField(name="company", kind=RefKind.COMPANY, required=len(self._settings.legal_entities) > 1),
        )

    def check(self) -> CheckResult:
        return check(self._odata, self._books)

    def close(self) -> None:
        self._odata.close()

    # Reference values

    def org_kinds(self) -> Sequence[RefKind]:
        return ORG_KINDS

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        return self._reference.units(kind)

    # Ledger

    def accounts(self) -> Iterator[Account]:
        return self._books.accounts()

    def companies(self) -> Sequence[str]:
        return self._books.companies()

    def currency(self, company: str | None) -> str:
        return self._books.currency(company)

    def account_error(self, number: str) -> str:
        return self._books.account_error(number)

    def format_change(self) -> str:
        return self._books.format_change()

    def fiscal_periods(self, company: str | None, first: date, last: date) -> Sequence[FiscalPeriod]:
        return self._books.fiscal_periods(company, first, last)

    def refusal(self, journal: Journal) -> str:
        return self._books.refusal(journal)

    def find_journal(self, journal: Journal) -> Sequence[PostedJournal]:
        return self._books.find_journal(journal)

    def post_journal(self, journal: Journal) -> PostedJournal:
        return self._books.post_journal(journal)

    def get_journal(self, journal_id: str, company: str | None) -> PostedJournal | None:
        return self._books.get_journal(journal_id, company)

    def activity(self, company: str | None, account: str, first: date, last: date) -> Iterator[LedgerLine]:
        return self._books.activity(company, account, first, last)

    # People

    def reference_for(self, integration: str, worker_id: str) -> str:
        return mapper.reference_for(integration, worker_id)

    def employees(self) -> Iterator[Employee]:
        yield from self._people.employees()
        if self._contractors is not None:
            yield from self._contractors.employees()

    def find_by_reference(self, references: Sequence[str]) -> Mapping[str, Employee]:
        found = self._people.find_by_reference(references)
        if self._contractors is not None:
            found |= self._contractors.find_by_reference(references)
        return found

    def find_by_number(self, number: str) -> Sequence[Employee]:
        contractors = self._contractors.find_by_number(number) if self._contractors is not None else []
        return [*self._people.find_by_number(number), *contractors]

    def get(self, employee_id: str, company: str | None = None) -> Employee | None:
        company = company.lower() if company else None
        return self._of(employee_id).get(employee_id, company)

    def create(self, employee: Employee) -> Employee:
        if self._contractors is not None and employee.employment_type == CONTRACTOR:
            return self._contractors.create(employee)
        return self._people.create(employee)

    def update(self, employee: Employee) -> Employee:
        return self._of(employee.id).update(employee)

    def activate(self, employee: Employee) -> Employee:
        return self._of(employee.id).activate(employee)

    def deactivate(self, employee: Employee) -> Employee:
        return self._of(employee.id).deactivate(employee)

    def transfer(self, employee: Employee, from_company: str) -> Employee:
        return self._of(employee.id).transfer(employee, from_company)

    def _of(self, employee_id: str | None) -> People | Contractors:
        if self._contractors is not None and (employee_id or "").startswith(PREFIX):
            return self._contractors
        return self._people
