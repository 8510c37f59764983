"""Workers and their employments: one person, one worker, an employment for each legal entity (dynamics §7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.dynamics.model import ENTITIES, OPEN_END, Record
from sandbox.dynamics.operations import Answer, Write
from sandbox.dynamics.reading import keyed
from sandbox.dynamics.refusals import invalid
from sandbox.dynamics.tables import Row

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

WORKER_FIXED = frozenset({"PersonnelNumber", "PartyNumber", "WorkerType", "WorkerStatus", "OriginalHireDateTime"})
EMPLOYMENT_FIXED = frozenset({"PersonnelNumber", "LegalEntityId", "EmploymentId"})
NAMES = ("FirstName", "MiddleName", "LastName")


def hire(write: Write) -> Row:
    """One call makes person, worker and employment. A known personnel number gets a second employment (§7)."""
    environment, entity, values = write.environment, write.entity, write.values
    if values.get("EmploymentId"):
        raise invalid(entity, "Insert not allowed for field 'EmploymentId'.", method="validateField")
    required = ("FirstName", "LastName", "EmploymentLegalEntityId", "EmploymentStartDate")
    missing = [f"Field '{name}' must be filled in." for name in required if not values.get(name)]
    if missing:
        raise invalid(entity, *missing)
    number = values.get("PersonnelNumber") or environment.next_number("", "worker")
    known = environment.tables["Workers"].find(number)
    if known is not None and environment.settings.second_hire == "refuse":
        raise invalid(entity, f"The personnel number {number} already exists.")
    if known is None:
        own = {name: value for name, value in values.items() if name in ENTITIES["Workers"].kinds}
        add_worker(environment, own | {"PersonnelNumber": number}, values["EmploymentStartDate"])
    employed = {name: values[name] for name in ("DimensionDisplayValue", "CalendarId") if name in values}
    row = _employ(
        write,
        employed
        | {
            "PersonnelNumber": number,
            "LegalEntityId": values["EmploymentLegalEntityId"],
            "EmploymentStartDate": values["EmploymentStartDate"],
            "EmploymentEndDate": values.get("EmploymentEndDate", OPEN_END),
        },
        overlapping=True,
    )
    return next(shown for shown in employees(environment) if shown.number == row.number)


def add_worker(environment: Environment, record: Record, hired: object) -> Row:
    """A worker with the name put together and a party of its own; KeyError without the parts of the name."""
    return environment.tables["Workers"].add(
        {"PartyNumber": environment.next_number("", "party"), "OriginalHireDateTime": hired, "WorkerType": "Employee"}
        | record
        | {"Name": " ".join(record[name] for name in NAMES if record.get(name)), "PartyType": "Person"}
    )


def change_worker(write: Write) -> Answer:
    row = keyed(write.environment, write.entity, write.key, write.query)
    _refuse_fixed(write, row.record, WORKER_FIXED)
    changes = dict(write.values)
    if changes.keys() & set(NAMES):
        whole = row.record | changes
        changes["Name"] = " ".join(whole[name] for name in NAMES if whole.get(name))
    own = write.environment.tables["Workers"].find(row.record["PersonnelNumber"])
    if own is not None:
        write.environment.tables["Workers"].change(own, changes)
    return Answer(204)


def employ(write: Write) -> Row:
    """A further employment of a known worker, as for a transfer or a rehire."""
    values = write.values
    if values.get("EmploymentId"):
        raise invalid(write.entity, "Insert not allowed for field 'EmploymentId'.", method="validateField")
    required = ("PersonnelNumber", "LegalEntityId", "EmploymentStartDate")
    missing = [f"Field '{name}' must be filled in." for name in required if not values.get(name)]
    if missing:
        raise invalid(write.entity, *missing)
    if write.environment.tables["Workers"].find(values["PersonnelNumber"]) is None:
        raise invalid(write.entity, f"The worker {values['PersonnelNumber']} does not exist.")
    return _employ(write, {"EmploymentEndDate": OPEN_END} | values, overlapping=False)


def change_employment(write: Write) -> Answer:
    row = keyed(write.environment, write.entity, write.key, write.query)
    _refuse_fixed(write, row.record, EMPLOYMENT_FIXED)
    changed = row.record | write.values
    _refuse_faults(write, changed, row)
    kept = write.environment.tables["EmploymentsV2"]
    base = next(one for one in kept if one.number == row.number)
    kept.change(base, write.values)
    return Answer(204)


def employees(environment: Environment) -> Iterator[Row]:
    """EmployeesV2: each employment with the worker it is of."""
    kinds = ENTITIES["EmployeesV2"].kinds
    for row in environment.tables["EmploymentsV2"]:
        worker = environment.tables["Workers"].find(row.record["PersonnelNumber"])
        person = worker.record if worker else {}
        record = {name: value for name, value in (person | row.record).items() if name in kinds}
        yield _shown_as(row, record | {"EmploymentLegalEntityId": row.record["LegalEntityId"]})


def employments_of_old(environment: Environment) -> Iterator[Row]:
    """The first version of Employments, whose key holds the dates."""
    kinds = ENTITIES["Employments"].kinds
    for row in environment.tables["EmploymentsV2"]:
        yield _shown_as(row, {name: value for name, value in row.record.items() if name in kinds})


def workers(environment: Environment) -> Iterator[Row]:
    """Workers with their status as of now: employed, pending before the first day, else terminated."""
    now, status = environment.now(), dict[str, str]()
    rank = {"Employed": 2, "Pending": 1, "Terminated": 0}
    for row in environment.tables["EmploymentsV2"]:
        record, word = row.record, "Terminated"
        if now <= record["EmploymentEndDate"]:
            word = "Employed" if record["EmploymentStartDate"] <= now else "Pending"
        number = record["PersonnelNumber"]
        status[number] = max(word, status.get(number, "Terminated"), key=lambda one: rank[one])
    for row in environment.tables["Workers"]:
        yield _shown_as(row, row.record | {"WorkerStatus": status.get(row.record["PersonnelNumber"], "None")})


def _shown_as(row: Row, record: Record) -> Row:
    shown = Row(record, row.number)
    shown.version = row.version
    return shown


def _employ(write: Write, record: Record, *, overlapping: bool) -> Row:
    environment = write.environment
    record = {"WorkerType": "Employee"} | record | {"LegalEntityId": record["LegalEntityId"].lower()}
    if environment.tables["Companies"].find(record["LegalEntityId"]) is None:
        raise invalid(write.entity, f"The legal entity {record['LegalEntityId']} does not exist.")
    if not overlapping:
        _refuse_faults(write, record, None)
    record["EmploymentId"] = environment.next_number("", "employment")
    return environment.tables["EmploymentsV2"].add(record)


def _refuse_faults(write: Write, record: Record, own: Row | None) -> None:
    if record["EmploymentEndDate"] <= record["EmploymentStartDate"]:
        raise invalid(write.entity, "The employment end date must be later than the employment start date.")
    for other in write.environment.tables["EmploymentsV2"].matching(
        {"PersonnelNumber": record["PersonnelNumber"].casefold()}
    ):
        if own is not None and other.number == own.number:
            continue
        if (
            other.record["LegalEntityId"] == record["LegalEntityId"].lower()
            and other.record["EmploymentStartDate"] <= record["EmploymentEndDate"]
            and record["EmploymentStartDate"] <= other.record["EmploymentEndDate"]
        ):
            raise invalid(write.entity, "The employment overlaps another employment of the worker in the legal entity.")


def _refuse_fixed(write: Write, record: Record, fixed: frozenset[str]) -> None:
    for name in write.values.keys() & fixed:
        if str(write.values[name]).lower() != str(record.get(name, "")).lower():
            raise invalid(write.entity, f"Field '{name}' cannot be changed.", method="validateField")
