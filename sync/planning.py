"""What must change on the target for one page of workers. Pure: no I/O, no Django, no vendor.

``plan`` says for each worker what is to be true and which act would make it true, judged by what we last wrote;
``refine`` settles it against what the target holds now.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from connectors.contract import TargetField
from connectors.records import Employee, EmploymentStatus, RefKind, UnreadableRecord, Worker
from sync import fingerprints
from sync.mapping import MappingTable


class Act(enum.StrEnum):
    """What is to be done on the target for one worker."""

    CREATE = "create"
    UPDATE = "update"
    TERMINATE = "terminate"
    REHIRE = "rehire"
    TRANSFER = "transfer"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"


class CauseCode(enum.StrEnum):
    """Why a worker is blocked; each has its sentence and remedy in ``sync/problems.py``."""

    UNMAPPED = "unmapped"
    TARGET_INACTIVE = "target_inactive"
    MISSING_VALUE = "missing_value"
    WITHHELD = "withheld"
    DUPLICATE_NUMBER = "duplicate_number"
    AMBIGUOUS_TARGET = "ambiguous_target"
    PERSON_ACTIVE = "person_active"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


class Cause(msgspec.Struct, frozen=True):
    """One reason for blocking: what kind of thing is wrong, and which one."""

    code: CauseCode
    kind: str
    culprit: str


class LinkState(msgspec.Struct, frozen=True):
    """What we know of a worker's employee: where it is, whether active, the hash of what we last made true.

    ``manager`` is the manager's source id as made true, or as noted to follow."""

    source_id: str
    target_id: str
    company: str
    active: bool
    fingerprint: bytes
    manager: str = ""
    number: str = ""


class Match(msgspec.Struct, frozen=True):
    """An employee of the target's directory that carries a worker's number."""

    target_id: str
    company: str
    active: bool


class Pending(msgspec.Struct, frozen=True):
    """A change announced for a later local date."""

    source_id: str
    change: Act
    effective_on: date


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The act for one worker and what is to be true afterwards.

    ``manager`` is the source id of the manager we want; ``employee.manager_id`` is set where the manager's employee
    is known already, otherwise the manager follows in a later pass. ``by_number`` marks a termination of an
    employee found by number only: it waits until the whole source was seen, because somebody else may turn up
    under that number.
    """

    worker_id: str
    person_id: str
    label: str
    act: Act
    employee: Employee | None = None
    fingerprint: bytes = b""
    manager: str = ""
    from_company: str = ""
    causes: tuple[Cause, ...] = ()
    active: bool = False
    by_number: bool = False


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything planning needs to know besides the workers themselves.

    ``links`` by source id (of the page's workers and of their managers); ``persons`` by person id; ``numbers``
    by employee number the source ids that hold it already; ``matches`` by employee number what the target has.
    ``holds_managers`` says whether the target keeps whose manager is who.
    """

    today: date
    fields: Sequence[TargetField]
    mappings: MappingTable
    links: Mapping[str, LinkState]
    persons: Mapping[str, LinkState]
    numbers: Mapping[str, str]
    matches: Mapping[str, Sequence[Match]]
    reference_for: Callable[[str], str]
    holds_managers: bool = True


LONGEST_NUMBER = 60
UNUSABLE_NUMBER = "The employee number is too long or holds characters that cannot be shown."


def is_usable(number: str) -> bool:
    """True for an employee number that can be kept and shown."""
    return len(number) <= LONGEST_NUMBER and number.isprintable()


def active_on(worker: Worker, day: date) -> bool:
    """Whether the worker counts as employed on that local day.

    The source's status rules; dates only hold a change back: a start or an end that lies ahead has not happened.
    """
    match worker.status:
        case EmploymentStatus.ACTIVE:
            return not (isinstance(worker.start_date, date) and worker.start_date > day)
        case EmploymentStatus.TERMINATED:
            return isinstance(worker.end_date, date) and worker.end_date >= day
        case EmploymentStatus.PENDING:
            return False


def begins_later(worker: Worker, day: date) -> bool:
    """Whether the source announces the worker's start for after that local day, or has not confirmed it yet."""
    start = worker.start_date
    return worker.status is EmploymentStatus.PENDING or (isinstance(start, date) and start > day)


def pending_of(worker: Worker, today: date) -> Pending | None:
    """The change this worker's dates announce for a later day, if any. The end date is the last day of work."""
    start, end = worker.start_date, worker.end_date
    if worker.status is not EmploymentStatus.TERMINATED and isinstance(start, date):
        if start > today:
            return Pending(worker.id, Act.CREATE, start)
        if worker.status is EmploymentStatus.PENDING:
            # Should have started by now; look again until the source says so.
            return Pending(worker.id, Act.CREATE, today)
    if isinstance(end, date) and end >= today and worker.status is not EmploymentStatus.PENDING:
        return Pending(worker.id, Act.TERMINATE, end + timedelta(days=1))
    return None


