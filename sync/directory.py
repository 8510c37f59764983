"""The directory of a target: who is there, under which number, active or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from connectors.contract import WorkerTarget
from connectors.models import Connection
from connectors.records import Employee
from sync.chunks import chunked
from sync.models import TargetEmployee
from sync.upserting import upsert

BATCH = 1000


def read_directory(connection: Connection, target: WorkerTarget, *, now: datetime) -> int:
    """Afterwards ``TargetEmployee`` of this connection is what the target holds; returns how many there are.

    Streams: memory does not grow with their number. Employees that are gone are forgotten, but only after a
    complete walk, and never when the walk brought nobody at all (a role that hides employees looks just so).
    """
    total = 0
    for employees in chunked(target.employees(), BATCH):
        upsert(
            TargetEmployee,
            [_row(connection, employee, now) for employee in employees],
            unique_fields=("connection", "target_id"),
            update_fields=("company", "number", "department", "active", "read_at"),
        )
        total += len(employees)
    if total:
        TargetEmployee.objects.filter(connection=connection, read_at__lt=now).delete()
    return total


def note_numbers(connection: Connection, numbers: Sequence[str], holders: Sequence[Employee], *, now: datetime) -> None:
    """Afterwards the directory knows ``holders`` as those, and all of those, who carry these numbers."""
    former = TargetEmployee.objects.filter(connection=connection, number__any_of=numbers)
    with transaction.atomic():
        former.exclude(target_id__in=[holder.id for holder in holders]).update(number="")
        upsert(
            TargetEmployee,
            [_row(connection, holder, now) for holder in {holder.id: holder for holder in holders}.values()],
            unique_fields=("connection", "target_id"),
            update_fields=("company", "number", "department", "active", "read_at"),
        )


def _row(connection: Connection, employee: Employee, now: datetime) -> dict[str, object]:
    def text(value: object) -> str:
        return value if isinstance(value, str) else ""

    return {
        "connection_id": connection.pk,
        "target_id": employee.id or "",
        "company": text(employee.company),
        "number": text(employee.number),
        "department": text(employee.department),
        "active": employee.active,
        "read_at": now,
    }
