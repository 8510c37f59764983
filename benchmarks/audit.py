"""What the audit trail costs: recording against a plain bulk insert of the same rows, and the rate of verification.

    .venv/bin/python -m benchmarks.audit [--entries 20000] [--verify 200000] [--rounds 3]

Works on the development database, in companies of its own; entries cannot be deleted, so they stay there (set
ML_DATA_DIR to keep them apart). Floor and product alternate within one run, and the best round of each counts. The
floor is Django's ``bulk_create`` of finished rows (masked, encoded, numbered, not hashed) into a table with the same
columns and indexes under the same row-level security, without triggers. A second floor, for ourselves, writes those
rows by one INSERT … SELECT per page as ``audit.record`` does: what is left above it is masking, hashing and checking.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

PAGES = (100, 1_000)
RECORD_TARGET = 1.5
VERIFY_TARGET = 100_000
AT = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
PLAIN = "benchmark_plain_entry"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000, help="entries per round of recording")
    parser.add_argument("--verify", type=int, default=200_000, help="entries of the trail that is verified")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(f"{'page':>6} {'plain/s':>10} {'plain unnest/s':>15} {'record/s':>10} {'cost':>6} {'over unnest':>12}")
    with plain_table():
        for page in PAGES:
            recording(page, options.entries, options.rounds)
    verification(options.verify, options.rounds)


@contextmanager
def plain_table() -> Iterator[None]:
    """The floor's table: columns, indexes, row-level security and privileges of the audit trail, no triggers."""
    from django.db import connections

    from tenants.rls import TENANT

    application = connections["default"].settings_dict["USER"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {PLAIN}")
        cursor.execute(f"CREATE TABLE {PLAIN} (LIKE audit_auditentry INCLUDING ALL)")
        cursor.execute(f"ALTER TABLE {PLAIN} ENABLE ROW LEVEL SECURITY")
        cursor.execute(f"CREATE POLICY own ON {PLAIN} USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})")
        cursor.execute(f"GRANT SELECT, INSERT ON {PLAIN} TO {application}")
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP TABLE {PLAIN}")


def recording(page: int, entries: int, rounds: int) -> None:
    """Print one line: the same entries in pages of this size, plainly and as an audit trail."""
    plain, unnest, product = [], [], []
    for _ in range(rounds):
        plain.append(measure(bulk_create, page, entries))
        unnest.append(measure(insert_select, page, entries))
        product.append(measure(record_page, page, entries))
    cost = min(product) / min(plain)
    rates = [entries / min(seconds) for seconds in (plain, unnest, product)]
    verdict = "pass" if cost <= RECORD_TARGET else "MISS"
    print(
        f"{page:>6} {rates[0]:>10,.0f} {rates[1]:>15,.0f} {rates[2]:>10,.0f} {cost:>5.2f}× "
        f"{min(product) / min(unnest):>11.2f}×  {verdict} (at most {RECORD_TARGET}× plain)"
    )


def measure(write: Callable[[uuid.UUID, int, int], float], page: int, entries: int) -> float:
    """Seconds to write this many entries of a new company, each page in a transaction of its own."""
    from audit.context import acting_as
    from tenants.scope import tenant_scope

    tenant = new_company()
    with tenant_scope(tenant), acting_as("user", "pat@example.com", correlation_id=uuid.uuid4().hex):
        return sum(write(tenant, first, page) for first in range(0, entries, page))


def new_company() -> uuid.UUID:
    from tenants.models import Tenant
    from tenants.scope import tenant_scope

    tenant = uuid.uuid4()
    with tenant_scope(tenant):
        Tenant.objects.create(id=tenant, name="Benchmark", slug=f"benchmark-{tenant.hex[:12]}")
    return tenant


def record_page(_tenant: uuid.UUID, first: int, size: int) -> float:
    from django.db import transaction

    from audit.record import Entry, record

    entries = [
        Entry(
            action="worker.updated",
            subject_kind="worker",
            subject_id=f"w-{n}",
            subject_label=f"{n} Jane Doe",
            source_system="Rippling",
            source_id=f"emp-{n}",
            target_system="Plex",
            target_id=str(n),
            run_id=7,
            before={"department": "Press shop", "active": True, "given_name": "Jane"},
            after={"department": "Assembly", "active": True, "given_name": "Joan"},
        )
        for n in range(first, first + size)
    ]
    started = time.perf_counter()
    with transaction.atomic():
        record(entries, at=AT)
    return time.perf_counter() - started


def bulk_create(tenant: uuid.UUID, first: int, size: int) -> float:
    from django.db import transaction

    model = plain_model()
    rows = plain_rows(tenant, first, size)
    started = time.perf_counter()
    with transaction.atomic():
        model._base_manager.bulk_create([model(**row) for row in rows])
    return time.perf_counter() - started


def insert_select(tenant: uuid.UUID, first: int, size: int) -> float:
    from django.db import connection, transaction

    from audit.record import _INSERT

    bodies = [str(row["body"]) for row in plain_rows(tenant, first, size)]
    hashes = [bytes(32).hex()] * size
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _INSERT.replace("INTO audit_auditentry", f"INTO {PLAIN}"),
            ["\n".join(bodies), " ".join(hashes), " ".join(hashes)],
        )
    return time.perf_counter() - started


