"""The evidence pack: everything about one pay run that an auditor asks for, checkable without this product."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
from django.db import transaction
from django.db.models import Max, Min, Q
from django.template.loader import render_to_string

from audit.export import MANIFEST, write_export
from audit.models import AuditEntry
from sync.models import PayRun
from sync.payroll.evidence_tables import Row, Tables
from sync.payroll.sight import revealed_until
from sync.payroll.trail import record_pay_run
from sync.payroll.tying import Where
from sync.payroll.visibility import Sight
from tenants.models import Tenant
from tenants.scope import current_tenant_id

PAGE = "index.html"
TABLES = ("register", "journals", "ledger", "approvals", "findings", "reconciliations")

_encoder = msgspec.json.Encoder()


def pack(pay_run: PayRun, *, now: datetime) -> IO[bytes]:
    """A ZIP file: a page to read and print, the tables behind it as JSON lines, the entries of the audit trail from
    the first to the last about this run, a manifest with the SHA-256 of every file, and the verifier of all that. The
    caller closes the file, which is gone then, and makes sure that the acting person is a preparer at least.

    Amounts that could tell one person's pay are left out, unless the acting person's reveal of the run lasts; which of
    both is in the manifest and in the trail. What an auditor checks stays either way: counts of people, the content
    hash that was approved beside the one that was posted, every tie-out with its verdict, and all totals that do not
    tell. With a reveal the sums can be followed to the cent, and each content hash can be computed anew from the lines
    and the journal's salt, as the page says. The register is by pay item and department, never by worker. Memory grows
    with the lines of the journals, not with the register or the trail.
    """
    pay_run = PayRun.objects.select_related("integration__source", "integration__target").get(pk=pay_run.pk)
    sight = Sight.ALL if revealed_until(pay_run, now=now) else Sight.GROUPS
    tables = Tables(pay_run, sight)
    with transaction.atomic():
        record_pay_run("pay_run.evidence", pay_run, now=now, revealed=sight is Sight.ALL)
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent) / "evidence"
        first, last = _range(pay_run, tables)
        tenant = Tenant.objects.get(pk=current_tenant_id())
        audit = write_export(tenant, directory, from_seq=first, to_seq=last, at=now)
        for name in TABLES:
            _write_lines(directory / f"{name}.jsonl", getattr(tables, name)())
        (directory / PAGE).write_text(_page(pay_run, tables, audit, now), encoding="utf-8")
        manifest = msgspec.to_builtins(audit) | {
            "pay_run": pay_run.source_id,
            "amounts_of_single_people": sight is Sight.ALL,
            "files": {path.name: _sha256(path) for path in sorted(directory.iterdir()) if path.name != MANIFEST},
        }
        (directory / MANIFEST).write_bytes(msgspec.json.format(_encoder.encode(manifest), indent=2) + b"\n")
        packed = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(directory.iterdir()):
                archive.write(path, path.name)
    packed.seek(0)
    return packed


def _range(pay_run: PayRun, tables: Tables) -> tuple[int, int]:
    """The numbers of the first and the last entry about the run or one of its journals."""
    about = Q(subject_kind="pay_run", subject_id=str(pay_run.pk)) | Q(
        subject_kind="journal", subject_id__in=[str(posting.pk) for posting in tables.postings]
    )
    found = AuditEntry.objects.filter(about).aggregate(first=Min("seq"), last=Max("seq"))
    return found["first"], found["last"]


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    with path.open("xb") as file:
        for row in rows:
            file.write(_encoder.encode(row) + b"\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _page(pay_run: PayRun, tables: Tables, audit: Any, now: datetime) -> str:
    reconciliations = list(tables.reconciliations())
    approvals: dict[str, list[Row]] = {}
    for row in tables.approvals():
        approvals.setdefault(row["journal"], []).append(row)
    context = {
        "pay_run": pay_run,
        "made_at": now,
        "is_revealed": tables.sight is Sight.ALL,
        "fewest": tables.fewest,
        "kinds": tables.by_kind(),
        "journals": [row | {"approvals": approvals.get(row["reference"], [])} for row in tables.journals()],
        "findings": list(tables.findings()),
        "tie_out": reconciliations[-1] if reconciliations else None,
        "places": [where.value for where in Where],
        "figures": _side_by_side(reconciliations[-1]["figures"]) if reconciliations else [],
        "tie_outs": len(reconciliations),
        "audit": audit,
    }
    return render_to_string("payroll/evidence.html", context)


def _side_by_side(figures: Sequence[Row]) -> list[Row]:
    """Each measure of a company in one row, with its figure at every place, None where there is none."""
    found: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in figures:
        found.setdefault((row["company"], row["currency"], row["measure"]), {})[row["where"]] = row
    return [
        {
            "company": company,
            "currency": currency,
            "measure": measure.replace("_", " "),
            "cells": [by_place.get(where.value) for where in Where],
        }
        for (company, currency, measure), by_place in found.items()
    ]
