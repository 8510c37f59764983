"""Notices follow what is true: one is opened for each cause, counted while it lasts, and resolved when it is mended."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import connection, transaction

from audit.models import AuditChain
from sync.models import Looked, Notice, NoticeKind
from sync.notices.cause import Cause
from sync.notices.causes import causes
from sync.notices.digests import next_digest, plan_digests
from sync.notices.telling import tell, tell_mended
from sync.watching.missing import note_missed
from sync.watching.overdue import overdue
from sync.watching.pay_dates import note_looked
from tenants.scope import current_tenant_id

FLAPS_WITHIN = timedelta(minutes=30)
"""A cause that comes back this soon after it was mended is the same notice: nobody is told again. Hence those who were
told hear that it is mended only after it has stayed so for as long."""

LOOK_AGAIN = timedelta(minutes=15)
"""What only time makes true is found this late at most."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many notices opened and were resolved."""

    opened: int = 0
    resolved: int = 0


def keep(now: datetime) -> Kept:
    """Afterwards the tenant's notices say what is wrong at ``now`` (aware UTC), whoever wants to hear of it has a
    message waiting, and so has whoever gets the digest of this morning. In one transaction; two at once take turns.
    """
    with transaction.atomic():
        _take_turns()
        # Before reading: what happens meanwhile is another entry, and is looked at again.
        seq = AuditChain.objects.values_list("seq", flat=True).first() or 0
        kept = _follow([*causes(now), *overdue(now)], None, now)
        again = min(now + LOOK_AGAIN, next_digest(now))
        plan_digests(now)
        Looked.objects.update_or_create(tenant_id=current_tenant_id(), defaults={"seq": seq, "again_at": again})
        note_looked(now)
        note_missed(now)
    return kept


def keep_overdue(now: datetime) -> Kept:
    """As ``keep``, of nothing but what did not happen when it was due: for the watch."""
    with transaction.atomic():
        _take_turns()
        kept = _follow(overdue(now), {NoticeKind.MISSED}, now)
        note_looked(now)
        note_missed(now)
    return kept


def tenants_to_tell(now: datetime) -> list[uuid.UUID]:
    """The ids of tenants where something happened since ``keep``, where it is time to look again, or where a message
    is due."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mlc_tenants_to_tell(%s)", [now])
        return [row[0] for row in cursor.fetchall()]


def _take_turns() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"notices:{current_tenant_id()}"])


def _follow(found: Sequence[Cause], kinds: Collection[NoticeKind] | None, now: datetime) -> Kept:
    """``kinds`` are those looked for, None for all: others are left as they are."""
    unsettled = Notice.objects.filter(settled_at__isnull=True)
    if kinds is not None:
        unsettled = unsettled.filter(kind__in=kinds)
    known = {(notice.kind, notice.cause): notice for notice in unsettled}
    wrong = {(cause.kind.value, cause.key): cause for cause in found}
    opened = [_opened(cause, now) for key, cause in wrong.items() if key not in known]
    Notice.objects.bulk_create(opened)
    still = [_seen(notice, wrong[key], now) for key, notice in known.items() if key in wrong]
    mended = [notice for key, notice in known.items() if key not in wrong and notice.resolved_at is None]
    for notice in mended:
        notice.resolved_at = now
    gone = [notice for key, notice in known.items() if key not in wrong and _has_stayed_away(notice, now)]
    for notice in gone:
        notice.settled_at = now
    fields = ["sentence", "remedy", "link", "last_seen_at", "resolved_at", "settled_at", "occurrence", "times"]
    Notice.objects.bulk_update([*still, *mended, *gone], fields, batch_size=500)
    tell(opened, now)
    tell_mended(gone, now)
    return Kept(opened=len(opened), resolved=len(mended))


def _opened(cause: Cause, now: datetime) -> Notice:
    return Notice(
        kind=cause.kind,
        cause=cause.key,
        sentence=cause.sentence[:500],
        remedy=cause.remedy[:300],
        link=cause.link,
        occurrence=cause.occurrence,
        opened_at=now,
        last_seen_at=now,
    )


def _seen(notice: Notice, cause: Cause, now: datetime) -> Notice:
    came_back = notice.resolved_at is not None
    if came_back or notice.occurrence != cause.occurrence:
        notice.times += 1
    notice.sentence, notice.remedy, notice.link = cause.sentence[:500], cause.remedy[:300], cause.link
    notice.occurrence, notice.last_seen_at, notice.resolved_at = cause.occurrence, now, None
    return notice


def _has_stayed_away(notice: Notice, now: datetime) -> bool:
    return notice.resolved_at is not None and notice.resolved_at <= now - FLAPS_WITHIN
