"""Between our words and Dynamics': workers with their employments, references, default dimensions. Pure.

Source: dynamics §7, §12: default dimensions are matched by their names, never by their places.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.dynamics.display import Format, display, read_display
from connectors.dynamics.schemas import EMPLOYMENT_TYPES, EmploymentRow, WorkerRow
from connectors.dynamics.settings import PeopleSettings
from connectors.errors import RecordRejectedError, UnexpectedReplyError
from connectors.records import UNSET, Employee

REFERENCE = re.compile(r"ML[A-Z2-7]{16}")
_NAMES = {
    "given_name": "FirstName",
    "middle_name": "MiddleName",
    "family_name": "LastName",
    "work_email": "PrimaryContactEmail",
}
_READ = {
    "given_name": "first_name",
    "middle_name": "middle_name",
    "family_name": "last_name",
    "work_email": "primary_contact_email",
}
_LABELS = {"number": "personnel number", "given_name": "first name", "family_name": "last name"}
REFERENCES = {"NameAlias": "name_alias", "KnownAs": "known_as"}


def reference_for(integration: str, worker_id: str) -> str:
    """What a source worker is recognised by in Dynamics: 18 letters and digits, 80 bits of a hash."""
    digest = hashlib.sha256(f"{integration}\n{worker_id}".encode()).digest()
    return "ML" + base64.b32encode(digest[:10]).decode("ascii")


def employee_from(
    worker: WorkerRow, employment: EmploymentRow | None, settings: PeopleSettings, form: Format | None, now: datetime
) -> Employee:
    """A worker as ``employment`` shows it at ``now`` (aware UTC); without one, an inactive worker of no company.

    ``form`` is the format of default dimensions, needed where dimensions are mapped. Somebody Dynamics does not hold
    our reference of is referred to by the personnel number.
    """
    values = _dimensions(employment, form)
    held = {field: values.get(name.casefold()) for field, name in settings.dimensions.items()}
    reference = (getattr(worker, REFERENCES[settings.reference_field]) or "").strip().upper()
    return Employee(
        reference=reference if REFERENCE.fullmatch(reference) else worker.personnel_number,
        id=worker.personnel_number,
        number=worker.personnel_number,
        company=employment.company if employment else None,
        employment_type=(employment.worker_type or None) if employment else None,
        department=held.get("department"),
        location=held.get("location"),
        active=employment is not None and employment.is_open(now),
        **{ours: getattr(worker, theirs) or None for ours, theirs in _READ.items()},
    )


def differences(wanted: Employee, held: Employee, settings: PeopleSettings) -> list[str]:
    """Our names of the set fields of ``wanted`` that are not true of ``held``, as far as Dynamics keeps them here."""
    kept = ("number", *_NAMES, "employment_type", *settings.dimensions)
    return [
        name
        for name in kept
        if (value := getattr(wanted, name)) is not UNSET
        and (value or "").strip() != (getattr(held, name) or "").strip()
    ]


def hire_body(employee: Employee, company: str, start: datetime, settings: PeopleSettings) -> dict[str, Any]:
    """What hires ``employee``; RecordRejectedError names the first required field that is missing."""
    for name, label in _LABELS.items():
        if not (isinstance(value := getattr(employee, name), str) and value.strip()):
            raise RecordRejectedError(
                f"Dynamics needs a {label} for every new worker. Complete it in the HR system.", field=name
            )
    names = {theirs: getattr(employee, ours) for ours, theirs in _NAMES.items()}
    return {
        "PersonnelNumber": employee.number,
        "EmploymentLegalEntityId": company,
        **{name: value for name, value in names.items() if isinstance(value, str) and value},
        settings.reference_field: employee.reference,
        "EmploymentStartDate": start,
    }


def worker_changes(wanted: Employee, changed: Sequence[str]) -> dict[str, Any]:
    """The worker's own properties among what changed; RecordRejectedError for a name that is to be empty."""
    for name in ("given_name", "family_name"):
        if name in changed and not getattr(wanted, name):
            raise RecordRejectedError(f"Dynamics does not accept a worker without {_LABELS[name]}.", field=name)
    return {theirs: getattr(wanted, ours) or "" for ours, theirs in _NAMES.items() if ours in changed}


def employment_changes(
    wanted: Employee,
    changed: Sequence[str],
    employment: EmploymentRow | None,
    settings: PeopleSettings,
    form: Format | None,
) -> dict[str, Any]:
    """The employment's properties among what changed; default dimensions of ``employment`` we do not map are kept."""
    body: dict[str, Any] = {}
    if "employment_type" in changed:
        if wanted.employment_type not in EMPLOYMENT_TYPES:
            raise RecordRejectedError(
                f"Dynamics knows the employment types {' and '.join(EMPLOYMENT_TYPES)} only. Correct the mapping.",
                field="employment_type",
            )
        body["WorkerType"] = wanted.employment_type
    mapped = {field: name for field, name in settings.dimensions.items() if field in changed}
    if mapped:
        assert form is not None
        # The format spells the names; what a setting means is matched without case.
        values = {name: value for name in form.names if (value := _dimensions(employment, form).get(name.casefold()))}
        for field, name in mapped.items():
            values[form.spelled(name) or name] = getattr(wanted, field) or ""
        try:
            body["DimensionDisplayValue"] = display(values, form)
        except ValueError as error:
            raise RecordRejectedError(str(error), field=next(iter(mapped))) from None
    return body


def _dimensions(employment: EmploymentRow | None, form: Format | None) -> Mapping[str, str]:
    """Value by dimension's name in lower case."""
    if employment is None or form is None or not employment.dimension_display_value:
        return {}
    try:
        values = read_display(employment.dimension_display_value, form)
    except ValueError as error:
        raise UnexpectedReplyError(
            "The default dimensions of an employment do not fit the active default dimension format. The format may "
            "have been changed in Dynamics just now; it will be read again.",
            detail=f"EmploymentsV2: {error}",
        ) from None
    return {name.casefold(): value for name, value in values.items()}
