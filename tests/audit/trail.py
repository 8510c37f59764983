"""A company with an audit trail, and someone who tampers with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from audit.context import acting_as
from audit.models import AuditEntry
from audit.record import Entry, record
from audit.verify import Verification, verify
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant

AT = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)


def worker_entry(number: int = 1, **changed: Any) -> Entry:
    """Jane Doe moved from one department to another."""
    return Entry(
        **{
            "action": "worker.updated",
            "subject_kind": "worker",
            "subject_id": f"w-{number}",
            "subject_label": f"{number} Jane Doe",
            "source_system": "Rippling",
            "source_id": f"emp-{number}",
            "target_system": "Plex",
            "target_id": str(1000 + number),
            "run_id": 7,
            "before": {"department": "Press shop", "given_name": "Jane", "work_email": "jane@example.com"},
            "after": {"department": "Assembly", "given_name": "Joan", "work_email": "jane@example.com"},
            "detail": {"attempts": 1},
            **changed,
        }
    )


def write(tenant: Tenant, *entries: Entry, at: datetime = AT) -> None:
    """Record as Pat, in one transaction."""
    with tenant_scope(tenant.id), acting_as("user", "pat@example.com"), transaction.atomic():
        record(entries, at=at)


def company_with_trail(length: int) -> Tenant:
    """A new company with this many entries, in two batches."""
    tenant = make_tenant("Acme")
    write(tenant, *(worker_entry(n) for n in range(1, length // 2 + 1)))
    write(tenant, *(worker_entry(n) for n in range(length // 2 + 1, length + 1)))
    return tenant


def entries_of(tenant: Tenant) -> list[AuditEntry]:
    """Oldest first."""
    with tenant_scope(tenant.id):
        return list(AuditEntry.objects.order_by("seq"))


def verified(tenant: Tenant) -> Verification:
    with tenant_scope(tenant.id):
        return verify(tenant.id)


@contextmanager
def behind_the_triggers_back(tenant: Tenant) -> Iterator[CursorWrapper]:
    """A cursor of the tables' owner, with every guard of ours switched off for the time being."""
    tables = ("audit_auditentry", "audit_auditchain")
    with (
        tenant_scope(tenant.id),
        transaction.atomic(using="owner"),
        connections["owner"].cursor() as cursor,
    ):
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
