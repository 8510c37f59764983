"""Between our words and Plex's: employees in both directions, accounts and their segments."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connectors.errors import RecordRejectedError
from connectors.plex.schemas import ACCOUNTS, EMPLOYEES, AccountRow, EmployeeRow, fold, read_row
from connectors.plex.settings import PlexSettings
from connectors.records import UNSET, Account, Employee

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ml-connector:plex:employee")

_COLUMNS = {
    "given_name": "first_name",
    "middle_name": "middle_name",
    "family_name": "last_name",
    "work_email": "email",
    "department": "department",
    "location": "building",
    "position": "position",
    "employment_type": "type",
    "shift": "shift",
    "manager_id": "supervisor_id",
}
FIELDS = {fold(theirs): ours for ours, theirs in _COLUMNS.items()} | {"badgenumber": "number", "userid": "user_id"}
"""Plex's folded name of an employee's field → ours."""
_LABELS = {
    "user_id": "user id",
    "given_name": "first name",
    "family_name": "last name",
    "position": "position",
    "department": "department",
}
_READ_ONLY = frozenset({"id", "userid", "createddate", "createdbyid", "modifieddate", "modifiedbyid", "modifiedby"})
_PERSONAL = frozenset(
    {"badgenumber", "userid", "firstname", "middlename", "lastname", "email", "workphone", "homephone", "mobilephone"}
)


def reference_for(integration: str, worker_id: str) -> str:
    """The uuid a source worker has in Plex: the caller may choose it on create (plex §2.4.1)."""
    return str(uuid.uuid5(_namespace(integration), worker_id))


@lru_cache
def _namespace(integration: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, integration)


def employee_from(raw: Mapping[str, Any], pcn: str, settings: PlexSettings) -> Employee:
    """An employee of plant ``pcn`` as Plex holds it; empty texts are None."""
    row = read_row(raw, EmployeeRow, EMPLOYEES)
    return Employee(
        reference=row.id.lower(),
        id=row.id,
        number=(row.user_id if settings.match_user_id else row.badge_number) or None,
        user_id=row.user_id or None,
        company=pcn,
        active=not settings.is_inactive(row.status),
        **{ours: getattr(row, theirs) or None for ours, theirs in _COLUMNS.items()},
    )


def differences(wanted: Employee, held: Employee) -> list[str]:
    """Our names of the set fields of ``wanted`` that are not true of ``held``; whether it is active is not one."""
    return [
        name
        for name in ("number", "user_id", *_COLUMNS)
        if (value := getattr(wanted, name)) is not UNSET
        and (value or "").strip() != (getattr(held, name) or "").strip()
    ]


def create_body(employee: Employee, settings: PlexSettings) -> dict[str, Any]:
    """What creates ``employee``; ``RecordRejectedError`` names the first required field that is missing."""
    values = _values(employee, settings)
    values["shift"] = values.get("shift") or settings.default_shift
    values["type"] = values.get("type") or settings.default_type
    user_id = _user_id(employee, settings)
    values["status"] = settings.status_active if employee.active else settings.statuses_inactive[0]
    for name, label in _LABELS.items():
        if not (user_id if name == "user_id" else values.get(_COLUMNS[name])):
            raise RecordRejectedError(
                f"Plex needs a {label} for every new employee. Complete it in the HR system or map it.", field=name
            )
    body = {"id": employee.reference, "user_id": user_id, **values}
    return {wire_name(name, settings.profile): value for name, value in body.items() if value}


def update_body(raw: Mapping[str, Any], wanted: Employee, held: Employee, settings: PlexSettings) -> dict[str, Any]:
    """The full object to put: everything that was read, with the set fields of ``wanted`` in their place.

    What is to be empty is left out: a put replaces the whole object. Also a field we do not know is sent back, so
    that Plex keeps it or refuses it, but never loses it silently.
    """
    if (wanted.user_id is not UNSET and (wanted.user_id or None) != held.user_id) or (
        settings.match_user_id and wanted.number is not UNSET and wanted.number != held.number
    ):
        raise RecordRejectedError("Plex never changes the user id of an employee.", field="user_id")
    values = _values(wanted, settings)
    for name in _LABELS:
        if name != "user_id" and _COLUMNS[name] in values and not values[_COLUMNS[name]]:
            raise RecordRejectedError(f"Plex does not accept an employee without {_LABELS[name]}.", field=name)
    names = {fold(key): key for key in raw}
    body = {key: value for key, value in raw.items() if not _read_only(key) and value is not None}
    for name, value in values.items():
        key = names.get(fold(name), wire_name(name, settings.profile))
        if value:
            body[key] = value
        else:
            body.pop(key, None)
    return body


def personal_values(body: Mapping[str, Any]) -> list[str]:
    """What of ``body`` identifies a person and must not come back in an error."""
    return [str(value) for key, value in body.items() if fold(key) in _PERSONAL]


def wire_name(name: str, profile: str) -> str:
    """``first_name`` as the profile writes it: firstName or First_Name; the documents call the id Employee_Id."""
    if profile == "connect":
        head, *tail = name.split("_")
        return head + "".join(part.title() for part in tail)
    return "Employee_Id" if name == "id" else name.title()


def account_from(raw: Mapping[str, Any], pcn: str, settings: PlexSettings) -> Account:
    """An account of plant ``pcn``; a number that does not match the customer's pattern has no segments."""
    row = read_row(raw, AccountRow, ACCOUNTS)
    return Account(
        id=row.id,
        number=row.account_number,
        name=row.name,
        category=row.category_type,
        active=row.active,
        company=pcn,
        segments=segments(row.account_number, settings.account_number),
    )


def segments(number: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """Segment name → text with its leading zeros; empty when the whole number does not match."""
    match = pattern.fullmatch(number)
    return {name: text for name, text in match.groupdict().items() if text} if match else {}


def _values(employee: Employee, settings: PlexSettings) -> dict[str, str | None]:
    """Plex's column → value for every set field that Plex lets us write."""
    values = {theirs: getattr(employee, ours) for ours, theirs in _COLUMNS.items()}
    if not settings.match_user_id:
        values["badge_number"] = employee.number
    return {name: value for name, value in values.items() if value is not UNSET}


def _user_id(employee: Employee, settings: PlexSettings) -> str | None:
    if employee.user_id is not UNSET and employee.user_id:
        return employee.user_id
    if settings.match_user_id or settings.user_id_rule == "number":
        return employee.number or None
    email = employee.work_email or ""
    return email.partition("@")[0] or None


def _read_only(key: str) -> bool:
    name = fold(key)
    return EMPLOYEES.aliases.get(name, name) in _READ_ONLY
