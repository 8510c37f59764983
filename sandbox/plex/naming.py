"""The names of one set of data in the two profiles.

Data is kept under the connect names. The connect profile is exact about them (plex §2.4); the documents profile
writes them with underscores and reads them without regard to case and underscores (plex §9.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Profile(StrEnum):
    CONNECT = "connect"
    DOCUMENTS = "documents"


@dataclass(frozen=True)
class Names:
    """What one kind of row is called: kept name → name on the wire, for each profile, in wire order.

    ``parts``: kept names whose value is a list of rows with names of their own.
    """

    key: str
    connect: Mapping[str, str]
    documents: Mapping[str, str]
    parts: Mapping[str, Names] = field(default_factory=dict)
    _exact: Mapping[str, str] = field(init=False, repr=False)
    _read: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_exact", {wire: kept for kept, wire in self.connect.items()})
        object.__setattr__(self, "_read", {_bare(wire): kept for kept, wire in self.documents.items()})

    def shown(self, profile: Profile) -> Mapping[str, str]:
        return self.connect if profile is Profile.CONNECT else self.documents

    def on_wire(self, profile: Profile, kept: str) -> str:
        return self.shown(profile).get(kept, kept)

    def kept(self, profile: Profile, wire: str) -> str | None:
        """The kept name a caller meant, or None for a name this profile does not know."""
        if profile is Profile.CONNECT:
            return self._exact.get(wire)
        return self._read.get(_bare(wire))

    def rendered(self, profile: Profile, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record as this profile shows it; what it lacks is null."""
        shown = {wire: record.get(kept) for kept, wire in self.shown(profile).items()}
        for kept, names in self.parts.items():
            shown[self.on_wire(profile, kept)] = [names.rendered(profile, part) for part in record[kept]]
        return shown


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def underscored(name: str) -> str:
    return name[0].upper() + "".join(f"_{c}" if c.isupper() else c for c in name[1:])


_DATES = {"createdDate": "created_date", "modifiedDate": "modified_date"}
_EMPLOYEE = _same(
    "id",
    "badgeNumber",
    "userId",
    "firstName",
    "middleName",
    "lastName",
    "supervisorId",
    "status",
    "position",
    "shift",
    "building",
    "type",
    "department",
    "email",
    "workPhone",
    "workExtension",
    "homePhone",
    "mobilePhone",
)
_ACCOUNT = _same(
    "id", "accountNumber", "name", "categoryType", "active", "inactiveDate", "createdDate", "modifiedBy", "modifiedDate"
)
_BUILDING = _same(
    "id",
    "buildingCode",
    "buildingType",
    "name",
    "oldBuildingCode",
    "active",
    "address",
    "city",
    "state",
    "country",
    "zipCode",
    "phone",
    "fax",
    "dunsNo",
    "taxId",
    "vatRegistrationNo",
)
_PERIOD = _same("fiscalYear", "periodDisplay", "beginDate", "endDate", "periodStatus", "yearStatus")

EMPLOYEE = Names(
    key="id",
    connect=_EMPLOYEE,
    documents={name: underscored(name) for name in _EMPLOYEE} | {"id": "Employee_Id"} | _DATES,
)
ACCOUNT = Names(
    key="id",
    connect=_ACCOUNT,
    documents={
        "id": "GL_Account_Id",
        "accountNumber": "Account_No",
        "name": "Account_Name",
        "categoryType": "Category_Type",
        "active": "Active",
        "costCenter": "Cost_Center",
        **_DATES,
    },
)
COST_CENTER = Names(
    key="id",
    connect={},
    documents={
        "id": "Cost_Center_Id",
        "code": "Cost_Center_No",
        "name": "Cost_Center",
        "active": "Active",
        **_DATES,
    },
)
BUILDING = Names(
    key="id",
    connect=_BUILDING,
    documents={"id": "Building_Id", "buildingCode": "Building_Code", "name": "Building_Name", "active": "Active"},
)
PERIOD = Names(
    key="periodDisplay",
    connect=_PERIOD,
    documents={name: underscored(name) for name in _PERIOD},
)
TENANT = Names(
    key="id",
    connect=_same("id", "code"),
    documents={"id": "Tenant_Id", "code": "Company_Code", "pcn": "PCN"},
)
TRANSFER = Names(key="tenantId", connect=_same("tenantId"), documents={"tenantId": "Tenant_Id"})
STATUS = Names(key="status", connect=_same("status"), documents={"status": "Status"})

_LINE = _same(
    "lineId",
    "accountId",
    "accountNumber",
    "description",
    "debit",
    "credit",
    "createdDate",
    "modifiedById",
    "modifiedDate",
    "currencyDebit",
    "currencyCredit",
    "baseSegment",
    "costCenterSegment",
    "subAccountSegment",
    "accountingJobNumber",
    "voucherDescription",
    "expenseProject",
)
_JOURNAL = _same(
    "id",
    "journalNumber",
    "periodDisplay",
    "description",
    "note",
    "postDate",
    "reversing",
    "currency",
    "exchangeRate",
    "status",
    "createdById",
    "createdDate",
    "modifiedById",
    "modifiedDate",
    "voucherNumber",
    "booked",
    "period13",
    "governmentIssuedNo",
    "periodAdjustment",
    "lines",
)
_ACTIVITY = _same(
    "periodDisplay",
    "transactionDate",
    "accountId",
    "accountNumber",
    "baseSegment",
    "costCenterSegment",
    "subAccountSegment",
    "description",
    "credit",
    "debit",
    "currencyCredit",
    "currencyDebit",
    "accountingJobNumber",
    "voucherNumber",
    "journalNumber",
    "headerDescription",
    "period13",
    "periodAdjustmentEntries",
    "governmentIssuedNo",
    "modifiedDate",
)
_ENTRY_WORDS = {
    "id": "Journal_Entry_Id",
    "journalNumber": "Journal_No",
    "periodDisplay": "Period",
    "voucherNumber": "Voucher_No",
    "accountId": "GL_Account_Id",
    "accountNumber": "Account_No",
    "accountingJobNumber": "Accounting_Job_No",
    **_DATES,
}
LINE = Names(
    key="lineId",
    connect=_LINE,
    documents={name: _ENTRY_WORDS.get(name, underscored(name)) for name in _LINE},
)
JOURNAL = Names(
    key="id",
    connect=_JOURNAL,
    documents={name: _ENTRY_WORDS.get(name, underscored(name)) for name in _JOURNAL},
    parts={"lines": LINE},
)
ACTIVITY = Names(
    key="lineId",
    connect=_ACTIVITY,
    documents={name: _ENTRY_WORDS.get(name, underscored(name)) for name in _ACTIVITY},
)
# Connect calls some fields of a journal otherwise in a request than in its answer (plex §2.4.3).
LINE_BODY = Names(
    key="lineId",
    connect=_LINE | {"accountNumber": "accountNo", "accountingJobNumber": "accountingJobNo"},
    documents=LINE.documents,
)
JOURNAL_BODY = Names(key="id", connect=_JOURNAL | {"periodDisplay": "period"}, documents=JOURNAL.documents)
