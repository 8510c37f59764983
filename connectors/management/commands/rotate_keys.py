"""``manage.py rotate_keys``: everything sealed, encrypted anew under the first of FERNET_KEYS."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from django.utils import timezone

from audit.record import Entry, record
from connectors.seal import SealBroken, SealedField, current_key_id, reseal
from tenants.rls import tenant_ids
from tenants.scope import tenant_scope

BATCH = 100


class Command(BaseCommand):
    """Safe while web and workers run with the same keys, and when interrupted: what is left is what ``sealed_by`` says.

    To change keys: put the new one first in FERNET_KEYS and keep the old one behind it, restart web and workers, run
    this, then remove the old one.
    """

    help = "Encrypts every stored credential under the first key of FERNET_KEYS."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        key = current_key_id()
        tenants = tenant_ids()
        self.stdout.write(f"Encrypting under the key {key}.")
        total = failed = 0
        for number, tenant_id in enumerate(tenants, start=1):
            done, broken = self._rotate(tenant_id, timezone.now())
            total, failed = total + done, failed + broken
            if done or broken or number % 100 == 0 or number == len(tenants):
                self.stdout.write(f"Company {number} of {len(tenants)}: {done} encrypted anew, {broken} unreadable.")
        if failed:
            raise CommandError(
                f"{total} encrypted anew; {failed} cannot be read with any key of FERNET_KEYS and were left as they "
                "are. Add the key they need, or have their credentials entered again."
            )
        self.stdout.write(f"{total} encrypted anew. Every stored credential now needs the key {key} only.")

    def _rotate(self, tenant_id: uuid.UUID, at: datetime) -> tuple[int, int]:
        """How many rows of the tenant were encrypted anew, and how many could not be read."""
        done = broken = 0
        with tenant_scope(tenant_id):
            for model in sealed_models():
                last: Any = None
                while True:
                    with transaction.atomic():
                        rows = _left(model, last)
                        changed = sum(_reseal(row) for row in rows)
                        if changed:
                            _record(changed, at)
                    if not rows:
                        break
                    last = rows[-1].pk
                    done, broken = done + changed, broken + len(rows) - changed
        return done, broken


def sealed_models() -> list[type[models.Model]]:
    """Every model with something sealed, so that none is forgotten. They name it ``sealed`` and ``sealed_by``."""
    return [
        model
        for model in apps.get_models()
        if any(isinstance(field, SealedField) for field in model._meta.concrete_fields)
    ]


def _left(model: type[models.Model], last: Any) -> list[Any]:
    """The next rows under another key, locked, so that nobody replaces credentials between reading and writing."""
    rows = model._default_manager.filter(sealed__isnull=False).exclude(sealed_by=current_key_id())
    if last is not None:
        rows = rows.filter(pk__gt=last)
    return list(rows.select_for_update().order_by("pk")[:BATCH])


def _reseal(row: Any) -> bool:
    """True when the row is under the current key now; False when no key opens it."""
    try:
        sealed = reseal(row.sealed)
    except SealBroken:
        return False
    under = type(row)._default_manager.filter(pk=row.pk, sealed_by=row.sealed_by)
    return bool(under.update(sealed=sealed, sealed_by=current_key_id()))


def _record(rows: int, at: datetime) -> None:
    key = current_key_id()
    record([Entry(action="keys.rotated", subject_kind="keys", subject_id=key, detail={"rows": rows})], at=at)
