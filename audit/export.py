"""The audit trail as files that can be verified without this product: entries, a manifest, and the verifier itself."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from audit import verify_export
from audit.models import AuditChain, AuditEntry
from audit.record import GENESIS
from tenants.models import Tenant
from tenants.scope import NoTenantScope, current_tenant_id, tenant_scope

FILE = "audit.jsonl"
MANIFEST = "manifest.json"
VERIFIER = "verify_export.py"
BATCH = 2_000


class EmptyRange(Exception):
    """The trail has no such entries; ``str()`` is the sentence for staff."""


class Line(msgspec.Struct, frozen=True):
    """One entry of an export; both hashes in hex. ``hash`` is SHA-256 over the bytes of ``previous_hash`` and the
    UTF-8 bytes of ``body``."""

    seq: int
    previous_hash: str
    hash: str
    body: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds. ``sha256`` (hex) is of the file of entries; ``exported_at`` is UTC."""

    format: int = 1
    tenant: str
    company: str
    from_seq: int
    to_seq: int
    count: int
    first_previous_hash: str
    last_hash: str
    file: str = FILE
    sha256: str
    exported_at: datetime


_encoder = msgspec.json.Encoder()


def export_lines(tenant_id: uuid.UUID, *, from_seq: int = 1, to_seq: int | None = None) -> Iterator[bytes]:
    """The entries of the scope's tenant as JSON lines, oldest first, in constant memory; ends included.

    Without ``to_seq`` they go on to the last entry there is now. The iterator may be used up after the scope has
    ended (a streamed response). Raises NoTenantScope for another tenant, EmptyRange when the range names entries
    that do not exist.
    """
    first, last = _range(tenant_id, from_seq, to_seq)
    return (_encoder.encode(line) + b"\n" for line in _lines(tenant_id, first, last))


def write_export(
    tenant: Tenant, directory: Path, *, from_seq: int = 1, to_seq: int | None = None, at: datetime
) -> Manifest:
    """Afterwards ``directory`` holds the entries, the manifest and the verifier; returns the manifest.

    Raises FileExistsError when an export is there already: evidence is not overwritten. Raises as ``export_lines``.
    """
    first, last = _range(tenant.pk, from_seq, to_seq)
    directory.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    first_previous = last_hash = GENESIS.hex()
    with (directory / FILE).open("xb") as file:
        for line in _lines(tenant.pk, first, last):
            if not count:
                first_previous = line.previous_hash
            count, last_hash = count + 1, line.hash
            encoded = _encoder.encode(line) + b"\n"
            digest.update(encoded)
            file.write(encoded)
    manifest = Manifest(
        tenant=str(tenant.pk),
        company=tenant.name,
        from_seq=first,
        to_seq=last,
        count=count,
        first_previous_hash=first_previous,
        last_hash=last_hash,
        sha256=digest.hexdigest(),
        exported_at=at.astimezone(UTC),
    )
    (directory / MANIFEST).write_bytes(msgspec.json.format(_encoder.encode(manifest), indent=2) + b"\n")
    shutil.copyfile(verify_export.__file__, directory / VERIFIER)
    return manifest


def packed_export(
    tenant: Tenant, *, from_seq: int = 1, to_seq: int | None = None, at: datetime
) -> tuple[Manifest, IO[bytes]]:
    """The manifest, and the three files of ``write_export`` as one ZIP file, in constant memory. The caller closes
    the file, which is gone then. Raises as ``export_lines``."""
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent) / "export"
        manifest = write_export(tenant, directory, from_seq=from_seq, to_seq=to_seq, at=at)
        packed = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (FILE, MANIFEST, VERIFIER):
                archive.write(directory / name, name)
    packed.seek(0)
    return manifest, packed


def _range(tenant_id: uuid.UUID, from_seq: int, to_seq: int | None) -> tuple[int, int]:
    if current_tenant_id() != tenant_id:
        raise NoTenantScope("The audit trail can be exported in the scope of its own tenant only.")
    head = AuditChain.objects.first()
    last = head.seq if head else 0
    if last == 0 and from_seq == 1 and to_seq is None:
        return 1, 0
    wanted = last if to_seq is None else to_seq
    if not 1 <= from_seq <= wanted <= last:
        raise EmptyRange(f"Entries {from_seq} to {wanted} were asked for; the trail has entries 1 to {last}.")
    return from_seq, wanted


def _lines(tenant_id: uuid.UUID, first: int, last: int) -> Iterator[Line]:
    """Batch by batch, each read in a scope of its own, so that neither scope nor transaction outlives a ``yield``."""
    columns = AuditEntry._base_manager.values_list("seq", "previous_hash", "hash", "body", named=True)
    while first <= last:
        with tenant_scope(tenant_id):
            # seq is not assumed to be gapless: a gap is for the verifier to find.
            rows = list(columns.filter(tenant=tenant_id, seq__gte=first, seq__lte=last).order_by("seq")[:BATCH])
        if not rows:
            return
        for row in rows:
            yield Line(row.seq, bytes(row.previous_hash).hex(), bytes(row.hash).hex(), row.body)
        first = rows[-1].seq + 1
