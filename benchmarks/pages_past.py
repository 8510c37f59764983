"""What a company was told in the past: announcements and notices, made by SQL. See ``benchmarks.pages``."""

from __future__ import annotations

from django.db import connections, transaction

from tests.sync.story import Story

OPEN = 20
"""So many of either are open in any company, however many there were."""


def fill_told(story: Story, rows: int) -> None:
    """Afterwards the company has so many announcements and as many notices, of which OPEN are open."""
    named: dict[str, str | int] = {
        "tenant": str(story.tenant.id),
        "connection": str(story.source.pk),
        "rows": rows,
        "open": OPEN,
    }
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('mlc.tenant', %s, true)", [named["tenant"]])
        cursor.execute(DELIVERIES, named)
        cursor.execute(NOTICES, named)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sync_delivery, sync_notice")


DELIVERIES = """
    INSERT INTO sync_delivery (
        tenant_id, connection_id, origin, event, subject, digest, state, reason, received_at, settled_at, attempts
    )
    SELECT %(tenant)s, %(connection)s, 'webhook', 'employee.updated', 'w-' || n, md5(n::text),
        CASE WHEN n > %(rows)s - %(open)s THEN 'pending' ELSE 'settled' END, '',
        now() - (%(rows)s - n) * interval '1 second', CASE WHEN n > %(rows)s - %(open)s THEN NULL ELSE now() END, 0
    FROM generate_series(1, %(rows)s) AS n
"""
NOTICES = """
    INSERT INTO sync_notice (
        tenant_id, kind, cause, sentence, remedy, link, opened_at, last_seen_at, resolved_at, settled_at, occurrence,
        times, told
    )
    SELECT %(tenant)s, 'failed', 'flow:' || n, 'A run failed.', 'Look at the run.', '/admin/', at, at,
        mended, mended, n::text, 1, '[]'
    FROM generate_series(1, %(rows)s) AS n,
        LATERAL (SELECT now() - (%(rows)s - n) * interval '1 second') AS seen (at),
        LATERAL (SELECT CASE WHEN n <= %(rows)s - %(open)s THEN at END) AS ended (mended)
"""
