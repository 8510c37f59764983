"""The only way to write an audit entry: explicitly, in the transaction of the change it proves."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import transaction

from audit.actions import action
from audit.context import Actor, current_actor
from audit.models import AuditChain, AuditEntry, Body
from audit.redaction import readable, redact, redact_both, redact_label
from tenants.scope import current_tenant_id

GENESIS = bytes(32)
"""The hash before the first entry."""

LABEL_LENGTH = 200


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded. Pass values in clear: personal data is masked when the entry is written.

    ``source_*`` and ``target_*`` name the systems and the record's ids there; ``why`` overrides the actor's reason.
    """

    action: str
    subject_kind: str
    subject_id: str
    subject_label: str = ""
    source_system: str = ""
    source_id: str = ""
    target_system: str = ""
    target_id: str = ""
    run_id: int | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    detail: Mapping[str, Any] = {}
    why: str = ""


class NotInTransaction(Exception):
    """An entry must stand or fall with what it proves; always a defect of ours."""


_encoder = msgspec.json.Encoder(order="deterministic")


def record(entries: Sequence[Entry], *, at: datetime) -> None:
    """Afterwards the entries continue the chain of the scope's tenant, in this order, once the transaction commits.

    ``at`` (aware) is when it happened. All entries carry the actor and correlation id of ``audit.context``. Any
    number of entries costs the same few round trips. From here to the end of the transaction no other one can
    record for this tenant: call it last. Raises NoTenantScope, NotInTransaction, or ValueError for an unknown
    action, a naive instant, pay or a secret.
    """
    if not entries:
        return
    tenant = current_tenant_id()
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("Record audit entries inside the transaction of the change they prove.")
    if at.tzinfo is None:
        raise ValueError("The instant of an audit entry must be aware of its time zone.")
    actor = current_actor()
    # Masked before the head is locked: what waits for the lock should wait for hashing and one insert only.
    contents = [_content(entry, actor) for entry in entries]
    seq, previous = _locked_head()
    rows = []
    for number, content in enumerate(contents, start=seq + 1):
        row = _row(tenant, number, at.astimezone(UTC), content, previous)
        rows.append(row)
        previous = bytes(row.hash)
    # The database checks that the rows continue the chain, and moves the head.
    AuditEntry.objects.bulk_create(rows)


def _content(entry: Entry, actor: Actor) -> dict[str, Any]:
    action(entry.action)
    before, after = redact_both(entry.before, entry.after, subject_kind=entry.subject_kind)
    return {
        "action": entry.action,
        "actor_kind": actor.kind,
        "actor_label": readable(actor.label)[:LABEL_LENGTH],
        "subject_kind": entry.subject_kind,
        "subject_id": readable(entry.subject_id),
        "subject_label": redact_label(entry.subject_label, subject_kind=entry.subject_kind)[:LABEL_LENGTH],
        "source_system": entry.source_system,
        "source_id": readable(entry.source_id),
        "target_system": entry.target_system,
        "target_id": readable(entry.target_id),
        "run_id": entry.run_id,
        "correlation_id": readable(actor.correlation_id),
        "why": readable(entry.why or actor.why),
        "before": before,
        "after": after,
        "detail": redact(entry.detail, subject_kind=entry.subject_kind),
    }


def _locked_head() -> tuple[int, bytes]:
    """Number and hash of the tenant's last entry; nobody else can append until this transaction ends."""
    head = AuditChain.objects.select_for_update().first()
    if head is None:
        # Two first entries at once: one inserts, the other waits for it here and then locks what it committed.
        AuditChain.objects.bulk_create([AuditChain(hash=GENESIS)], ignore_conflicts=True)
        head = AuditChain.objects.select_for_update().get()
    return head.seq, bytes(head.hash)


def _row(tenant: uuid.UUID, seq: int, at: datetime, content: dict[str, Any], previous: bytes) -> AuditEntry:
    instant = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = _encoder.encode(Body(tenant=str(tenant), seq=seq, at=instant, **content))
    columns = {name: value for name, value in content.items() if name not in BODY_ONLY}
    return AuditEntry(
        tenant_id=tenant,
        seq=seq,
        at=at,
        body=body.decode(),
        previous_hash=previous,
        hash=hashlib.sha256(previous + body).digest(),
        **columns,
    )


BODY_ONLY = frozenset({"why", "before", "after", "detail"})
"""What is recorded in the body and has no column of its own."""
