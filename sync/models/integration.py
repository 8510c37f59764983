"""Which source feeds which target, and what of it moves."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from connectors.models import Connection
from tenants.models import TenantOwned


class Integration(TenantOwned):
    """A source connection paired with a target connection.

    ``key`` is part of every external reference we leave on the target and never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    name = models.CharField(max_length=120)
    source = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="feeds")
    target = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="fed_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="integration_name_once",
                violation_error_message="Another integration has this name.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "source", "target"],
                name="integration_pair_once",
                violation_error_message="These two connections are already paired.",
            ),
            models.CheckConstraint(
                condition=~models.Q(source=models.F("target")),
                name="integration_source_is_not_target",
                violation_error_message="Source and target must be different connections.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Flow(TenantOwned):
    """One kind of thing an integration moves, with its switches and how far it has got.

    Nothing is written to the target until ``writes_enabled``. ``watermark`` is the source's instant up to which
    every change has been settled (aware UTC), None before the first complete run.
    """

    class Kind(models.TextChoices):
        REFERENCE = "reference", "Reference data"
        PEOPLE = "people", "People"
        PAYROLL = "payroll", "Payroll"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="flows")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    writes_enabled = models.BooleanField(
        default=False, help_text="Until this is on, runs only show what they would do in the target."
    )
    paused = models.BooleanField(default=False)
    paused_reason = models.CharField(max_length=300, blank=True)
    every_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(5)],
        help_text="Run by itself this often (5 minutes or more). Empty: only when asked.",
    )
    full_every_hours = models.PositiveIntegerField(
        default=24,
        validators=[MinValueValidator(1)],
        help_text="How often a run reads everybody instead of changes only, to find what changes do not show.",
    )
    max_change_percent = models.PositiveIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A run that would terminate or change more than this share of the people stops and asks.",
    )
    least_records = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A run over everybody that reads fewer records than this stops and asks.",
    )
    watermark = models.DateTimeField(null=True, blank=True, editable=False)
    last_full_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    expected_records = models.PositiveIntegerField(null=True, blank=True, editable=False)
    redacted = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["integration__name", "kind"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["integration", "kind"], name="flow_kind_once"),
            models.CheckConstraint(
                condition=models.Q(every_minutes__isnull=True) | models.Q(every_minutes__gte=5),
                name="flow_interval_at_least_5_minutes",
                violation_error_message="The shortest interval is 5 minutes.",
            ),
            models.CheckConstraint(
                condition=models.Q(max_change_percent__gte=1, max_change_percent__lte=100),
                name="flow_change_limit_is_a_percentage",
                violation_error_message="The change limit is a percentage from 1 to 100.",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["next_run_at"], condition=models.Q(every_minutes__isnull=False, paused=False), name="flow_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.integration} · {self.get_kind_display()}"
