"""What Plex sends: the resources by profile, and the fields of their rows that we read.

Field names are folded (case and underscores dropped), so that ``badgeNumber`` and ``Badge_Number`` are one.
Source: plex §2.3, §2.4, §9.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
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


RowT = TypeVar("RowT", bound=msgspec.Struct)


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
