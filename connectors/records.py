"""Our own words for what moves between systems: frozen, slotted, vendor-neutral records.

A field a source may not show (redacted, no permission) is ``UNSET``; ``None`` means the source says it is empty.
The difference decides whether a value on the target is kept or cleared.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import date, datetime

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "UNSET",
    "Account",
    "Employee",
    "EmploymentStatus",
    "OrgUnit",
    "RefKind",
    "UnsetType",
    "Worker",
    "WorkerPage",
]


class EmploymentStatus(enum.StrEnum):
    """Where a worker stands at the source; ``PENDING`` is hired but not started yet."""

    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


class RefKind(enum.StrEnum):
    """Kinds of reference values both sides speak of."""

    DEPARTMENT = "department"
    LOCATION = "location"
    COMPANY = "company"
    POSITION = "position"
    EMPLOYMENT_TYPE = "employment_type"
    SHIFT = "shift"
    STATUS = "status"
    JOB_CODE = "job_code"
    JOB_DIMENSION = "job_dimension"
    ACCOUNT = "account"
    COST_CENTER = "cost_center"


class OrgUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One reference value of a system: a department, a location, a position, a cost center …

    ``id`` is what other records of the same system refer to; ``code`` is what people write in a ledger.
    ``company`` is the id of the company (legal entity, plant) it is limited to, None when it serves all.
    """

    kind: RefKind
    id: str
    name: str
    code: str = ""
    parent_id: str | None = None
    company: str | None = None
    active: bool = True


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger account. ``segments`` maps a segment's name (base, cost_center, sub) to its text, zeros kept."""

    id: str
    number: str
    name: str
    category: str
    active: bool
    company: str | None = None
    segments: dict[str, str] = {}


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One employment at a source system.

    ``id`` names the employment, ``person_id`` the human behind it (stable over a rehire). Dates are the
    employer's local calendar dates; ``updated_at`` is an aware UTC instant, None where the source has none.
    Reference fields hold the id of the source's own reference value (``OrgUnit.id``).
    """

    id: str
    person_id: str
    number: str | None | UnsetType = UNSET
    given_name: str | None | UnsetType = UNSET
    middle_name: str | None | UnsetType = UNSET
    family_name: str | None | UnsetType = UNSET
    work_email: str | None | UnsetType = UNSET
    status: EmploymentStatus
    start_date: date | None | UnsetType = UNSET
    end_date: date | None | UnsetType = UNSET
    manager_id: str | None | UnsetType = UNSET
    department_id: str | None | UnsetType = UNSET
    location_id: str | None | UnsetType = UNSET
    company_id: str | None | UnsetType = UNSET
    position: str | None | UnsetType = UNSET
    employment_type_id: str | None | UnsetType = UNSET
    updated_at: datetime | None = None


class UnreadableRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record the source sent that we cannot read; the rest of its page is unaffected.

    ``field`` names what is wrong; ``reason`` is a sentence for staff without personal data.
    """

    id: str
    field: str
    reason: str


class WorkerPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a source: workers, those we could not read, and the fields the source withheld (name → reason)."""

    workers: list[Worker]
    unreadable: list[UnreadableRecord] = []
    redacted: dict[str, str] = {}


class Employee(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as a target holds it, or is to hold it.

    ``reference`` is the external reference we choose and the target keeps (deterministic per integration and
    source worker); ``id`` is the target's own id, None before it exists. A field that is ``UNSET`` is not ours to
    change and keeps its value on the target. Reference fields hold the target's own codes. The dates are the
    employer's calendar dates of the first and the last day, for targets that keep them; they are never compared.
    """

    reference: str
    id: str | None = None
    number: str | None | UnsetType = UNSET
    user_id: str | None | UnsetType = UNSET
    given_name: str | None | UnsetType = UNSET
    middle_name: str | None | UnsetType = UNSET
    family_name: str | None | UnsetType = UNSET
    work_email: str | None | UnsetType = UNSET
    department: str | None | UnsetType = UNSET
    location: str | None | UnsetType = UNSET
    position: str | None | UnsetType = UNSET
    employment_type: str | None | UnsetType = UNSET
    shift: str | None | UnsetType = UNSET
    company: str | None | UnsetType = UNSET
    manager_id: str | None | UnsetType = UNSET
    start_date: date | None | UnsetType = UNSET
    end_date: date | None | UnsetType = UNSET
    active: bool = True


_encoder = msgspec.json.Encoder(order="deterministic")


def fingerprint(record: msgspec.Struct) -> bytes:
    """SHA-256 over the record's canonical JSON; equal content gives equal bytes in every process and release."""
    return hashlib.sha256(_encoder.encode(record)).digest()
