"""Is the trail as it was recorded? Reads a tenant's whole chain in constant memory and names the first broken entry.

What it cannot see: a chain cut off or rewritten together with its head by someone who may switch the triggers off.
Against that, keep ``last_hash`` (or an export) outside the database and compare.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable

import msgspec
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.models import AuditChain, AuditEntry
from audit.record import GENESIS
from tenants.scope import NoTenantScope, current_tenant_id


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``entries`` were verified, in order; ``reason`` is a sentence for staff, empty when all is well.

    ``head_matches`` says whether the chain ends where its head says. ``last_hash`` (hex) is of the last verified
    entry.
    """

    entries: int
    ok: bool
    first_broken_seq: int | None
    reason: str
    head_matches: bool
    last_hash: str


class _Columns(msgspec.Struct, frozen=True):
    """What a body says about the columns, in the order in which ``_STREAM`` sends them."""

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


# Both hashes first, in hex; the body last. Instants as bodies write them.
_STREAM = """
    COPY (
        SELECT encode(previous_hash, 'hex'), encode(hash, 'hex'), tenant_id, seq,
            to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), action, actor_kind, actor_label,
            subject_kind, subject_id, subject_label, source_system, source_id, target_system, target_id,
            coalesce(run_id::text, ''), correlation_id, body
        FROM audit_auditentry WHERE tenant_id = %s ORDER BY seq
    ) TO STDOUT
"""
_COPY_ESCAPE = re.compile(rb"\\(.)")
_COPY_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

_columns = msgspec.json.Decoder(_Columns)


class _Break(Exception):
    """The chain ends here: ``seq`` is the first broken entry."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq


class _Walk:
    """How far the chain has been verified: ``seq`` and ``hash`` of the last good entry."""

    def __init__(self) -> None:
        self.seq = 0
        self.hash = GENESIS.hex()

    def follow(self, lines: Iterable[bytes | bytearray | memoryview]) -> None:
        """Verify line after line of ``_STREAM``; raises _Break at the first that does not hold."""
        sha256, decode = hashlib.sha256, _columns.decode
        for line in lines:
            previous, digest, columns, body = _split(bytes(line))
            try:
                said = decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                said = None
            recorded = b"" if said is None else _as_columns(said)
            if (
                said is None
                or columns != recorded
                or said.seq != self.seq + 1
                or previous != self.hash
                or digest != sha256(bytes.fromhex(previous) + body).hexdigest()
            ):
                raise self._broken(previous, digest, columns.split(b"\x00"), recorded.split(b"\x00"), body)
            self.seq, self.hash = said.seq, digest

    def _broken(self, previous: str, digest: str, columns: list[bytes], recorded: list[bytes], body: bytes) -> _Break:
        """Why this line does not hold, as precisely as can be said."""
        seq, wanted = int(columns[1]), self.seq + 1
        if seq > wanted and seq - 1 == wanted:
            return _Break(wanted, f"Entry {wanted} is missing.")
        if seq > wanted:
            return _Break(wanted, f"Entries {wanted} to {seq - 1} are missing.")
        if seq < wanted:
            return _Break(seq, f"Entry {seq} was inserted: it does not belong to the chain.")
        if previous != self.hash:
            return _Break(seq, f"Entry {seq} does not continue entry {seq - 1}: one of the two was rewritten.")
        if digest != hashlib.sha256(bytes.fromhex(previous) + body).hexdigest():
            return _Break(seq, f"The content of entry {seq} was changed, or its hash.")
        if not any(recorded):
            return _Break(seq, f"The content of entry {seq} cannot be read.")
        names = [
            name
            for name, column, said in zip(_Columns.__struct_fields__, columns, recorded, strict=True)
            if column != said
        ]
        return _Break(seq, f"Entry {seq} was changed: {', '.join(names)} is not what was recorded.")


def verify(tenant_id: uuid.UUID) -> Verification:
    """Verify the whole chain of the scope's tenant, as of one moment; recording goes on meanwhile.

    Raises NoTenantScope when ``tenant_id`` is not the scope's tenant, and RuntimeError inside a transaction.
    """
    if current_tenant_id() != tenant_id:
        raise NoTenantScope("The audit trail can be verified in the scope of its own tenant only.")
    connection = transaction.get_connection()
    walk = _Walk()
    with transaction.atomic(durable=True):
        _one_moment(connection)
        head = AuditChain.objects.first()
        last = AuditEntry.objects.order_by("-seq").only("seq", "hash").first()
        head_matches = _same_end(head, last)
        broken: int | None = None
        reason = ""
        try:
            with connection.cursor() as cursor, cursor.copy(_STREAM, [tenant_id]) as lines:
                walk.follow(lines)
            _require_head(head, walk)
        except _Break as found:
            broken, reason = found.seq, str(found)
    return Verification(
        entries=walk.seq,
        ok=broken is None,
        first_broken_seq=broken,
        reason=reason,
        head_matches=head_matches,
        last_hash=walk.hash,
    )


def _one_moment(connection: BaseDatabaseWrapper) -> None:
    """Head and entries are read as of the same moment. Must be the transaction's first statement, hence not through
    a cursor of Django's, which would tell the database the tenant first."""
    connection.ensure_connection()
    assert connection.connection is not None
    connection.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _same_end(head: AuditChain | None, last: AuditEntry | None) -> bool:
    end = (last.seq, bytes(last.hash)) if last else (0, GENESIS)
    return end == ((head.seq, bytes(head.hash)) if head else (0, GENESIS))


def _require_head(head: AuditChain | None, walk: _Walk) -> None:
    seq, digest = (head.seq, bytes(head.hash).hex()) if head else (0, GENESIS.hex())
    if seq > walk.seq:
        missing = f"Entry {seq} is" if seq == walk.seq + 1 else f"Entries {walk.seq + 1} to {seq} are"
        raise _Break(walk.seq + 1, f"{missing} missing at the end.")
    if seq < walk.seq:
        raise _Break(seq + 1, f"The head of the chain is at entry {seq}, but entries go on to {walk.seq}.")
    if digest != walk.hash:
        raise _Break(seq, f"The head of the chain knows another hash of entry {seq}.")


def _split(line: bytes) -> tuple[str, str, bytes, bytes]:
    """(previous hash, hash, columns joined by NUL, body) of one line of COPY's text format.

    COPY sends a tab in a value as an escape, and PostgreSQL keeps no NUL.
    """
    if b"\\" not in line:
        previous, digest, rest = line[:-1].split(b"\t", 2)
        columns, body = rest.rsplit(b"\t", 1)
        return previous.decode(), digest.decode(), columns.replace(b"\t", b"\x00"), body
    previous, digest, *fields, body = (_unescaped(field) for field in line[:-1].split(b"\t"))
    return previous.decode(), digest.decode(), b"\x00".join(fields), body


def _unescaped(field: bytes) -> bytes:
    return _COPY_ESCAPE.sub(lambda match: _COPY_ESCAPES.get(match[1], match[1]), field)


def _as_columns(said: _Columns) -> bytes:
    fields = (
        said.tenant,
        str(said.seq),
        said.at,
        said.action,
        said.actor_kind,
        said.actor_label,
        said.subject_kind,
        said.subject_id,
        said.subject_label,
        said.source_system,
        said.source_id,
        said.target_system,
        said.target_id,
        "" if said.run_id is None else str(said.run_id),
        said.correlation_id,
    )
    return "\x00".join(fields).encode()
