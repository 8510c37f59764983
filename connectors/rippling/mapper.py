"""From Rippling's rows to our records. Pure; the only place that knows what a Rippling field means to us."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from connectors.errors import RecordRejectedError
from connectors.records import EmploymentStatus, OrgUnit, RefKind, UnreadableRecord, Worker, WorkerPage
from connectors.rippling.schemas import EmployeeRow, Meta, Number, Status, Text, Unit, WorkerRow

R = TypeVar("R", WorkerRow, EmployeeRow)

# INIT has no offer yet, HIRED an offer, ACCEPTED a signature; none of them has started. Source: rippling §12.1.
STATUS = {
    Status.INIT: EmploymentStatus.PENDING,
    Status.HIRED: EmploymentStatus.PENDING,
    Status.ACCEPTED: EmploymentStatus.PENDING,
    Status.ACTIVE: EmploymentStatus.ACTIVE,
    Status.TERMINATED: EmploymentStatus.TERMINATED,
}

# Our field ← Rippling's names for it in either API, as a redaction or a decoding error says them.
SPELLINGS = {
    "status": "status roleState",
    "person_id": "user_id userId",
    "number": "number employeeNumber",
    "given_name": "given_name firstName user name",
    "middle_name": "middle_name middleName user name",
    "family_name": "family_name lastName user name",
    "work_email": "work_email workEmail",
    "start_date": "start_date startDate",
    "end_date": "end_date endDate",
    "manager_id": "manager_id manager",
    "department_id": "department_id department departmentId",
    "location_id": "location work_location_id worklocationNickname workLocationId",
    "company_id": "legal_entity_id legal_entity",
    "position": "title",
    "employment_type_id": "employment_type_id employment_type employmentType",
    "updated_at": "updated_at updatedAt",
}
FIELDS: dict[str, list[str]] = {}
for _ours, _theirs in SPELLINGS.items():
    for _one in _theirs.split():
        FIELDS.setdefault(_one, []).append(_ours)
_PREFIX = re.compile(r"^(?:worker\.)?(?:user\.)?(?:name\.)?(?:location\.)?")
PLACE = re.compile(r"`\$((?:\.\w+|\[[^\]]*\])*)`")
_MISSING = re.compile(r"missing required field `(\w+)`")
ENDS_BEFORE_START = "The last day of this person is before the first day. Correct it in Rippling."


class Unreadable(Exception):
    """A row that cannot become a worker; ``field`` is ours."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def rows(raws: Iterable[msgspec.Raw], kind: type[R]) -> list[R | UnreadableRecord]:
    """Each row decoded by itself, in order: for a page in which at least one row is not as documented."""
    decoder = msgspec.json.Decoder(kind)
    found: list[R | UnreadableRecord] = []
    for raw in raws:
        try:
            found.append(decoder.decode(raw))
        except msgspec.ValidationError as error:
            field, reason = _complaint(str(error))
            found.append(UnreadableRecord(id=id_of_raw(raw), field=field, reason=reason))
    return found


def redactions(meta: Meta | None) -> dict[str, str]:
    """Our fields among those Rippling says it withheld, with its reason."""
    if meta is None or not meta.redacted_fields:
        return {}
    found = {}
    for item in meta.redacted_fields:
        for field in FIELDS.get(item.name, FIELDS.get(_PREFIX.sub("", item.name), [])):
            found[field] = item.reason or "Rippling did not say why"
    return found


def worker_page(
    found: Iterable[R | UnreadableRecord], meta: Meta | None, convert: Callable[[R], tuple[Worker, dict[str, str]]]
) -> WorkerPage:
    """Rows as workers. A field that is empty and named in a redaction of the page or the row is UNSET."""
    everywhere = redactions(meta)
    page = WorkerPage(workers=[], unreadable=[], redacted=dict(everywhere))
    for row in found:
        if isinstance(row, UnreadableRecord):
            page.unreadable.append(row)
            continue
        try:
            worker, withheld = convert(row)
        except Unreadable as error:
            page.unreadable.append(UnreadableRecord(id=row.id, field=error.field, reason=error.reason))
            continue
        if everywhere or withheld:
            page.redacted.update(withheld)
            worker = _without(worker, everywhere | withheld)
        page.workers.append(worker)
    return page


def one_worker(row: R, convert: Callable[[R], tuple[Worker, dict[str, str]]]) -> Worker:
    """A row that was asked for by id, as a worker; RecordRejectedError when it cannot become one."""
    try:
        worker, withheld = convert(row)
    except Unreadable as error:
        raise RecordRejectedError(error.reason, field=error.field) from None
    return _without(worker, withheld)


