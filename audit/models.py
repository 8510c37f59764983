"""The audit trail: one chain of immutable entries per tenant, and the chain's head."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import msgspec
from django.db import models

from audit import actions
from tenants.models import Tenant, TenantKey, TenantOwned

FORMAT = 1
"""Version of ``Body``; it is part of every body, so that old entries stay readable for ever."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an entry says, in the order in which it is written. Its JSON text is what is hashed.

    Nobody ever has to reproduce that text: it is stored, and the hash is taken over what is stored.
    """

    format: int = FORMAT
    tenant: str
    seq: int
    at: str
    action: str
    actor_kind: str
    actor_label: str
    subject_kind: str
    subject_id: str
    subject_label: str
    source_system: str
    source_id: str
    target_system: str
    target_id: str
    run_id: int | None
    correlation_id: str
    why: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    detail: dict[str, Any]


class Change(msgspec.Struct, frozen=True):
    """One field of a subject, before and after; None where it was absent or empty."""

    field: str
    before: Any
    after: Any


class AuditEntry(TenantOwned):
    """One line of proof. ``body`` is the truth; the other columns repeat it for searching and are verified with it.

    ``hash`` is SHA-256 over ``previous_hash`` and the UTF-8 bytes of ``body``. Rows are written by
    ``audit.record`` only; the database refuses to change or delete them, and to insert one that does not continue
    the chain (migration 0002).
    """

    # No constraint of its own: the database inserts only what continues a head, and the head has the constraint.
    tenant = TenantKey(on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    seq = models.BigIntegerField("number")
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10)
    actor_label = models.CharField("who", max_length=200)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=200)
    subject_label = models.CharField("what", max_length=200, blank=True)
    source_system = models.CharField(max_length=60, blank=True)
    source_id = models.CharField(max_length=200, blank=True)
    target_system = models.CharField(max_length=60, blank=True)
    target_id = models.CharField(max_length=200, blank=True)
    run_id = models.BigIntegerField("run", null=True, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering: ClassVar[list[str]] = ["-seq"]
        constraints: ClassVar[list[Any]] = [
            # Also the index of the plain list: PostgreSQL reads an index in both directions.
            models.UniqueConstraint(fields=["tenant", "seq"], name="audit_seq_once_per_tenant"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "subject_kind", "subject_id", "seq"], name="audit_by_subject"),
            models.Index(
                fields=["tenant", "run_id", "seq"], name="audit_by_run", condition=models.Q(run_id__isnull=False)
            ),
            models.Index(fields=["tenant", "action", "seq"], name="audit_by_action"),
            models.Index(fields=["tenant", "actor_label", "seq"], name="audit_by_actor"),
            models.Index(fields=["tenant", "correlation_id", "seq"], name="audit_by_correlation"),
            models.Index(fields=["tenant", "at", "seq"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return self.sentence

    @cached_property
    def content(self) -> Body:
        """The body, decoded; raises msgspec.DecodeError when it is not what ``audit.record`` wrote."""
        return msgspec.json.decode(self.body, type=Body)

    @property
    def sentence(self) -> str:
        """What happened, in a sentence for staff."""
        return actions.sentence(
            self.action,
            subject=self.subject_label or f"{self.subject_kind} {self.subject_id}",
            source=self.source_system,
            target=self.target_system,
            actor=self.actor_label,
        )

    @property
    def why(self) -> str:
        """The reason that was given, or empty."""
        return self.content.why

    def changes(self) -> list[Change]:
        """The fields that were recorded before or after, by name, as they were masked when recorded."""
        before, after = self.content.before or {}, self.content.after or {}
        return [Change(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]


class AuditChain(TenantOwned):
    """The head of a tenant's chain: number and hash of its last entry. It moves with every insert, only forwards."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, editable=False, primary_key=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField()
