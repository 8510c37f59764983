"""``manage.py census``: what the database holds, to be compared before a backup and after a restore."""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from psycopg import sql

from audit.models import AuditChain
from tenants.rls import tenant_ids, tenant_tables
from tenants.scope import tenant_scope

# Rows as text, in any order: a sum of hashes does not depend on it. 60 bits of each fit a bigint.
_COUNT = "SELECT {}, count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text FROM {} t"


class Command(BaseCommand):
    help = (
        "Rows and a digest of the content of every table, by company, with the head of each audit trail, as JSON. "
        "The same content gives the same text; stop the workers and the web first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        owned = sorted(table for table, _ in tenant_tables())
        of_nobody = sorted({m._meta.db_table for m in apps.get_models(include_auto_created=True)} - set(owned))
        # One snapshot: all of it is of the same instant.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            census = {
                "tables": _count(of_nobody),
                "companies": {str(tenant_id): _company(tenant_id, owned) for tenant_id in tenant_ids()},
            }
        self.stdout.write(json.dumps(census, indent=1, sort_keys=True))


def _company(tenant_id: Any, tables: list[str]) -> dict[str, Any]:
    with tenant_scope(tenant_id):
        head = AuditChain.objects.first()
        return {
            "audit": {"entries": head.seq, "hash": bytes(head.hash).hex()} if head else {"entries": 0, "hash": ""},
            "tables": _count(tables),
        }


def _count(tables: list[str]) -> dict[str, dict[str, Any]]:
    """Table → rows and digest of what can be seen here and now."""
    counts = [sql.SQL(_COUNT).format(sql.Literal(table), sql.Identifier(table)) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(counts))
        return {table: {"rows": rows, "digest": digest} for table, rows, digest in cursor.fetchall()}
