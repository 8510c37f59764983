"""What Rippling sends, as far as we use it: typed, unknown fields ignored, absent and null told apart.

A value of an unexpected type fails its row, not its page; see ``mapper.rows``. Source: rippling §6, §12.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType, field

T = TypeVar("T")

Text = str | UnsetType | None
Number = int | str | UnsetType | None
Date = date | UnsetType | None


class Status(enum.StrEnum):
    """``status`` of v2 and ``roleState`` of v1."""

    INIT = "INIT"
    HIRED = "HIRED"
    ACCEPTED = "ACCEPTED"
    ACTIVE = "ACTIVE"
    TERMINATED = "TERMINATED"


class RedactedField(Struct, gc=False):
    name: str = ""
    reason: str | None = None


class Meta(Struct):
    redacted_fields: list[RedactedField] | None = None


class Page(Struct, Generic[T]):
    """The envelope of every v2 list."""

    results: list[T]
    next_link: str | None = None
    meta: Meta | None = field(name="__meta", default=None)


class UserName(Struct, gc=False):
    given_name: str | None = None
    middle_name: str | None = None
    family_name: str | None = None


class User(Struct, gc=False):
    name: UserName | None = None
    meta: Meta | None = field(name="__meta", default=None)


class WorkerLocation(Struct, gc=False):
    work_location_id: str | None = None


class WorkerRow(Struct, gc=False):
    """A v2 worker with its user expanded. What is absent and not named as redacted is empty. Source: rippling §6."""

    id: str
    status: Status
    user_id: str | None = None
    user: User | None = None
    number: int | str | None = None
    work_email: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    manager_id: str | None = None
    department_id: str | None = None
    legal_entity_id: str | None = None
    employment_type_id: str | None = None
    location: WorkerLocation | None = None
    title: str | None = None
    updated_at: datetime | None = None
    meta: Meta | None = field(name="__meta", default=None)


class EmployeeRow(Struct, gc=False, rename="camel"):
    """A v1 employee. What is absent may be out of scope, without a word. Source: rippling §6.

    ``department`` and ``worklocationNickname`` are names; the ids beside them, the start date and ``updatedAt`` are
    in answers of the 2021 form only.
    """

    id: str
    role_state: Status
    user_id: Text = UNSET
    employee_number: Number = UNSET
    first_name: Text = UNSET
    middle_name: Text = UNSET
    last_name: Text = UNSET
    work_email: Text = UNSET
    start_date: Date = UNSET
    end_date: Date = UNSET
    manager: Text = UNSET
    department: Text = UNSET
    department_id: Text = UNSET
    work_location_id: Text = UNSET
    location: Text = field(name="worklocationNickname", default=UNSET)
    title: Text = UNSET
    employment_type: Text = UNSET
    updated_at: datetime | None = None


class Unit(Struct):
    """A row of any reference list; each list fills the fields it has."""

    id: str
    name: str | None = None
    label: str | None = None
    legal_name: str | None = None
    nickname: str | None = None
    reference_code: str | None = None
    external_id: str | None = None
    parent_id: str | None = None
    parent: Any = None
    """An id in v1, an object where v2 was asked to expand it."""
    job_dimension_id: str | None = None
    tax_identifier: str | None = None


class CompanyRow(Struct):
    """The company a token belongs to, in either API."""

    id: str = ""
    name: str | None = None
    legal_name: str | None = None
    legal_entities: list[Unit] | None = None


class SsoMe(Struct):
    company_id: str | None = None
    company: CompanyRow | None = None


class Entitlement(Struct):
    display_name: str | None = None
    description: str | None = None