def plain_rows(tenant: uuid.UUID, first: int, size: int) -> list[dict[str, object]]:
    """The rows of a page as the audit trail would hold them, all finished but for the hashes."""
    import msgspec

    rows = []
    for n in range(first, first + size):
        columns: dict[str, object] = {
            "seq": n + 1,
            "action": "worker.updated",
            "actor_kind": "user",
            "actor_label": "pat@example.com",
            "subject_kind": "worker",
            "subject_id": f"w-{n}",
            "subject_label": f"{n} J… D…",
            "source_system": "Rippling",
            "source_id": f"emp-{n}",
            "target_system": "Plex",
            "target_id": str(n),
            "run_id": 7,
            "correlation_id": tenant.hex,
        }
        content = {
            "format": 1,
            "tenant": str(tenant),
            "at": "2026-03-01T08:15:00.000000Z",
            **columns,
            "why": "",
            "before": {"active": True, "department": "Press shop", "given_name": "J…"},
            "after": {"active": True, "department": "Assembly", "given_name": "J… (changed)"},
            "detail": {},
        }
        body = msgspec.json.encode(content).decode()
        rows.append(
            {**columns, "tenant_id": tenant, "at": AT, "body": body, "previous_hash": bytes(32), "hash": bytes(32)}
        )
    return rows


@functools.cache
def plain_model() -> Any:
    """A model of the benchmark's own table, with the columns of an audit entry and none of its rules."""
    from django.db import models

    from audit.models import AuditEntry

    fields = {field.name: field.clone() for field in AuditEntry._meta.fields if field.name != "tenant"}
    fields["tenant_id"] = models.UUIDField()
    meta = type("Meta", (), {"app_label": "audit", "db_table": PLAIN, "managed": False})
    return type("PlainEntry", (models.Model,), {**fields, "Meta": meta, "__module__": __name__})


def verification(entries: int, rounds: int) -> None:
    """Print the rate at which a whole trail is verified."""
    from audit.context import acting_as
    from audit.verify import verify
    from tenants.scope import tenant_scope

    tenant = new_company()
    with tenant_scope(tenant), acting_as("user", "pat@example.com"):
        for first in range(0, entries, 2_000):
            record_page(tenant, first, 2_000)
        best, processor = 0.0, 0.0
        for _ in range(rounds):
            started, used = time.perf_counter(), time.process_time()
            found = verify(tenant)
            assert found.ok, found.reason
            rate = found.entries / (time.perf_counter() - started)
            if rate > best:
                best, processor = rate, (time.process_time() - used) / found.entries
    verdict = "pass" if best >= VERIFY_TARGET else "MISS"
    print(
        f"verify: {best:,.0f} entries/s, {processor * 1e6:.1f} µs of our processor time each  "
        f"{verdict} (at least {VERIFY_TARGET:,}/s)"
    )


if __name__ == "__main__":
    main()
