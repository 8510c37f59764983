"""A tenant's access to one vendor environment, and the request allowance its workers share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from connectors import seal
from connectors.vendors import VENDORS, Vendor
from tenants.models import TenantOwned

if TYPE_CHECKING:
    from connectors.contract import CheckResult


def vendor_choices() -> list[tuple[str, str]]:
    """(key, product) of every vendor; a function, so that a new vendor needs no migration."""
    return [(vendor.key, vendor.product) for vendor in VENDORS.values()]


class Connection(TenantOwned):
    """Settings, sealed credentials and state of one vendor environment.

    ``learned`` is what the last check found out (which host works, which filter is honoured). Credentials are
    write-only: ``replace_credentials`` and ``open_credentials`` are the only ways in and out, and only
    ``registry`` uses the latter. People change connections through ``administration``.
    """

    class Environment(models.TextChoices):
        PRODUCTION = "production", "Production"
        TEST = "test", "Test"

    class State(models.TextChoices):
        NEW = "new", "Not tested yet"
        READY = "ready", "Ready"
        LIMITED = "limited", "Works, with limits"
        ATTENTION = "attention", "Needs attention"
        PAUSED = "paused", "Paused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    vendor = models.CharField(max_length=30, choices=vendor_choices)
    name = models.CharField(max_length=120)
    environment = models.CharField(max_length=12, choices=Environment.choices, default=Environment.PRODUCTION)
    settings = models.JSONField(default=dict, blank=True)
    sealed = seal.SealedField(null=True, blank=True, editable=False)
    sealed_by = models.CharField(max_length=12, blank=True, editable=False)
    learned = models.JSONField(default=dict, blank=True, editable=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW, editable=False)
    state_reason = models.TextField(blank=True, editable=False)
    account = models.CharField(max_length=200, blank=True, editable=False)
    findings = models.JSONField(default=list, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The vendor's own id of the company behind this connection; empty while no check or install has told.
    company = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    # Names this connection in the address that its vendor announces changes to; nobody can guess it.
    webhook_key = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="connection_name_once",
                violation_error_message="Another connection has this name.",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="connection_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(sealed__isnull=True, sealed_by="")
                | models.Q(sealed__isnull=False) & ~models.Q(sealed_by=""),
                name="connection_names_its_key",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["vendor", "company"], name="connection_of_company", condition=~models.Q(company=""))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def product(self) -> Vendor:
        """The vendor's description."""
        return VENDORS[self.vendor]

    @property
    def is_installed(self) -> bool:
        """True when access is given by installing an app at the vendor, be it now or later."""
        return self.product.is_installed(self.settings)

    @property
    def has_credentials(self) -> bool:
        """True when credentials were stored; says nothing about their validity."""
        return bool(self.sealed_by)

    def replace_credentials(self, credentials: Mapping[str, str]) -> None:
        """Seal these for this connection, none for an empty mapping; the caller saves."""
        assert self.tenant_id is not None, "credentials are bound to a tenant; enter its scope first"
        self.sealed = seal.seal(self.tenant_id, self.id, seal.CREDENTIALS, credentials) if credentials else None
        self.sealed_by = seal.current_key_id() if credentials else ""

    def open_credentials(self) -> dict[str, str]:
        """The credentials in clear, empty when there are none; raises SealBroken when they cannot be opened."""
        if self.sealed is None or self.tenant_id is None:
            return {}
        return seal.unseal(self.tenant_id, self.id, seal.CREDENTIALS, self.sealed)

    def note_check(self, result: CheckResult, *, at: Any) -> None:
        """Take over what a check found; the caller saves. A paused connection stays paused."""
        self.findings = [
            {
                "entity": f.entity,
                "level": f.level.value,
                "access": f.access,
                "sentence": f.sentence,
                "affects": list(f.affects),
            }
            for f in result.findings
        ]
        self.learned = {**self.learned, **result.learned}
        self.account = result.account[:200]
        self.company = result.learned.get("company_id", "")[:64] or self.company
        self.checked_at = at
        if self.state != self.State.PAUSED:
            self.take_state_from_check()

    def take_state_from_check(self) -> None:
        """Set the state that follows from the last check; the caller saves."""
        levels = {finding["level"] for finding in self.findings}
        self.state_reason = next((f["sentence"] for f in self.findings if f["level"] == "failed"), "")
        if self.checked_at is None:
            self.state = self.State.NEW
        elif "failed" in levels:
            self.state = self.State.ATTENTION
        else:
            self.state = self.State.LIMITED if "warning" in levels else self.State.READY

    def forget_check(self) -> None:
        """Drop what was found out with other settings or credentials; the caller saves. Paused stays paused."""
        self.findings, self.learned, self.account, self.checked_at = [], {}, "", None
        if self.state != self.State.PAUSED:
            self.take_state_from_check()


class RateBudget(TenantOwned):
    """When and how fast requests of this connection may leave, whoever sends them. Instants are the database's.

    ``lately`` is about how many left in the last minute; ``learned`` the rate a minute that refusals have taught, both
    in thousandths of a request; ``unrefused`` is the time of use since the last refusal.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True)
    next_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    lately = models.BigIntegerField(default=0, db_default=0)
    learned = models.BigIntegerField(null=True)
    slowed_at = models.DateTimeField(null=True)
    unrefused = models.DurationField(default=timedelta, db_default=timedelta())


class AccessToken(TenantOwned):
    """Access of a connection for a while, shared by all workers: a token, and what gets the next one where there is
    such a thing. Sealed like credentials. ``refusal`` is what the vendor said last, when it gave none."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True)
    sealed = seal.SealedField(null=True)
    sealed_by = models.CharField(max_length=12, blank=True)
    expires_at = models.DateTimeField(null=True)
    refusal = models.TextField(blank=True, default="", db_default="")
    refused_at = models.DateTimeField(null=True)
