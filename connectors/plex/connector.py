"""Plex as a target: its employees, its ledger, and the values both may refer to."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice

import msgspec

from connectors.contract import CheckResult, ConnectorContext, TargetField
from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    RecordRejectedError,
    UnexpectedReplyError,
)
from connectors.http import Reply
from connectors.journals import FiscalPeriod, Journal, LedgerLine, PostedJournal
from connectors.plex import mapper
from connectors.plex.checks import check
from connectors.plex.client import PlexClient, Row, row_in
from connectors.plex.ledger import Ledger
from connectors.plex.refusals import explain_write
from connectors.plex.schemas import ACCOUNTS, EMPLOYEES
from connectors.plex.settings import Plant, read_settings
from connectors.plex.setup import ORG_KINDS, SetupValues
from connectors.records import Account, Employee, OrgUnit, RefKind, UnsetType

IDS_PER_REQUEST = 40  # repeated filters; longer addresses are refused (plex §2.2)
VERIFY_DELAYS = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before each look after a 202 (plex §9.2)


class PlexConnector:
    """``Connector``, ``OrgTarget``, ``LedgerTarget`` and ``WorkerTarget`` for one connection and its plants.

    A company is the PCN as text; where it is not set, the connection's own plant is meant. An employee
    without ``id`` is the one whose id is its ``reference``.
    """

    concurrency = 8
    holds_managers = True

    def __init__(self, context: ConnectorContext) -> None:
        self._sleep = context.sleep
        self._now = context.now
        self._settings = read_settings(context)
        self._client = PlexClient(context, self._settings, self.concurrency)
        self.max_lines = self._settings.books.max_lines
        self._ledger = Ledger(self._client, self.accounts)
        self._setup: SetupValues | None = None
        self._learning = threading.Lock()
        self.worker_fields = (
            TargetField(name="department", kind=RefKind.DEPARTMENT, required=True),
            TargetField(name="position", kind=RefKind.POSITION, required=True),
            TargetField(name="location", kind=RefKind.LOCATION),
            TargetField(name="employment_type", kind=RefKind.EMPLOYMENT_TYPE),
            TargetField(name="shift", kind=RefKind.SHIFT),
            TargetField(name="company", kind=RefKind.COMPANY, required=len(self._settings.plants) > 1),
        )

    def check(self) -> CheckResult:
        return check(self._client, self._now)

    def close(self) -> None:
        self._client.close()

    # Reference values and accounts

    def org_kinds(self) -> Sequence[RefKind]:
        return ORG_KINDS

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Values of ``kind``; what employees carry is learned in one pass over them per connector."""
        with self._learning:
            if self._setup is None:
                self._setup = SetupValues(self._client, self._now, self.raw_employees, self.accounts)
        return self._setup.units(kind)

    def accounts(self) -> Iterator[Account]:
        """Every account of every plant; ``ConnectionConfigError`` for a plant that seems to have none."""
        for plant in self._settings.plants:
            row = None
            for row in self._client.rows(plant, ACCOUNTS):
                yield mapper.account_from(row, plant.pcn, self._settings)
            if row is None:
                self._client.refuse_empty(plant, "accounts")

    # Ledger

    def companies(self) -> Sequence[str]:
        return [plant.pcn for plant in self._settings.plants]

    def currency(self, company: str | None) -> str:
        self._plant(company)
        return self._settings.books.currency

    def account_error(self, number: str) -> str:
        return self._ledger.account_error(number)

    def format_change(self) -> str:
        return ""  # the account number pattern is a setting of the connection

    def refusal(self, journal: Journal) -> str:
        return ""  # chart and periods say it all

    def fiscal_periods(self, company: str | None, first: date, last: date) -> Sequence[FiscalPeriod]:
        """As they stood when first asked of this connector."""
        return self._ledger.periods(company, first, last)

    def find_journal(self, journal: Journal) -> Sequence[PostedJournal]:
        return self._ledger.find(journal)

    def post_journal(self, journal: Journal) -> PostedJournal:
        return self._ledger.post(journal)

    def get_journal(self, journal_id: str, company: str | None) -> PostedJournal | None:
        return self._ledger.get(journal_id, company)

    def activity(self, company: str | None, account: str, first: date, last: date) -> Iterator[LedgerLine]:
        return self._ledger.activity(company, account, first, last)

    # Employees, read

    def reference_for(self, integration: str, worker_id: str) -> str:
        return mapper.reference_for(integration, worker_id)

    def employees(self) -> Iterator[Employee]:
        """Every employee of every plant; ``ConnectionConfigError`` for a plant that seems to have none."""
        for plant, row in self.raw_employees():
            yield mapper.employee_from(row, plant.pcn, self._settings)

    def raw_employees(self) -> Iterator[tuple[Plant, Row]]:
        """The rows behind ``employees``, with their plants."""
        for plant in self._settings.plants:
            row = None
            for row in self._client.rows(plant, EMPLOYEES):
                yield plant, row
            if row is None:
                self._client.refuse_empty(plant, "employees")

    def find_by_reference(self, references: Sequence[str]) -> Mapping[str, Employee]:
        """Asks each plant for the ids it was not found under yet, forty at a time."""
        name = mapper.wire_name("id", self._settings.profile)
        missing = dict.fromkeys(references)
        found: dict[str, Employee] = {}
        for plant in self._settings.plants:
            ids = iter(list(missing))
            while chunk := list(islice(ids, IDS_PER_REQUEST)):
                filtered = True
                for row in self._client.rows(plant, EMPLOYEES, [(name, reference) for reference in chunk]):
                    employee = mapper.employee_from(row, plant.pcn, self._settings)
                    filtered = filtered and employee.reference in chunk
                    if employee.reference in missing:
                        found[employee.reference] = employee
                if not filtered:  # Plex ignores filters it does not know (plex §2.5): this was the whole list.
                    break
            missing = dict.fromkeys(reference for reference in missing if reference not in found)
        return found

    def find_by_number(self, number: str) -> Sequence[Employee]:
        name = mapper.wire_name("user_id" if self._settings.match_user_id else "badge_number", self._settings.profile)
        rows = ((p, row) for p in self._settings.plants for row in self._client.rows(p, EMPLOYEES, [(name, number)]))
        found = (mapper.employee_from(row, plant.pcn, self._settings) for plant, row in rows)
        # Plex ignores filters it does not know (plex §2.5): then these are all there are.
        return [employee for employee in found if employee.number == number]

    def get(self, employee_id: str, company: str | None = None) -> Employee | None:
        """The employee in ``company``, or in whichever plant has it."""
        held = self._find(employee_id, company)
        return held[2] if held else None

    # Employees, written

    def create(self, employee: Employee) -> Employee:
        plant = self._plant(employee.company)
        body = mapper.create_body(employee, self._settings)
        created = self._employee_in(self._write(plant, "POST", "", body), plant)
        if created is None:
            return self._seen(plant, employee.reference, lambda held: True)
        if created.reference != employee.reference:
            raise UnexpectedReplyError(
                "Plex gave a new employee an id of its own instead of ours. It would not be found again, so no "
                "further employee is created; we have to look at it.",
                detail="POST employee: id in the answer differs",
            )
        return created

    def update(self, employee: Employee) -> Employee:
        """Also says nothing to Plex when everything is true already. Never changes whether somebody is active."""
        plant, row, held = self._held(employee)
        if not mapper.differences(employee, held):
            return held
        body = mapper.update_body(row, employee, held, self._settings)
        reply = self._write(plant, "PUT", f"/{held.id}", body)
        now = self._employee_in(reply, plant) or self._seen(plant, held.id or "", lambda held: True)
        if kept := mapper.differences(employee, now):
            raise RecordRejectedError(
                f"Plex accepted a change of this employee but did not make it ({', '.join(kept)}).", field=kept[0]
            )
        return now

    def activate(self, employee: Employee) -> Employee:
        self._set_active(employee, active=True)
        return self.update(employee)

    def deactivate(self, employee: Employee) -> Employee:
        return self._set_active(employee, active=False)

    def transfer(self, employee: Employee, from_company: str) -> Employee:
        """A transfer already made is recognised, so that an interrupted one can be finished by the same call."""
        source, target = self._settings.plant(from_company), self._plant(employee.company)
        employee_id = employee.id or employee.reference
        if self._find(employee_id, target.pcn) is None:
            tenant_id = self._client.prove(target) or target.tenant_id
            if not tenant_id:
                raise ConnectionConfigError(
                    f"For a transfer Plex wants the tenant id of PCN {target.pcn}. Add it to the connection's plants."
                )
            _, _, held = self._held(msgspec.structs.replace(employee, company=source.pcn))
            if isinstance(employee.location, str) and held.location not in (None, employee.location):
                # The new plant does not have the old one's building, and refuses a move with it (plex §2.4.1).
                self.update(Employee(reference=held.reference, id=held.id, company=source.pcn, location=None))
            body = {mapper.wire_name("tenant_id", self._settings.profile): tenant_id}
            self._write(source, "POST", f"/{employee_id}/transfer", body)
            self._seen(target, employee_id, lambda held: True)
        return self.update(employee)

    def _set_active(self, employee: Employee, *, active: bool) -> Employee:
        plant, _, held = self._held(employee)
        if held.active is active:
            return held
        status = self._settings.status_active if active else self._settings.statuses_inactive[0]
        body = {mapper.wire_name("status", self._settings.profile): status}
        self._write(plant, "POST", f"/{held.id}/{'activate' if active else 'deactivate'}", body)
        return self._seen(plant, held.id or "", lambda held: held.active is active)

    def _seen(self, plant: Plant, employee_id: str, proved: Callable[[Employee], bool]) -> Employee:
        """The employee once it is as ``proved`` says. After a write was accepted anything else is unknown."""
        why = "not seen in time"
        for delay in VERIFY_DELAYS:
            self._sleep(delay)
            try:
                found = self._find(employee_id, plant.pcn)
            except ConnectorError as error:
                why = error.detail
                break
            if found and proved(found[2]):
                return found[2]
        raise OutcomeUnknownError(
            "Plex accepted a change of an employee but does not show it yet. It will be looked up again before "
            "anything is sent.",
            detail=why,
        )

    def _write(self, plant: Plant, method: str, suffix: str, body: Row) -> Reply:
        explain = functools.partial(explain_write, personal=mapper.personal_values(body))
        return self._client.write(plant, EMPLOYEES, method, suffix, body, explain)

    def _employee_in(self, reply: Reply, plant: Plant) -> Employee | None:
        """The employee a write answered with, None for an answer without a body."""
        if not reply.body.strip():
            return None
        try:
            return mapper.employee_from(row_in(reply), plant.pcn, self._settings)
        except UnexpectedReplyError as error:
            raise OutcomeUnknownError(
                "Plex answered a change of an employee with something we do not understand. It will be looked up.",
                detail=error.detail,
            ) from error

    def _held(self, employee: Employee) -> tuple[Plant, Row, Employee]:
        company = None if isinstance(employee.company, UnsetType) else employee.company
        found = self._find(employee.id or employee.reference, company)
        if found is None:
            raise RecordRejectedError(
                f"Plex has no such employee{f' in PCN {company}' if company else ''} any more. Read the employees "
                f"again before the next change."
            )
        return found

    def _find(self, employee_id: str, company: str | None) -> tuple[Plant, Row, Employee] | None:
        plants = self._settings.plants if company is None else (self._settings.plant(company),)
        for plant in plants:
            row = self._client.one(plant, EMPLOYEES, employee_id)
            if row is not None:
                return plant, row, mapper.employee_from(row, plant.pcn, self._settings)
        return None

    def _plant(self, company: str | UnsetType | None) -> Plant:
        return self._settings.plant(company) if isinstance(company, str) else self._settings.plants[0]
