"""Customers, who works for them, and the keys their programs use."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey, BaseAPIKeyManager

from tenants.scope import ScopedManager, current_tenant_id, has_tenant_scope
from tenants.timezones import validate_time_zone


class Tenant(models.Model):
    """A customer company. ``time_zone`` decides its local dates (effective dates, terminations)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True, validators=[validate_slug])
    time_zone = models.CharField(max_length=64, default="America/New_York", validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class TenantKey(models.ForeignKey[Tenant, Tenant]):
    """The column that says whose a row is: of the tenant whose scope it is made in, never entered by hand."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"to": "tenants.Tenant", "on_delete": models.CASCADE, "editable": False, **kwargs})

    def get_default(self) -> uuid.UUID | None:
        """The scope's tenant. None fails on NOT NULL outside a scope."""
        return current_tenant_id() if has_tenant_scope() else None


class TenantOwned(models.Model):
    """A row of one tenant. Protected twice: ``objects`` filters on the scope, row-level security enforces it."""

    tenant = TenantKey()

    objects = ScopedManager()

    class Meta:
        abstract = True


class Role(models.TextChoices):
    """What a person or a key may do; each role may do what the ones before it may."""

    VIEWER = "viewer", "Viewer"
    PREPARER = "preparer", "Preparer"
    APPROVER = "approver", "Approver"
    ADMINISTRATOR = "administrator", "Administrator"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """True when this role may do what ``needed`` may."""
        return self.rank >= needed.rank


class Membership(TenantOwned):
    """A user's role in a tenant. One user may work for several tenants."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"],
                name="membership_once_per_user",
                violation_error_message="This person already has a role here; change that one.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class ApiKeyManager(BaseAPIKeyManager, ScopedManager["ApiKey"]):
    """Creates and finds keys inside a tenant scope, or inside ``api_key_scope`` before the tenant is known."""

    def get_queryset(self) -> Any:
        if has_tenant_scope():
            return super().get_queryset()
        # Row-level security shows at most the key that api_key_scope names.
        return models.QuerySet(self.model, using=self._db)


class ApiKey(AbstractAPIKey):
    """A program's access to one tenant. Only a hash is kept; the key itself is shown once, when it is made.

    ``acts_for`` is the identity of whoever made it: what they prepared, their key cannot approve.
    """

    tenant = TenantKey()
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    created_by = models.CharField(max_length=200, blank=True, editable=False)
    acts_for = models.CharField(max_length=220, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()  # type: ignore[assignment]

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = [models.CheckConstraint(condition=models.Q(role__in=Role.values), name="api_key_role_is_known")]

    def expired_at(self, now: datetime) -> bool:
        """True when the key has an expiry and it has passed at ``now`` (aware UTC)."""
        return self.expiry_date is not None and self.expiry_date <= now
