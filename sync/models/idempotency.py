"""What was answered to a POST with an Idempotency-Key, so that the same request has one effect."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models

from tenants.models import TenantOwned


class RememberedAnswer(TenantOwned):
    """One key of one tenant. ``status`` is None while the first request with it is worked on.

    ``request_hash`` is SHA-256 over method, address and body. ``shown_once`` answers hold a secret: their body is
    not kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=300, blank=True)
    shown_once = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_once_per_tenant"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["tenant", "created_at"])]
