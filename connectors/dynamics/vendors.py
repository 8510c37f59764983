"""Contractors as vendors: persons of one vendor group, each of one legal entity. Source: dynamics §7.

A vendor's number comes from Dynamics' own sequence, so that the HR system's is kept as "our account number". A
contractor who left is on hold for everything; any other hold is finance's own matter and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.dynamics.literals import EnumMember, both, either, equal, key
from connectors.dynamics.mapper import REFERENCE
from connectors.dynamics.odata import OData, Operation
from connectors.dynamics.schemas import CONTRACTOR, VendorRow, columns
from connectors.errors import OutcomeUnknownError, RecordRejectedError, UnexpectedReplyError
from connectors.records import UNSET, Employee

PREFIX = "vendor:"
REFERENCES_A_REQUEST = 15
NO_HOLD, ON_HOLD = EnumMember("CustVendorBlocked", "No"), EnumMember("CustVendorBlocked", "All")
_REFERENCES = {
    "NameAlias": ("VendorSearchName", "vendor_search_name"),
    "KnownAs": ("VendorKnownAsName", "vendor_known_as_name"),
}
_FIELDS = {
    "number": ("OurAccountNumber", "our_account_number"),
    "given_name": ("PersonFirstName", "person_first_name"),
    "middle_name": ("PersonMiddleName", "person_middle_name"),
    "family_name": ("PersonLastName", "person_last_name"),
    "work_email": ("PrimaryEmailAddress", "primary_email_address"),
}
_LABELS = {"number": "number", "given_name": "first name", "family_name": "last name"}


class Contractors:
    """The contractors of one environment, as ``WorkerTarget`` speaks of employees. Thread-safe."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._settings = odata.settings
        self._entity_set = odata.settings.people.vendor_set
        self._reference, self._reference_of = _REFERENCES[odata.settings.people.reference_field]

    def employees(self) -> Iterator[Employee]:
        """Every person of the vendor group in the legal entities of this connection."""
        return (self._employee(row) for row in self._rows(""))

    def find_by_reference(self, references: Sequence[str]) -> dict[str, Employee]:
        """Those that Dynamics keeps the reference of; fifteen are asked for at a time."""
        found = {}
        for start in range(0, len(references), REFERENCES_A_REQUEST):
            some = references[start : start + REFERENCES_A_REQUEST]
            for row in self._rows(either(equal(self._reference, reference) for reference in some)):
                employee = self._employee(row)
                if employee.reference in some:
                    found[employee.reference] = employee
        return found

    def find_by_number(self, number: str) -> list[Employee]:
        """Every contractor with this number."""
        found = (self._employee(row) for row in self._rows(equal("OurAccountNumber", number)))
        return [employee for employee in found if employee.number == number]

    def get(self, employee_id: str, company: str | None) -> Employee | None:
        """The contractor as Dynamics holds the vendor now, None when it is gone or another company's."""
        row = self._row(employee_id)
        return None if row is None or company not in (None, row.company.lower()) else self._employee(row)

    def create(self, employee: Employee) -> Employee:
        """Create the vendor and return it as read back."""
        company = self._settings.legal_entity(employee.company if isinstance(employee.company, str) else None)
        for name, label in _LABELS.items():
            if not getattr(employee, name):
                raise RecordRejectedError(
                    f"A contractor needs a {label} in Dynamics. Complete it in the HR system.", field=name
                )
        body = {
            "dataAreaId": company,
            "VendorGroupId": self._settings.people.vendor_group,
            "VendorPartyType": "Person",
            self._reference: employee.reference,
            **{theirs: value for ours, (theirs, _) in _FIELDS.items() if (value := getattr(employee, ours))},
        }
        row = self._odata.create(self._entity_set, body, VendorRow)
        created = self.get(_id(row), None)
        if created is None:
            raise OutcomeUnknownError(
                "Dynamics accepted a new vendor but does not show it yet. It will be looked up again.",
                detail=f"POST {self._entity_set}: not seen",
            )
        if created.reference != employee.reference:
            raise UnexpectedReplyError(
                "Dynamics did not keep our reference on a new vendor, who would not be found again by it. No further "
                "one is created. Choose another field under 'People are recognised by'.",
                detail=f"POST {self._entity_set}: {self._reference} differs",
            )
        return created

    def update(self, employee: Employee) -> Employee:
        """Also says nothing to Dynamics when everything is true already."""
        row, held = self._held(employee)
        _refuse_an_employee(employee)
        changed = _differences(employee, held)
        if not changed:
            return held
        self._patch(row, {_FIELDS[name][0]: getattr(employee, name) or "" for name in changed})
        after = self._held(employee)[1]
        if kept := _differences(employee, after):
            raise RecordRejectedError(
                f"Dynamics accepted a change of this vendor but did not make it ({', '.join(kept)}). It may wait for "
                f"approval there.",
                field=kept[0],
            )
        return after

    def activate(self, employee: Employee) -> Employee:
        """Take the vendor off hold and make the rest true. Refused before anything changes for whoever is to be an
        employee or another legal entity's."""
        row, _ = self._held(employee)
        _refuse_an_employee(employee)
        if isinstance(employee.company, str) and row.company.lower() != employee.company.lower():
            raise RecordRejectedError(
                "A vendor is one legal entity's and cannot be engaged again by another. Begin a new contract under a "
                "new employment in the HR system.",
                field="company",
            )
        self._hold(employee, active=True)
        return self.update(employee)

    def deactivate(self, employee: Employee) -> Employee:
        """Put the vendor on hold for everything, proved by reading back."""
        return self._hold(employee, active=False)

    def transfer(self, employee: Employee, from_company: str) -> Employee:
        """Refused, unless the contractor is there already: a vendor is one legal entity's for ever."""
        row, _ = self._held(employee)
        if row.company.lower() != employee.company:
            raise RecordRejectedError(
                f"A vendor cannot move from {from_company} to another legal entity. End the contract in the HR system "
                f"and begin a new one there.",
                field="company",
            )
        return self.update(employee)

    def _hold(self, employee: Employee, *, active: bool) -> Employee:
        row, held = self._held(employee)
        if held.active is active:
            return held
        self._patch(row, {"OnHoldStatus": NO_HOLD if active else ON_HOLD})
        after = self._held(employee)[1]
        if after.active is not active:
            raise RecordRejectedError(
                "Dynamics accepted a change of this vendor's hold but did not make it. It may wait for approval there."
            )
        return after

    def _patch(self, row: VendorRow, body: dict[str, Any]) -> None:
        path = f"{self._entity_set}{key(row.key)}"
        (outcome,) = self._odata.batch([[Operation(method="PATCH", path=path, body=body, etag=row.etag)]])
        if outcome.error is not None:
            raise outcome.error

    def _held(self, employee: Employee) -> tuple[VendorRow, Employee]:
        row = self._row(employee.id) if employee.id else None
        if row is None:
            raise RecordRejectedError(
                "Dynamics has no such vendor any more. Read the employees again before the next change."
            )
        return row, self._employee(row)

    def _row(self, employee_id: str) -> VendorRow | None:
        company, _, number = employee_id.removeprefix(PREFIX).partition(":")
        key_of = {"dataAreaId": company, "VendorAccountNumber": number}
        return self._odata.one(self._entity_set, key_of, select=columns(VendorRow), type=VendorRow)

    def _rows(self, where: str) -> Iterator[VendorRow]:
        companies = either(equal("dataAreaId", company) for company in self._settings.legal_entities)
        conditions = both(companies, equal("VendorGroupId", self._settings.people.vendor_group), where)
        order = ("dataAreaId", "VendorAccountNumber")
        rows = self._odata.rows(
            self._entity_set, select=columns(VendorRow), where=conditions, order=order, type=VendorRow
        )
        return (row for row in rows if row.vendor_party_type == "Person")

    def _employee(self, row: VendorRow) -> Employee:
        reference = (getattr(row, self._reference_of) or "").strip().upper()
        return Employee(
            reference=reference if REFERENCE.fullmatch(reference) else _id(row),
            id=_id(row),
            company=row.company.lower(),
            employment_type=CONTRACTOR,
            active=row.on_hold_status != ON_HOLD.name,
            **{ours: getattr(row, read) or None for ours, (_, read) in _FIELDS.items()},
        )


def _id(row: VendorRow) -> str:
    return f"{PREFIX}{row.company.lower()}:{row.vendor_account_number}"


def _refuse_an_employee(wanted: Employee) -> None:
    if isinstance(wanted.employment_type, str) and wanted.employment_type != CONTRACTOR:
        raise RecordRejectedError(
            "A contractor who is a vendor cannot become an employee. End the contract in the HR system and hire "
            "under a new employment.",
            field="employment_type",
        )


def _differences(wanted: Employee, held: Employee) -> list[str]:
    return [
        name
        for name in _FIELDS
        if (value := getattr(wanted, name)) is not UNSET
        and (value or "").strip() != (getattr(held, name) or "").strip()
    ]
