"""What somebody must be told of: one notice per cause, who wants to hear of what, and the messages that say it."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from connectors.seal import SealedField
from tenants.models import Tenant, TenantOwned


class NoticeKind(models.TextChoices):
    """What a notice is about; people choose by it."""

    FAILED = "failed", "A run failed"
    HELD = "held", "A run is held for a decision"
    BLOCKED = "blocked", "Records are blocked"
    MISSED = "missed", "Something did not happen when it was due"
    CREDENTIALS = "credentials", "Credentials are dead or about to expire"
    APPROVAL = "approval", "A journal waits for approval"
    ATTENTION = "attention", "A journal needs a person"
    VOLUME = "volume", "Far fewer records than expected"
    WEBHOOKS = "webhooks", "Announcements are missing"
    ALERTS = "alerts", "Notices cannot be delivered"
    CALENDAR = "calendar", "A pay calendar ends or cannot be used"


class Notice(TenantOwned):
    """One cause that somebody must know of, open until it is mended. ``cause`` is unique per kind while open.

    Sentences name no person and no amount. ``link`` is the path of the page that mends it. ``occurrence`` names the
    latest time it happened (a run, a slot), ``times`` counts them. ``told`` are the ids of the messages that told of
    it. Until ``settled_at``, one that is mended opens again when its cause comes back; those who were told then hear
    that it is mended.
    """

    kind = models.CharField(max_length=12, choices=NoticeKind.choices)
    cause = models.CharField(max_length=200)
    sentence = models.CharField(max_length=500)
    remedy = models.CharField(max_length=300, blank=True)
    link = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    occurrence = models.CharField(max_length=60, blank=True)
    times = models.PositiveIntegerField(default=1)
    told = models.JSONField(default=list, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-opened_at", "-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "cause"],
                condition=models.Q(resolved_at__isnull=True),
                name="notice_open_once_per_cause",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-opened_at", "-id"]),
            models.Index(
                fields=["tenant", "-opened_at"], condition=models.Q(settled_at__isnull=True), name="notice_unsettled"
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class NoticeChoice(TenantOwned):
    """How one person wants to hear of one kind of notice; without a row, as their role usually does."""

    class How(models.TextChoices):
        AT_ONCE = "at_once", "At once"
        DIGEST = "digest", "In the daily digest"
        NEVER = "never", "Not at all"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choices")
    kind = models.CharField(max_length=12, choices=[*NoticeKind.choices, ("digest", "The daily digest")])
    how = models.CharField(max_length=8, choices=How.choices)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["tenant", "user", "kind"], name="notice_choice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind} {self.how}"


class AlertHook(TenantOwned):
    """An address of the customer's that notices are sent to, signed with a secret shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    url = models.URLField(max_length=500)
    kinds = models.JSONField(default=list, blank=True, help_text="Kinds of notices; empty means all.")
    sealed = SealedField(null=True, blank=True, editable=False)
    sealed_by = models.CharField(max_length=12, blank=True, editable=False)
    paused = models.BooleanField(default=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="alert_hook_name_once",
                violation_error_message="Another address has this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Dispatch(TenantOwned):
    """One message to one recipient, from when it was decided until it left. Written with the notices it tells of, so
    that none is lost and none is sent for what never was."""

    class Purpose(models.TextChoices):
        NOTICE = "notice", "Notices"
        MENDED = "mended", "Mended"
        DIGEST = "digest", "Daily digest"
        TEST = "test", "Test"

    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="dispatches"
    )
    hook = models.ForeignKey(AlertHook, null=True, blank=True, on_delete=models.CASCADE, related_name="dispatches")
    notices = models.JSONField(default=list, blank=True, help_text="Ids of the notices it tells of.")
    day = models.DateField(null=True, blank=True, help_text="The local day of a digest.")
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name_plural = "dispatches"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, hook__isnull=False)
                | models.Q(user__isnull=False, hook__isnull=True),
                name="dispatch_has_one_recipient",
            ),
            models.UniqueConstraint(
                fields=["tenant", "user", "day"], condition=models.Q(purpose="digest"), name="digest_once_a_day"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["tenant", "-created_at"]),
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="dispatch_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} #{self.pk}"


class Looked(TenantOwned):
    """How far a company's notices have been kept: the number of its audit trail's last entry then, and when to look
    again even if nothing happens."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, editable=False, primary_key=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    again_at = models.DateTimeField()


class Heartbeat(models.Model):
    """When something of the installation, not of a company, last happened: workers at work, the watch at its post."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
