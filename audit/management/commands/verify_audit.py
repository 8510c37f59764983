"""``manage.py verify_audit``: proves that the audit trail is as it was recorded, or names the first broken entry."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.tenant_option import chosen_tenants
from audit.verify import verify
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Verify the audit trail of one company or of all; exits with 1 when an entry is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", metavar="SLUG", help="the company to verify")
        which.add_argument("--all", action="store_true", help="every company")

    def handle(self, *args: Any, tenant: str | None, **options: Any) -> None:
        broken = 0
        for company in chosen_tenants(tenant):
            with tenant_scope(company.id):
                found = verify(company.id)
            if found.ok:
                self.stdout.write(f"{company.slug}: {found.entries:,} entries verified. Last hash {found.last_hash}.")
            else:
                broken += 1
                self.stderr.write(
                    f"{company.slug}: broken at entry {found.first_broken_seq:,}. {found.reason} "
                    f"{found.entries:,} entries before it verified."
                )
        if broken:
            raise CommandError("The audit trail is not as it was recorded.", returncode=1)