def plan(workers: Sequence[Worker], around: Surroundings) -> list[Plan]:
    """One plan per worker, in order."""
    taken, hired = dict(around.numbers), dict[str, str]()
    plans = []
    for worker in workers:
        planned = _plan_one(worker, around, taken)
        if planned.act is Act.CREATE and hired.setdefault(worker.person_id, worker.id) != worker.id:
            # A second employment of somebody hired on this very page: one person is one employee.
            causes = (Cause(CauseCode.PERSON_ACTIVE, "number", planned.label),)
            planned = msgspec.structs.replace(planned, act=Act.BLOCKED, employee=None, causes=causes)
        plans.append(planned)
    return plans


def plan_unreadable(record: UnreadableRecord) -> Plan:
    """A record that could not be read is blocked by the field that is wrong."""
    return Plan(
        worker_id=record.id,
        person_id="",
        label="",
        act=Act.BLOCKED,
        causes=(Cause(CauseCode.UNREADABLE, record.field, record.reason),),
    )


def _plan_one(worker: Worker, around: Surroundings, taken: dict[str, str]) -> Plan:
    link = around.links.get(worker.id)
    active = active_on(worker, around.today)
    number = worker.number if isinstance(worker.number, str) else ""
    if unusable := not is_usable(number):
        number = ""

    def outcome(act: Act, **values: object) -> Plan:
        return Plan(
            worker_id=worker.id,
            person_id=worker.person_id,
            label=number or (link.number if link else ""),
            act=act,
            active=active,
            **values,  # type: ignore[arg-type]
        )

    if unusable:
        return outcome(Act.BLOCKED, causes=(Cause(CauseCode.UNREADABLE, "number", UNUSABLE_NUMBER),))
    if link is None and (former := around.persons.get(worker.person_id)) is not None and active:
        # The same person under a new employment: the employee the target has already becomes active again.
        if former.active:
            return outcome(Act.BLOCKED, causes=(Cause(CauseCode.PERSON_ACTIVE, "number", number),))
        link = former
    if link is None:
        return _plan_unlinked(worker, number, active, around, taken, outcome)
    if not active:
        if not link.active:
            return outcome(Act.UNCHANGED)
        leaver = _leaver(worker, Match(link.target_id, link.company, link.active), around)
        return outcome(Act.TERMINATE, employee=leaver, fingerprint=link.fingerprint, manager=link.manager)
    if number and taken.setdefault(number, worker.id) not in (worker.id, link.source_id):
        return outcome(Act.BLOCKED, causes=(Cause(CauseCode.DUPLICATE_NUMBER, "number", number),))
    if number != link.number and any(m.target_id != link.target_id for m in around.matches.get(number, ())):
        return outcome(Act.BLOCKED, causes=(Cause(CauseCode.AMBIGUOUS_TARGET, "number", number),))
    return _plan_present(worker, Match(link.target_id, link.company, link.active), link, around, outcome)


def _plan_unlinked(
    worker: Worker,
    number: str,
    active: bool,
    around: Surroundings,
    taken: dict[str, str],
    outcome: Callable[..., Plan],
) -> Plan:
    matches = around.matches.get(number, ()) if number else ()
    if not active:
        present = [m for m in matches if m.active]
        if not present or number in taken or begins_later(worker, around.today):
            # Whoever is to begin may be there already, entered by hand: nobody has left.
            return outcome(Act.UNCHANGED)
        if len(present) > 1:
            return outcome(Act.BLOCKED, causes=(Cause(CauseCode.AMBIGUOUS_TARGET, "number", number),))
        leaver = _leaver(worker, present[0], around)
        return outcome(Act.TERMINATE, employee=leaver, by_number=True)
    if not number:
        code = CauseCode.WITHHELD if worker.number is UNSET else CauseCode.MISSING_VALUE
        return outcome(Act.BLOCKED, causes=(Cause(code, "number", ""),))
    if taken.setdefault(number, worker.id) != worker.id:
        return outcome(Act.BLOCKED, causes=(Cause(CauseCode.DUPLICATE_NUMBER, "number", number),))
    if len(matches) > 1:
        return outcome(Act.BLOCKED, causes=(Cause(CauseCode.AMBIGUOUS_TARGET, "number", number),))
    return _plan_present(worker, matches[0] if matches else None, None, around, outcome)


def _leaver(worker: Worker, match: Match, around: Surroundings) -> Employee:
    return Employee(
        reference=around.reference_for(worker.id),
        id=match.target_id,
        company=match.company,
        end_date=worker.end_date,
        active=False,
    )


