"""What Dynamics sends of people, vendors and units: the properties we read. Source: dynamics §3, §7.

Texts are empty rather than null, dates are those of ``literals``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from connectors.dynamics.literals import Value, read_end, read_instant

WORKERS, EMPLOYEES, EMPLOYMENTS = "Workers", "EmployeesV2", "EmploymentsV2"
CONTRACTOR = "Contractor"
EMPLOYMENT_TYPES = {"Employee": "Employee", CONTRACTOR: CONTRACTOR}


class WorkerRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A person who works here, of no company in particular."""

    personnel_number: str
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    primary_contact_email: str | None = None
    name_alias: str | None = None
    known_as: str | None = None
    etag: str = msgspec.field(default="", name="@odata.etag")


class EmploymentRow(msgspec.Struct, frozen=True, rename="pascal"):
    """One employment of a worker by a legal entity."""

    personnel_number: str
    legal_entity_id: str
    employment_id: str
    employment_start_date: str
    employment_end_date: str
    worker_type: str | None = None
    dimension_display_value: str | None = None
    etag: str = msgspec.field(default="", name="@odata.etag")

    @property
    def company(self) -> str:
        """The legal entity as our settings write it."""
        return self.legal_entity_id.lower()

    @property
    def start(self) -> datetime:
        """The first instant; a start that Dynamics leaves empty is long past."""
        return read_instant(self.employment_start_date) or datetime.min.replace(tzinfo=UTC)

    @property
    def end(self) -> datetime | None:
        """The last second, None where there is no end."""
        return read_end(self.employment_end_date)

    @property
    def key(self) -> dict[str, Value]:
        """All key fields."""
        return {
            "PersonnelNumber": self.personnel_number,
            "LegalEntityId": self.legal_entity_id,
            "EmploymentId": self.employment_id,
        }

    def is_open(self, now: datetime) -> bool:
        """True from the first instant until the last second has passed."""
        return self.start <= now and (self.end is None or self.end >= now)

    def lasts_at_most(self, span: timedelta) -> bool:
        """True for an employment that ends so soon after its start."""
        return self.end is not None and self.end - self.start <= span


class VendorRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A vendor of one legal entity, as far as a contractor is concerned."""

    vendor_account_number: str
    company: str = msgspec.field(name="dataAreaId")
    vendor_group_id: str | None = None
    vendor_party_type: str | None = None
    person_first_name: str | None = None
    person_middle_name: str | None = None
    person_last_name: str | None = None
    primary_email_address: str | None = None
    our_account_number: str | None = None
    vendor_search_name: str | None = None
    vendor_known_as_name: str | None = None
    on_hold_status: str | None = None
    etag: str = msgspec.field(default="", name="@odata.etag")

    @property
    def key(self) -> dict[str, Value]:
        """All key fields."""
        return {"dataAreaId": self.company, "VendorAccountNumber": self.vendor_account_number}


class UnitRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A department, cost center or business unit; they are shared by all legal entities."""

    operating_unit_number: str
    name: str | None = None


class LegalEntityRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A legal entity under its id, which elsewhere is the dataAreaId."""

    legal_entity_id: str
    name: str | None = None


def columns(row: type[msgspec.Struct]) -> tuple[str, ...]:
    """The properties a struct reads, for ``$select``; etags come by themselves."""
    names = (field.encode_name for field in msgspec.structs.fields(row))
    return tuple(name for name in names if not name.startswith("@"))
