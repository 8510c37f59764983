"""Workers and their employments: hired, changed, moved between legal entities, ended and employed again.

A worker belongs to no company; an employment does, from one instant to another (dynamics §7). What was ended may not
be shown unless a condition names its dates (dynamics, Additions), so that every look names them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from connectors.dynamics import mapper
from connectors.dynamics.dimensions import Dimensions
from connectors.dynamics.display import Format
from connectors.dynamics.literals import OPEN_END, Value, both, either, equal, key, text_of
from connectors.dynamics.odata import OData, Operation
from connectors.dynamics.schemas import EMPLOYEES, EMPLOYMENTS, WORKERS, EmploymentRow, WorkerRow, columns
from connectors.errors import OutcomeUnknownError, RecordRejectedError, UnexpectedReplyError
from connectors.records import Employee

REFERENCES_A_REQUEST = 15
"""Conditions in one filter; more make addresses too long."""
ONE_SECOND = timedelta(seconds=1)
SHORTEST = ONE_SECOND
"""From an employment's start to its end at least: Dynamics wants the end to be later than the start."""
_EVER = f"EmploymentEndDate ge {text_of(datetime(1900, 1, 1, tzinfo=UTC))}"


class Held(msgspec.Struct, frozen=True):
    """A worker as Dynamics holds it now, with all employments by the legal entities of this connection.

    ``elsewhere``: there are employments, by other legal entities alone."""

    worker: WorkerRow
    employments: tuple[EmploymentRow, ...]
    elsewhere: bool

    def open(self, now: datetime) -> list[EmploymentRow]:
        """Employments that have begun and not ended, the longest one first."""
        return sorted((one for one in self.employments if one.is_open(now)), key=lambda one: one.start)

    def ahead(self, now: datetime) -> list[EmploymentRow]:
        """Employments that have not begun, the next one first."""
        return sorted((one for one in self.employments if one.start > now), key=lambda one: one.start)

    def shown(self, now: datetime, company: str | None) -> EmploymentRow | None:
        """The employment that stands for the worker: the open one that began first, else the last, also one ahead.

        With ``company`` the one there, unless another company's is the open one.
        """
        running = self.open(now)
        own = [one for one in running if company in (None, one.company)]
        if own or running:
            return own[0] if own else None
        others = [one for one in self.employments if company in (None, one.company)]
        return max(others, key=lambda one: one.start, default=None)