def _plan_present(
    worker: Worker, match: Match | None, link: LinkState | None, around: Surroundings, outcome: Callable[..., Plan]
) -> Plan:
    """The plan for somebody who is to be active on the target; ``match`` is the employee there, if any."""
    employee, causes = _desired(worker, match, around)
    if causes:
        return outcome(Act.BLOCKED, causes=causes)
    manager, manager_id = _manager(worker, link, around)
    former = link.fingerprint if link is not None else b""
    changed = fingerprints.changed(employee, former)
    if link is not None and link.active and not changed and link.manager == manager:
        return outcome(Act.UNCHANGED, fingerprint=former)
    employee = msgspec.structs.replace(employee, manager_id=manager_id)
    described = {"employee": employee, "fingerprint": fingerprints.make(employee, former), "manager": manager}
    if match is None:
        return outcome(Act.CREATE, **described)
    if not match.active:
        return outcome(Act.REHIRE, from_company=match.company, **described)
    moved = link is not None and not MOVES.isdisjoint(changed)
    return outcome(Act.TRANSFER if moved else Act.UPDATE, from_company=match.company, **described)


def _desired(worker: Worker, match: Match | None, around: Surroundings) -> tuple[Employee, tuple[Cause, ...]]:
    """What the target is to hold of this worker, or why that cannot be said."""
    mapped: dict[str, Any] = {}
    causes: list[Cause] = []
    for field in around.fields:
        source_value = getattr(worker, SOURCE_OF[field.kind])
        if not field.required and field.kind not in around.mappings.kinds:
            continue
        if source_value is UNSET or not source_value:
            if field.required and match is None:
                code = CauseCode.WITHHELD if source_value is UNSET else CauseCode.MISSING_VALUE
                causes.append(Cause(code, field.kind, ""))
            elif field.required and source_value is not UNSET:
                causes.append(Cause(CauseCode.MISSING_VALUE, field.kind, ""))
            continue
        target = around.mappings.target_of(field.kind, source_value)
        if target is None:
            causes.append(Cause(CauseCode.UNMAPPED, field.kind, source_value))
        else:
            mapped[field.name] = target
    company = mapped.get("company") or (match.company if match else None) or None
    for field in around.fields:
        if field.name in mapped and field.name != "company":
            target = mapped[field.name]
            if not around.mappings.is_usable(field.kind, target, company):
                causes.append(Cause(CauseCode.TARGET_INACTIVE, field.kind, target))
    employee = Employee(
        reference=around.reference_for(worker.id),
        id=match.target_id if match else None,
        number=worker.number,
        given_name=worker.given_name,
        middle_name=worker.middle_name,
        family_name=worker.family_name,
        work_email=worker.work_email,
        start_date=worker.start_date,
        active=True,
        **mapped,
    )
    return employee, tuple(causes)


SOURCE_OF: dict[RefKind, str] = {
    RefKind.DEPARTMENT: "department_id",
    RefKind.LOCATION: "location_id",
    RefKind.COMPANY: "company_id",
    RefKind.POSITION: "position",
    RefKind.EMPLOYMENT_TYPE: "employment_type_id",
}
"""Which field of a worker holds the source's value of a kind."""


def _manager(worker: Worker, link: LinkState | None, around: Surroundings) -> tuple[str, str | None | UnsetType]:
    """The manager's source id, and the manager's employee: UNSET where there is none yet or nothing is known."""
    if not around.holds_managers:
        return "", UNSET
    if worker.manager_id is UNSET:
        return (link.manager if link else ""), UNSET
    if not worker.manager_id:
        return "", None
    manager = around.links.get(worker.manager_id)
    if manager is None or not manager.active:
        return worker.manager_id, UNSET
    return worker.manager_id, manager.target_id


COMPARED = (*fingerprints.FIELDS, "manager_id")
MOVES = frozenset({"department", "location", "company"})


def differences(wanted: Employee, current: Employee) -> dict[str, tuple[str | None, str | None]]:
    """Field → (is, shall be) for every set field of ``wanted`` that ``current`` does not hold; an empty text and
    None are the same."""
    found = {}
    for name in COMPARED:
        shall = getattr(wanted, name)
        if shall is UNSET:
            continue
        held = getattr(current, name)
        held = None if held is UNSET else held
        if (held or None) != (shall or None):
            found[name] = (held, shall)
    return found


def refine(planned: Plan, current: Employee) -> tuple[Plan, dict[str, tuple[str | None, str | None]]]:
    """The plan against what the target holds now: nothing to do, a change, or a move to another place."""
    assert planned.employee is not None
    found = differences(planned.employee, current)
    if planned.act is Act.TERMINATE:
        return (planned if current.active else msgspec.structs.replace(planned, act=Act.UNCHANGED)), {}
    if not current.active:
        return msgspec.structs.replace(planned, act=Act.REHIRE), found
    if not found:
        return msgspec.structs.replace(planned, act=Act.UNCHANGED), found
    act = Act.TRANSFER if found.keys() & MOVES else Act.UPDATE
    return msgspec.structs.replace(planned, act=act), found
