"""The watch: finds what did not happen when it was due, and tells people, by itself; workers are not needed for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import structlog
from django.db import connection

from audit.context import acting_as
from sync.heartbeats import beat, silent_queues
from sync.models import Notice, NoticeKind
from sync.notices.keeping import keep_overdue
from sync.notices.sending import Outbox, send_due
from tenants.models import Tenant
from tenants.scope import current_tenant_id, tenant_scope

logger = structlog.get_logger(__name__)

WATCH = "watch"
ONCE_IN = timedelta(seconds=20)
"""Asked more often than this, the watch says what it knows and does nothing."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch found. ``missed`` counts open notices of all tenants, ``troubles`` tenants that could not be looked
    at, ``silent`` names the queues nobody serves; ``sentences`` are those of the tenants visited, each with its
    slug."""

    missed: int
    silent: list[str]
    opened: int = 0
    resolved: int = 0
    sent: int = 0
    troubles: int = 0
    sentences: list[str] = []

    @property
    def is_well(self) -> bool:
        """True when nobody needs to be called."""
        return not (self.missed or self.silent or self.troubles)


def watch(now: datetime, *, seconds: float | None = None) -> Watched:
    """Look at every tenant where something may be overdue at ``now`` (aware UTC): its notices are kept, and what is
    new is mailed from this process; programs of the customers', which may be slow, are left to the workers. With
    ``seconds``, for about so long: those nobody has been told of come first, and the rest has its turn the next time.
    One tenant's trouble is its own.
    """
    end = None if seconds is None else time.monotonic() + seconds
    outbox, sentences = Outbox(), list[str]()
    opened = resolved = troubles = 0
    for tenant_id in _overdue_tenants(now):
        if end is not None and time.monotonic() > end:
            break
        try:
            with tenant_scope(tenant_id), acting_as("system", "Watch"):
                kept = keep_overdue(now)
                send_due(outbox, now)
                sentences += _sentences()
        except Exception:
            logger.exception("watch_failed", tenant=str(tenant_id))
            troubles += 1
        else:
            opened, resolved = opened + kept.opened, resolved + kept.resolved
    outbox.close()
    return Watched(
        missed=open_missed(now),
        silent=silent_queues(now),
        opened=opened,
        resolved=resolved,
        sent=outbox.sent,
        troubles=troubles,
        sentences=sentences,
    )


def glance(now: datetime) -> Watched:
    """What is known without looking."""
    return Watched(missed=open_missed(now), silent=silent_queues(now))


def take_watch(now: datetime) -> bool:
    """True for one caller in ONCE_IN, whatever process it is in."""
    return beat(WATCH, now, not_within=ONCE_IN)


def open_missed(now: datetime) -> int:
    """How many notices of something missed are open, over all tenants; those of pay dates count for a day."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT mlc_open_missed(%s)", [now])
        return int(cursor.fetchone()[0])


def _overdue_tenants(now: datetime) -> Iterable[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant FROM mlc_tenants_overdue(%s) ORDER BY known, tenant", [now])
        return [row[0] for row in cursor.fetchall()]


def _sentences() -> list[str]:
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant_id())
    missed = Notice.objects.filter(settled_at__isnull=True, resolved_at__isnull=True, kind=NoticeKind.MISSED)
    return [f"{slug}: {sentence}" for sentence in missed.order_by("pk").values_list("sentence", flat=True)]
