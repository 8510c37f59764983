"""``manage.py export_audit``: the audit trail as files an auditor can verify without this product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from audit.context import acting_as
from audit.export import VERIFIER, EmptyRange, write_export
from audit.record import Entry, record
from audit.tenant_option import chosen_tenants
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Export a company's audit trail: JSON lines, a manifest, and a verifier that needs Python only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", required=True, help="the company")
        parser.add_argument("--out", metavar="DIR", required=True, type=Path, help="where the files go")
        parser.add_argument("--from-seq", type=int, default=1, help="number of the first entry (1)")
        parser.add_argument("--to-seq", type=int, default=None, help="number of the last entry (the last there is)")

    def handle(self, *args: Any, tenant: str, out: Path, **options: Any) -> None:
        [company] = chosen_tenants(tenant)
        now = timezone.now()
        with tenant_scope(company.id), acting_as("system", "Operator (command line)"):
            try:
                manifest = write_export(company, out, from_seq=options["from_seq"], to_seq=options["to_seq"], at=now)
            except EmptyRange as error:
                raise CommandError(str(error)) from None
            except FileExistsError:
                raise CommandError(f"{out} holds an export already; choose another directory.") from None
            with transaction.atomic():
                record(
                    [
                        Entry(
                            action="audit.exported",
                            subject_kind="audit_trail",
                            subject_id=f"{manifest.from_seq}-{manifest.to_seq}",
                            subject_label=f"audit entries {manifest.from_seq} to {manifest.to_seq}",
                            detail={
                                "from_seq": manifest.from_seq,
                                "to_seq": manifest.to_seq,
                                "last_hash": manifest.last_hash,
                            },
                        )
                    ],
                    at=now,
                )
        self.stdout.write(f"{manifest.count:,} entries in {out}. Verify them with: python3 {out / VERIFIER}")
