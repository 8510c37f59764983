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
from audit.context import current_actor
from audit.models import AuditChain, Body
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


# The database fills the columns from the body, so that they cannot disagree with it. One text for the whole batch
# (JSON has no raw line breaks) is several times faster than an array or a placeholder per value.
_INSERT = """
    INSERT INTO audit_auditentry (
        tenant_id, seq, at, action, actor_kind, actor_label, subject_kind, subject_id, subject_label, source_system,
        source_id, target_system, target_id, run_id, correlation_id, body, previous_hash, hash
    )
    SELECT entry.*, line.body, decode(line.previous_hash, 'hex'), decode(line.hash, 'hex')
    FROM unnest(string_to_array(%s, E'\n'), string_to_array(%s, ' '), string_to_array(%s, ' '))
        AS line (body, previous_hash, hash),
    LATERAL jsonb_to_record(line.body::jsonb) AS entry (
        tenant uuid, seq bigint, at timestamptz, action text, actor_kind text, actor_label text, subject_kind text,
        subject_id text, subject_label text, source_system text, source_id text, target_system text, target_id text,
        run_id bigint, correlation_id text
    )
"""

_HEAD = "SELECT seq, hash FROM audit_auditchain WHERE tenant_id = %s FOR UPDATE"

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
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise NotInTransaction("Record audit entries inside the transaction of the change they prove.")
    if at.tzinfo is None:
        raise ValueError("The instant of an audit entry must be aware of its time zone.")
    actor = current_actor()
    of_call: dict[str, Any] = {
        "tenant": str(tenant),
        "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor_kind": actor.kind,
        "actor_label": readable(actor.label)[:LABEL_LENGTH],
        "correlation_id": readable(actor.correlation_id),
    }
    # Masked before the head is locked: whoever waits for the lock waits for hashing and one insert only.
    contents = [_content(entry, actor.why) for entry in entries]
    bodies, hashes = _chained(contents, of_call, *_locked_head(tenant))
    with connection.cursor() as cursor:
        # The database checks that the rows continue the chain, and moves the head.
        cursor.execute(_INSERT, ["\n".join(bodies), " ".join(hashes[:-1]), " ".join(hashes[1:])])


def _content(entry: Entry, why: str) -> dict[str, Any]:
    action(entry.action)
    before, after = redact_both(entry.before, entry.after, subject_kind=entry.subject_kind)
    return {
        "action": entry.action,
        "subject_kind": entry.subject_kind,
        "subject_id": readable(entry.subject_id),
        "subject_label": redact_label(entry.subject_label, subject_kind=entry.subject_kind)[:LABEL_LENGTH],
        "source_system": entry.source_system,
        "source_id": readable(entry.source_id),
        "target_system": entry.target_system,
        "target_id": readable(entry.target_id),
        "run_id": entry.run_id,
        "why": readable(entry.why or why),
        "before": before,
        "after": after,
        "detail": redact(entry.detail, subject_kind=entry.subject_kind),
    }


def _locked_head(tenant: uuid.UUID) -> tuple[int, bytes]:
    """Number and hash of the tenant's last entry; nobody else can append until this transaction ends."""
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(_HEAD, [tenant])
        head = cursor.fetchone()
        if head is None:
            # Two first entries at once: one inserts, the other waits for it here and then locks what it committed.
            AuditChain.objects.bulk_create([AuditChain(tenant_id=tenant, hash=GENESIS)], ignore_conflicts=True)
            cursor.execute(_HEAD, [tenant])
            head = cursor.fetchone()
    return head[0], bytes(head[1])


def _chained(
    contents: list[dict[str, Any]], of_call: dict[str, Any], seq: int, previous: bytes
) -> tuple[list[str], list[str]]:
    """The bodies that continue the chain after (seq, previous), and its hashes in hex from ``previous`` on."""
    bodies, hashes = [], [previous.hex()]
    for number, content in enumerate(contents, start=seq + 1):
        body = _encoder.encode(Body(seq=number, **of_call, **content))
        previous = hashlib.sha256(previous + body).digest()
        bodies.append(body.decode())
        hashes.append(previous.hex())
    return bodies, hashes
