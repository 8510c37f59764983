"""Reference values of both sides, and which of one side means which of the other."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from connectors.models import Connection
from connectors.records import RefKind
from sync.models.integration import Integration
from tenants.models import TenantOwned

KINDS = [(kind.value, kind.value.replace("_", " ").capitalize()) for kind in RefKind]


class ReferenceValue(TenantOwned):
    """One department, location, position, account … as one connection showed it last.

    A value that is gone from the other side stays here as inactive, so that a mapping to it can say so.
    ``previous_name`` is set when the other side renamed it.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="reference_values")
    kind = models.CharField(max_length=20, choices=KINDS)
    external_id = models.CharField(max_length=200)
    code = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=300)
    company = models.CharField(max_length=100, blank=True)
    parent_id_external = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    attributes = models.JSONField(default=dict, blank=True)
    previous_name = models.CharField(max_length=300, blank=True)
    renamed_at = models.DateTimeField(null=True, blank=True)
    inactive_since = models.DateTimeField(null=True, blank=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "name", "pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["connection", "kind", "company", "external_id"], name="reference_value_once"
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["tenant", "connection", "kind", "name"])]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class Mapping(TenantOwned):
    """From a date on, this source value means that target value. ``valid_to`` is exclusive, None is open-ended.

    Only a confirmed mapping is used. ``source_key`` is the source's id of the value; ``target_key`` the target's
    id (what its records refer to). ``confirmed_key`` names who confirmed it in a way that never changes; they may not
    approve what it decides.
    """

    class State(models.TextChoices):
        SUGGESTED = "suggested", "Suggested"
        CONFIRMED = "confirmed", "Confirmed"

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="mappings")
    kind = models.CharField(max_length=20, choices=KINDS)
    source_key = models.CharField(max_length=200)
    target_key = models.CharField(max_length=200)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.SUGGESTED)
    score = models.PositiveSmallIntegerField(default=100, help_text="How alike code or name are, 0 to 100.")
    reason = models.CharField(max_length=200, blank=True)
    confirmed_by = models.CharField(max_length=200, blank=True)
    confirmed_key = models.CharField(max_length=220, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "source_key", "-valid_from"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["integration", "kind", "source_key", "valid_from"],
                name="mapping_once_per_start",
                violation_error_message="This value already has a mapping that starts on this date.",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True) | models.Q(valid_to__gt=models.F("valid_from")),
                name="mapping_ends_after_it_starts",
                violation_error_message="A mapping must end after the day it starts.",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["tenant", "integration", "kind", "state"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.source_key} → {self.target_key}"
