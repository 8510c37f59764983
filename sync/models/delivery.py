"""What a source announced by itself: webhooks as they arrived, and events of its activity feed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from connectors.models import Connection
from sync.models.run import Run
from tenants.models import TenantKey, TenantOwned


class Delivery(TenantOwned):
    """One announcement as it arrived: a hint that something may have changed, never the change itself.

    ``attempts`` are the reads on its behalf that failed; ``not_before`` is when the next one may be asked for.
    ``subject`` is the source's id of whom or what it concerns, ``digest`` the SHA-256 of the raw bytes. Nothing else
    of the body is kept: it holds a mail address.
    """

    class Origin(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        FEED = "feed", "Activity feed"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        ASKED = "asked", "Being read again"
        SETTLED = "settled", "Read again"
        IGNORED = "ignored", "Ignored on purpose"
        UNKNOWN = "unknown", "Unknown event"
        FAILED = "failed", "Could not be followed"

    # The key to the connection that includes the tenant (tenants.rls) is constraint enough, and the one that makes id
    # unique in the tenant is index enough: intake must be cheap.
    tenant = TenantKey(db_index=False, db_constraint=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.WEBHOOK)
    event = models.CharField(max_length=80)
    subject = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=300, blank=True)
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries", db_index=False
    )
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replays", db_index=False
    )
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name_plural = "deliveries"
        indexes: ClassVar[list[Any]] = [
            # By tenant alone the unique key of tenant and id serves, which tenants.rls makes.
            models.Index(fields=["tenant", "state", "-id"]),
            models.Index(fields=["connection", "subject", "-received_at"]),
            # What just arrived is in neither of these two.
            models.Index(fields=["run"], condition=models.Q(run__isnull=False), name="delivery_of_run"),
            models.Index(fields=["replay_of"], condition=models.Q(replay_of__isnull=False), name="delivery_replayed"),
            models.Index(
                fields=["connection", "id"], condition=models.Q(state__in=["pending", "asked"]), name="delivery_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}".strip()


class Listening(TenantOwned):
    """How well a connection's own announcements tell what changes: since when and until when webhooks came, where its
    feed was read up to, and the last change that a poll found and nobody had announced. Its row is the lock of whoever
    follows the connection's deliveries."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="listening")
    heard_since = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    cursor = models.TextField(blank=True)
    feed_at = models.DateTimeField(null=True, blank=True, help_text="When the feed is read next; never without one.")
    feed_read_at = models.DateTimeField(null=True, blank=True)
    feed_trouble = models.CharField(max_length=300, blank=True)
    gap_at = models.DateTimeField(null=True, blank=True)
    gap = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["feed_at"], condition=models.Q(feed_at__isnull=False), name="listening_feed_due"),
        ]