def worker_of_v2(row: WorkerRow) -> tuple[Worker, dict[str, str]]:
    """A v2 worker, and what its row or its user withheld. Without ``user_id`` the worker is their own person.

    Names of a user that was not sent are unknown, not empty.
    """
    user, place = row.user, row.location
    name = user.name if user else None
    start, end = row.start_date, row.end_date
    if start and end and end < start:
        raise Unreadable("end_date", ENDS_BEFORE_START)
    worker = Worker(
        id=row.id,
        person_id=row.user_id or row.id,
        number=_text(row.number),
        given_name=name.given_name if name else UNSET,
        middle_name=name.middle_name if name else UNSET,
        family_name=name.family_name if name else UNSET,
        work_email=row.work_email,
        status=STATUS[row.status],
        start_date=start,
        end_date=end,
        manager_id=row.manager_id,
        department_id=row.department_id,
        # Remote people have a location without a work location. Source: rippling §10.11.
        location_id=place.work_location_id if place else None,
        company_id=row.legal_entity_id,
        position=row.title,
        employment_type_id=row.employment_type_id,
        updated_at=utc(row.updated_at),
    )
    if row.meta is None and (not user or user.meta is None):
        return worker, {}
    return worker, redactions(row.meta) | redactions(user.meta if user else None)


def worker_of_v1(row: EmployeeRow, departments: Names, locations: Names) -> Worker:
    """A v1 employee; ``departments`` and ``locations`` turn names into ids."""
    start, end = row.start_date, row.end_date
    if start and end and end < start:
        raise Unreadable("end_date", ENDS_BEFORE_START)
    return Worker(
        id=row.id,
        person_id=row.user_id or row.id,
        number=_text(row.employee_number),
        given_name=row.first_name,
        middle_name=row.middle_name,
        family_name=row.last_name,
        work_email=row.work_email,
        status=STATUS[row.role_state],
        start_date=start,
        end_date=end,
        manager_id=row.manager,
        department_id=row.department_id or departments.id_of(row.department, "department_id"),
        location_id=row.work_location_id or locations.id_of(row.location, "location_id"),
        position=row.title,
        employment_type_id=row.employment_type,
        updated_at=utc(row.updated_at),
    )


class Names:
    """Names of one reference list → ids, for an API that refers by name. None: the list may not be read."""

    def __init__(self, noun: str, units: Iterable[OrgUnit] | None) -> None:
        self.noun = noun
        self.readable = units is not None
        self._ids: dict[str, list[str]] = {}
        for unit in units or ():
            self._ids.setdefault(unit.name, []).append(unit.id)

    def id_of(self, name: Text, field: str) -> Text:
        """The one id of ``name``, UNSET when the list may not be read; Unreadable when none or several match."""
        if isinstance(name, UnsetType):
            return UNSET
        if not name:
            return None
        if not self.readable:
            return UNSET
        ids = self._ids.get(name, [])
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise Unreadable(
                field,
                f"Rippling has {len(ids)} {self.noun}s called “{name}”, so this person's is not known. Rename one.",
            )
        raise Unreadable(field, f"This person's {self.noun} “{name}” is not in Rippling's list of {self.noun}s.")


def unit_of(kind: RefKind, row: Unit) -> OrgUnit:
    """A reference value. A parent that is the row itself is no parent. Source: rippling §10.10.

    A worker carries the text of a title and not its id, so a position's id is its name.
    """
    name = row.name or row.label or row.legal_name or row.nickname or row.id
    parent = row.job_dimension_id or row.parent_id or (row.parent if isinstance(row.parent, str) else None)
    return OrgUnit(
        kind=kind,
        id=name if kind is RefKind.POSITION else row.id,
        name=(row.label or name) if kind is RefKind.EMPLOYMENT_TYPE else name,
        code=row.reference_code or row.external_id or "",
        parent_id=parent if parent and parent != row.id else None,
    )


def utc(moment: datetime | None) -> datetime | None:
    """``moment`` as an aware UTC instant; Rippling's instants without a zone are UTC."""
    if moment is None or moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(number: Number) -> str | UnsetType | None:
    return str(number) if isinstance(number, int) else number


def _without(worker: Worker, withheld: Mapping[str, str]) -> Worker:
    empty: dict[str, Any] = {
        field: UNSET
        for field in withheld
        if field not in ("person_id", "updated_at") and getattr(worker, field) is None
    }
    return msgspec.structs.replace(worker, **empty) if empty else worker


def _complaint(error: str) -> tuple[str, str]:
    """Our field and a sentence, from a decoding error; values are never repeated, save an unknown status."""
    missing, place = _MISSING.search(error), PLACE.search(error)
    path = (place[1] if place else "").lstrip(".")
    vendor = f"{path}.{missing[1]}" if missing and path else missing[1] if missing else path
    top, last = vendor.split(".")[0], vendor.rpartition(".")[2]
    field = FIELDS.get(last, FIELDS.get(top, (vendor or "record",)))[0]
    if missing:
        return field, f"Rippling sent no {field.replace('_', ' ')} for this person."
    if field == "status":
        value = re.search(r"enum value '([A-Z_ ]{1,40})'", error)
        what = f"“{value[1]}”" if value else "one"
        return field, f"Rippling reports a status we do not know ({what}) for this person."
    return field, f"The {field.replace('_', ' ')} Rippling sent for this person cannot be read. Correct it in Rippling."


def id_of_raw(raw: msgspec.Raw) -> str:
    """The ``id`` of a row that cannot be read otherwise, empty where it has none."""
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return ""
    return str(found.get("id") or "") if isinstance(found, dict) else ""
