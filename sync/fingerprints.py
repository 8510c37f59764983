"""What was last made true of an employee, as hashes: one over everything, then one per field.

The first answers "unchanged" at once. The others say which fields changed, and let a field the source withholds
for a while neither count as a change nor be forgotten. Pure.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET

from connectors.records import Employee, fingerprint

FIELDS = (
    "number",
    "given_name",
    "middle_name",
    "family_name",
    "work_email",
    "department",
    "location",
    "position",
    "employment_type",
    "shift",
    "company",
)
"""Order and number are part of what is stored: add at the end only."""

_BESIDES = dict.fromkeys(("user_id", "manager_id", "start_date", "end_date"), UNSET)
"""What an employee has besides, that a fingerprint says nothing of."""

WHOLE = 32
PART = 8
NEVER = bytes(PART)
"""The hash of a field that was never made true."""


def whole(employee: Employee) -> bytes:
    """The hash over all of FIELDS, those the source withholds left out."""
    return fingerprint(msgspec.structs.replace(employee, id=None, reference="", active=True, **_BESIDES))


def make(employee: Employee, former: bytes = b"") -> bytes:
    """The fingerprint of this employee; a withheld field keeps its hash from the ``former`` one."""
    parts = [
        _part(value) if (value := getattr(employee, name)) is not UNSET else _former(former, index)
        for index, name in enumerate(FIELDS)
    ]
    return whole(employee) + b"".join(parts)


def changed(employee: Employee, former: bytes) -> list[str]:
    """Names of the set fields that are not as the former fingerprint says."""
    if former[:WHOLE] == whole(employee):
        return []
    return [
        name
        for index, name in enumerate(FIELDS)
        if (value := getattr(employee, name)) is not UNSET and _part(value) != _former(former, index)
    ]


def _part(value: str | None) -> bytes:
    # An empty text and none are the same to every target.
    return hashlib.blake2b((value or "").encode(), digest_size=PART).digest()


def _former(former: bytes, index: int) -> bytes:
    start = WHOLE + index * PART
    return former[start : start + PART] or NEVER