class People:
    """The workers of one environment, as ``WorkerTarget`` speaks of employees. Thread-safe."""

    def __init__(self, odata: OData, dimensions: Dimensions) -> None:
        self._odata = odata
        self._settings = odata.settings
        self._people = odata.settings.people
        self._dimensions = dimensions
        self._now = odata.context.now

    # Read

    def employees(self) -> Iterator[Employee]:
        """Everybody whom a legal entity of this connection employs or employed, and whom none ever did."""
        employments = _of_each(self._employments(""))
        order = ("PersonnelNumber",)
        for worker in self._odata.rows(WORKERS, select=columns(WorkerRow), order=order, type=WorkerRow):
            held = self._held_of(worker, employments.get(worker.personnel_number.casefold(), ()))
            if not held.elsewhere:
                yield self._employee(held)

    def find_by_reference(self, references: Sequence[str]) -> dict[str, Employee]:
        """Those that Dynamics keeps the reference of; fifteen are asked for at a time."""
        found = {}
        for start in range(0, len(references), REFERENCES_A_REQUEST):
            some = references[start : start + REFERENCES_A_REQUEST]
            where = either(equal(self._people.reference_field, reference) for reference in some)
            for held in self._with_employments(self._workers(where)):
                employee = self._employee(held)
                if employee.reference in some:
                    found[employee.reference] = employee
        return found

    def find_by_number(self, number: str) -> list[Employee]:
        """Whoever has this personnel number, also in the employ of a legal entity this connection does not cover:
        there cannot be a second."""
        held = self._find(number)
        return [self._employee(held)] if held else []

    def get(self, number: str, company: str | None) -> Employee | None:
        """The worker, None when there is none; with ``company`` only where that is the worker's present one."""
        held = self._find(number)
        if held is None or (company is not None and held.shown(self._now(), company) is None):
            return None
        return self._employee(held, company)

    # Write

    def create(self, employee: Employee) -> Employee:
        """Hire from the midnight of the start date on, of today where none is known. Makes the rest true after it."""
        company = self._company(employee)
        body = mapper.hire_body(employee, company, self._people.midnight(self._start(employee)), self._people)
        number = str(employee.number)
        there = self._find(number)
        if there is None:
            self._odata.create(EMPLOYEES, body, msgspec.Raw)
            there = self._find(number)
            if there is None:
                raise OutcomeUnknownError(
                    "Dynamics accepted a new worker but does not show it yet. It will be looked up again.",
                    detail=f"POST {EMPLOYEES}: not seen",
                )
            if self._employee(there).reference != employee.reference:
                raise UnexpectedReplyError(
                    "Dynamics did not keep our reference on a new worker, who would not be found again by it. No "
                    "further worker is created. Choose another field under 'People are recognised by'.",
                    detail=f"POST {EMPLOYEES}: {self._people.reference_field} differs",
                )
        elif self._employee(there).reference != employee.reference:
            raise RecordRejectedError(
                "Another worker in Dynamics has this personnel number already. Read the employees again.",
                field="number",
            )
        return self.update(msgspec.structs.replace(employee, id=number, company=company))

    def update(self, employee: Employee) -> Employee:
        """Also says nothing to Dynamics when everything is true already. Never changes whether somebody is active."""
        held = self._held(employee)
        employment = held.shown(self._now(), self._company_of(employee))
        now = mapper.employee_from(held.worker, employment, self._people, self._format(), self._now())
        changed = mapper.differences(employee, now, self._people)
        if not changed:
            return now
        if "number" in changed:
            raise RecordRejectedError("Dynamics never changes a personnel number.", field="number")
        operations = []
        if body := mapper.worker_changes(employee, changed):
            worker = {"PersonnelNumber": held.worker.personnel_number}
            operations.append(_patch(WORKERS, worker, body, held.worker.etag))
        if body := mapper.employment_changes(employee, changed, employment, self._people, self._format()):
            operations.append(_patch_employment(employment, body))
        self._send(operations)
        after = self._employee(self._held(employee), self._company_of(employee))
        if kept := mapper.differences(employee, after, self._people):
            raise RecordRejectedError(
                f"Dynamics accepted a change of this worker but did not make it ({', '.join(kept)}).", field=kept[0]
            )
        return after

    def activate(self, employee: Employee) -> Employee:
        """Employ again from today on, or from the start date on where it tells a rehire; see ``_begin``. Who begins on
        the start date anyhow, where the company's day is not yet the source's, stays inactive until then."""
        held, company, now = self._held(employee), self._company(employee), self._now()
        start = self._people.midnight(self._start(employee))
        there = held.open(now) or [one for one in held.ahead(now) if one.start == start]
        if not any(one.company == company for one in there):
            self._send([self._employment(held, employee, company)])
        return self.update(msgspec.structs.replace(employee, company=company))

    def deactivate(self, employee: Employee) -> Employee:
        """End every employment by the legal entities of this connection with the last second of the end date; where
        none is known, of yesterday, or just now for somebody who began today. Proved by reading back.

        What ends before it began, or has not begun yet, ends as soon as Dynamics lets it. An employment ahead that
        Dynamics refuses to end is told, and keeps no other open.
        """
        held, now = self._held(employee), self._now()
        ahead = [one for one in held.ahead(now) if not one.lasts_at_most(SHORTEST)]
        ends = [held.open(now), *([one] for one in ahead)]
        self._send(*([self._ended(employee, one) for one in together] for together in ends))
        if held.open(now):
            held = self._held(employee)
            if held.open(self._now()):
                raise OutcomeUnknownError(
                    "Dynamics accepted the end of an employment but does not show it yet. It will be looked up again.",
                    detail=f"PATCH {EMPLOYMENTS}: still open",
                )
        return self._employee(held)

    def transfer(self, employee: Employee, from_company: str) -> Employee:
        """The new employment begins as ``_begin`` says, the old one ends the second before; both happen or neither. A
        move already made is recognised."""
        held, target = self._held(employee), self._company(employee)
        source = self._settings.legal_entity(from_company)
        running = held.open(self._now())
        there = next((one for one in running if one.company == target), None)
        operations = [] if there else [self._employment(held, employee, target)]
        start = there.start if there else operations[0].body["EmploymentStartDate"]  # type: ignore[index]
        for one in running:
            if one.company == source and one.company != target:
                end = max(start - ONE_SECOND, one.start + SHORTEST)
                operations.append(_patch_employment(one, {"EmploymentEndDate": end}))
        self._send(operations)
        return self.update(msgspec.structs.replace(employee, company=target))

    def _employment(self, held: Held, employee: Employee, company: str) -> Operation:
        """A new employment. One by this legal entity that lies ahead, which a new one would overlap, begins earlier
        instead."""
        begin = self._begin(held, employee)
        ahead = next((one for one in held.ahead(self._now()) if one.company == company), None)
        if ahead is not None:
            cancelled = {"EmploymentEndDate": OPEN_END} if ahead.lasts_at_most(SHORTEST) else {}
            return _patch_employment(ahead, {"EmploymentStartDate": begin, **cancelled})
        body = {
            "PersonnelNumber": held.worker.personnel_number,
            "LegalEntityId": company,
            "EmploymentStartDate": begin,
            "EmploymentEndDate": OPEN_END,
            "WorkerType": employee.employment_type if isinstance(employee.employment_type, str) else "Employee",
        }
        return Operation(method="POST", path=EMPLOYMENTS, body=body)

    def _begin(self, held: Held, employee: Employee) -> datetime:
        """When a further employment begins: with today, or with a start date after the last employment's begin.

        An earlier start date is that of a former employment, or of all of them together, and would change what was
        true. Never before a former employment ended or a running one could end.
        """
        now = self._now()
        today = self._people.midnight(self._people.day_of(now))
        former = [one for one in held.employments if one.start <= now]
        given = self._people.midnight(self._start(employee))
        told = given <= today and all(one.start < given for one in former)
        ends = [one.start + SHORTEST if one.is_open(now) else one.end for one in former]
        return max([given if told else today, *(end + ONE_SECOND for end in ends if end)])

    def _end(self, employee: Employee, employment: EmploymentRow) -> datetime:
        """Never ahead: whoever is to be inactive is so from now on, and the end is the last second that counts. Never
        sooner than Dynamics lets an employment end."""
        over = self._now().replace(microsecond=0) - ONE_SECOND
        if isinstance(employee.end_date, date):
            end = min(self._people.last_second(employee.end_date), over)
        else:
            yesterday = self._people.last_second(self._people.day_of(self._now()) - timedelta(days=1))
            end = yesterday if employment.start < yesterday else over
        return max(end, employment.start + SHORTEST)

    def _ended(self, employee: Employee, employment: EmploymentRow) -> Operation:
        return _patch_employment(employment, {"EmploymentEndDate": self._end(employee, employment)})

    def _start(self, employee: Employee) -> date:
        return employee.start_date if isinstance(employee.start_date, date) else self._people.day_of(self._now())

    def _send(self, *changesets: Sequence[Operation]) -> None:
        """All operations of a changeset or none, whatever becomes of the others; in a batch, where Dynamics says why
        it refuses (dynamics §8). The first error is raised after all were sent."""
        if wanted := [operations for operations in changesets if operations]:
            for outcome in self._odata.batch(wanted):
                if outcome.error is not None:
                    raise outcome.error

    # Looking

    def _held(self, employee: Employee) -> Held:
        held = self._find(employee.id) if employee.id else None
        if held is None:
            raise RecordRejectedError(
                "Dynamics has no such worker any more. Read the employees again before the next change."
            )
        return held

    def _find(self, number: str) -> Held | None:
        workers = self._workers(equal("PersonnelNumber", number))
        found = self._with_employments([one for one in workers if one.personnel_number.casefold() == number.casefold()])
        return found[0] if found else None

    def _workers(self, where: str) -> list[WorkerRow]:
        order = ("PersonnelNumber",)
        return list(self._odata.rows(WORKERS, select=columns(WorkerRow), where=where, order=order, type=WorkerRow))

    def _with_employments(self, workers: Sequence[WorkerRow]) -> list[Held]:
        if not workers:
            return []
        rows = list(self._employments(either(equal("PersonnelNumber", one.personnel_number) for one in workers)))
        return [
            self._held_of(one, [row for row in rows if row.personnel_number == one.personnel_number]) for one in workers
        ]

    def _employments(self, where: str) -> Iterator[EmploymentRow]:
        select, order = columns(EmploymentRow), ("PersonnelNumber", "LegalEntityId", "EmploymentId")
        where = both(where, _EVER)
        return self._odata.rows(EMPLOYMENTS, select=select, where=where, order=order, type=EmploymentRow)

    def _held_of(self, worker: WorkerRow, employments: Iterable[EmploymentRow]) -> Held:
        rows = tuple(employments)
        own = tuple(row for row in rows if row.company in self._settings.legal_entities)
        return Held(worker, own, bool(rows) and not own)

    def _employee(self, held: Held, company: str | None = None) -> Employee:
        employment = held.shown(self._now(), company)
        return mapper.employee_from(held.worker, employment, self._people, self._format(), self._now())

    def _format(self) -> Format | None:
        return self._dimensions.default_format() if self._people.dimensions else None

    def _company(self, employee: Employee) -> str:
        return self._settings.legal_entity(self._company_of(employee))

    def _company_of(self, employee: Employee) -> str | None:
        return employee.company.lower() if isinstance(employee.company, str) and employee.company else None


def _of_each(rows: Iterable[EmploymentRow]) -> dict[str, list[EmploymentRow]]:
    """Employments by personnel number in lower case."""
    found: dict[str, list[EmploymentRow]] = defaultdict(list)
    for row in rows:
        found[row.personnel_number.casefold()].append(row)
    return found


def _patch(entity_set: str, key_of: Mapping[str, Value], body: Mapping[str, Any], etag: str) -> Operation:
    return Operation(method="PATCH", path=f"{entity_set}{key(key_of)}", body=body, etag=etag)


def _patch_employment(employment: EmploymentRow | None, body: Mapping[str, Any]) -> Operation:
    if employment is None:
        raise RecordRejectedError("This worker has no employment in Dynamics that could be changed. Hire again there.")
    return _patch(EMPLOYMENTS, employment.key, body, employment.etag)
