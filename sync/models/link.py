"""Which record here is which record there."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from connectors.models import Connection
from sync.models.integration import Integration
from tenants.models import TenantOwned


class Link(TenantOwned):
    """A source worker and the target employee that stands for it.

    ``fingerprint`` is the hash of what was last made true on the target; an equal plan costs no write. ``manager``
    is the manager's source id as last made true, ``manager_due`` one that waits for the manager's own employee.
    ``missing_sweeps`` counts complete walks in a row in which the source no longer had the worker.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="links")
    source_id = models.CharField(max_length=100)
    person_id = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=100)
    reference = models.CharField(max_length=100)
    number = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=100, blank=True)
    active = models.BooleanField(default=True)
    manager = models.CharField(max_length=100, blank=True)
    manager_due = models.CharField(max_length=100, blank=True)
    fingerprint = models.BinaryField(max_length=128)
    missing_sweeps = models.PositiveSmallIntegerField(default=0)
    written_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["integration", "source_id"], name="link_once_per_source"),
            models.UniqueConstraint(
                fields=["integration", "target_id"],
                name="link_once_per_target",
                violation_error_message="This target employee already stands for another worker.",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["integration", "person_id"]),
            models.Index(fields=["integration", "number"]),
            models.Index(fields=["integration"], condition=~models.Q(manager_due=""), name="link_manager_due"),
            models.Index(fields=["integration"], condition=models.Q(missing_sweeps__gt=0), name="link_missing"),
        ]


class PendingChange(TenantOwned):
    """A change the source announced for a later local date: the worker is read again on that day."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="pending_changes")
    source_id = models.CharField(max_length=100)
    label = models.CharField(max_length=60, blank=True)
    change = models.CharField(max_length=20)
    effective_on = models.DateField()
    noted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["effective_on", "pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["integration", "source_id", "change"], name="pending_change_once"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["integration", "effective_on"])]


class TargetEmployee(TenantOwned):
    """The directory of a target as last read: enough to find a person by number, and to count heads.

    Holds no names; ``number`` is the employee number both systems show.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="employees")
    target_id = models.CharField(max_length=100)
    company = models.CharField(max_length=100, blank=True)
    number = models.CharField(max_length=100, blank=True)
    department = models.CharField(max_length=200, blank=True)
    active = models.BooleanField()
    read_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["connection", "target_id"], name="target_employee_once"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["connection", "number"])]
