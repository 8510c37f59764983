"""What Plex sends: the resources by profile, and the fields of their rows that we read.

Field names are folded (case and underscores dropped), so that ``badgeNumber`` and ``Badge_Number`` are one.
Source: plex §2.3, §2.4, §9.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from connectors.errors import UnexpectedReplyError


@lru_cache(maxsize=1024)
def fold(name: str) -> str:
    """The form in which field names are compared."""
    return name.replace("_", "").lower()


class Resource(msgspec.Struct, frozen=True):
    """One kind of data: what staff call it, where it is, how its folded names differ from our field names."""

    label: str
    connect: str
    documents: str
    aliases: Mapping[str, str] = {}
    rows: str = ""  # where a connect answer keeps its rows; empty: it is a bare array itself

    def path(self, profile: str) -> str:
        return self.connect if profile == "connect" else self.documents


TENANTS = Resource("company identity", "/mdm/v1/tenants", "/Tenant", {"tenantid": "id", "companycode": "code"})
EMPLOYEES = Resource("employees", "/mdm/v1/employees", "/Employee", {"employeeid": "id", "badgeno": "badgenumber"})
ACCOUNTS = Resource(
    "chart of accounts",
    "/mdm/v1/chart-of-accounts",
    "/GL_Account",
    {"glaccountid": "id", "accountno": "accountnumber", "accountname": "name"},
)
BUILDINGS = Resource("buildings", "/mdm/v1/buildings", "/Building", {"buildingid": "id", "buildingname": "name"})
PERIODS = Resource("fiscal periods", "/accounting/v1/fiscal-period-statuses", "/Fiscal_Period")
_ENTRY_WORDS = {
    "journalentryid": "id",
    "journalno": "journalnumber",
    "period": "perioddisplay",
    "glaccountid": "accountid",
    "accountno": "accountnumber",
}
JOURNALS = Resource("journals", "/accounting/v2/journal-entries", "/Journal_Entry", _ENTRY_WORDS)
JOURNAL_LINES = Resource("journal lines", "", "", _ENTRY_WORDS)
ACTIVITY = Resource(
    "account activity", "/accounting/v1/general-ledger-activity/journal-entries", "/GL_Activity", _ENTRY_WORDS
)
# The documents know no custom fields (plex §9.2).
STANDARD_OBJECTS = Resource("standard objects", "/platform/custom-fields/v1/standard-objects", "")
FIELD_DEFINITIONS = Resource("custom fields", "/platform/custom-fields/v1/field-definitions", "")
FIELD_VALUES = Resource("custom field values", "/platform/custom-fields/v1/field-values", "")
IDENTITIES = Resource("record keys", "/platform/identity-mappings/v1", "")
TRIAL_BALANCE = Resource("trial balance", "/accounting/v1/trial-balance", "", rows="trialBalanceLines")
COST_CENTERS = Resource(
    "cost centers", "", "/Cost_Center", {"costcenterid": "id", "costcenterno": "code", "costcenter": "name"}
)


class TenantRow(msgspec.Struct, frozen=True, rename=fold):
    id: str = ""
    code: str = ""
    pcn: str | int = ""


class EmployeeRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    """An employee as Plex holds it. Texts are names or codes of setup tables; there are no dates (plex §2.4.1)."""

    id: str
    badge_number: str | None = None
    user_id: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    supervisor_id: str | None = None
    status: str
    position: str | None = None
    shift: str | None = None
    building: str | None = None
    type: str | None = None
    department: str | None = None
    email: str | None = None


class AccountRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    id: str
    account_number: str
    name: str
    category_type: str
    active: bool


class BuildingRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    building_code: str
    name: str | None = None
    active: bool = True


class CostCenterRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    code: str
    name: str | None = None
    active: bool = True


class TrialBalanceRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    account_number: str
    cost_center_segment: str | None = None


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    """``period_status`` is Open, Soft Closed or Closed; the end day counts (plex §2.4.4)."""

    period_display: str
    period_status: str
    begin_date: str
    end_date: str

    def holds(self, day: date) -> bool:
        return parse_instant(self.begin_date).date() <= day <= parse_instant(self.end_date).date()


class JournalRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    """A journal as Plex holds it. Names differ from those it is posted with (plex §2.4.3)."""

    id: str
    journal_number: int | str
    period_display: str
    description: str | None = None
    note: str | None = None
    post_date: str
    status: str | None = None
    booked: bool | None = None
    lines: list[dict[str, Any]]


class JournalLineRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    account_number: str
    description: str | None = None
    debit: Decimal | None = None
    credit: Decimal | None = None


class ActivityRow(JournalLineRow, frozen=True, kw_only=True, rename=fold):
    """One line of an account's activity; ``journal_number`` is the journal it is from."""

    journal_number: int | str
    transaction_date: str


class FieldDefinitionRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    standard_object_name: str
    field_name: str
    constraints: str | None = None

    def is_of(self, standard_object: str, name: str) -> bool:
        """Plex's names are the same in capitals and small letters (plex §2.4.6)."""
        return (self.standard_object_name.casefold(), self.field_name.casefold()) == (
            standard_object.casefold(),
            name.casefold(),
        )


class StandardObjectRow(msgspec.Struct, frozen=True, kw_only=True, rename=fold):
    standard_object_name: str


RowT = TypeVar("RowT", bound=msgspec.Struct)
ROW = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
"""An object with every number as it was written: whole ones as int, others as Decimal."""
BODY = msgspec.json.Encoder(decimal_format="number")
"""A Decimal leaves as a JSON number of exactly its digits."""


def folded(raw: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """``raw`` under folded names, a resource's own words for a field replaced by ours."""
    aliases = resource.aliases
    return {aliases.get(name := fold(key), name): value for key, value in raw.items()}


def read_row(raw: Mapping[str, Any], type_: type[RowT], resource: Resource) -> RowT:
    """One row as ``type_``; ``UnexpectedReplyError`` names the field that is not what it should be."""
    try:
        return msgspec.convert(folded(raw, resource), type_)
    except (msgspec.ValidationError, AttributeError) as error:
        raise UnexpectedReplyError(
            f"Plex sent {resource.label} in a form we do not know. Nothing was changed; we have to look at it.",
            detail=f"{resource.label}: {error}",
        ) from error


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def parse_instant(text: str) -> datetime:
    """An aware UTC instant; Plex writes up to seven fractional digits, Python keeps six (plex §2.2)."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise UnexpectedReplyError(
            "Plex sent a date and time in a form we do not know.", detail="instant not ISO 8601 with zone"
        )
    seconds, fraction, zone = match.groups()
    fraction = f".{(fraction or '')[:6].ljust(6, '0')}" if fraction else ""
    return datetime.fromisoformat(f"{seconds}{fraction}{'+00:00' if zone == 'Z' else zone}")
