"""What pages and the API show of the audit trail. Every page is one query, however long the trail is.

Pages follow the entries (``before``: the number of the last entry already shown), never an offset or a total, so
that page one thousand costs what page one does. Newest first means by number; between two dates, by date.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db.models import Q, QuerySet, Subquery

from audit.models import AuditEntry

PAGE = 50


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to show; an empty filter does not filter. ``since`` is included, ``until`` is not."""

    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    run_id: int | None = None
    correlation_id: str = ""
    actor_label: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """Entries, newest first, and where the next page starts (None on the last)."""

    entries: list[AuditEntry]
    before: int | None


def filtered(filters: Filters) -> QuerySet[AuditEntry]:
    """The entries of the scope's tenant that pass, newest first; for paginators that slice by themselves."""
    lookups = {
        "action": filters.action or None,
        "subject_kind": filters.subject_kind or None,
        "subject_id": filters.subject_id or None,
        "run_id": filters.run_id,
        "correlation_id": filters.correlation_id or None,
        "actor_label": filters.actor_label or None,
        "at__gte": filters.since,
        "at__lt": filters.until,
    }
    wanted = {name: value for name, value in lookups.items() if value is not None}
    # Numbers follow the instants only roughly (transactions overlap): by number, PostgreSQL would have to read and
    # drop everything that is newer than the range.
    order = ["-at", "-seq"] if _by_date(filters) else ["-seq"]
    return AuditEntry.objects.filter(**wanted).order_by(*order)


def _by_date(filters: Filters) -> bool:
    return filters.since is not None or filters.until is not None


def page(filters: Filters, *, before: int | None = None, limit: int = PAGE) -> Page:
    """One page of the entries that pass."""
    entries = filtered(filters)
    if before is not None and _by_date(filters):
        at = Subquery(AuditEntry.objects.filter(seq=before).values("at"))
        entries = entries.filter(at__lte=at).exclude(Q(at=at) & Q(seq__gte=before))
    elif before is not None:
        entries = entries.filter(seq__lt=before)
    found = list(entries[: limit + 1])
    return Page(found[:limit], found[limit - 1].seq if len(found) > limit else None)


def timeline(subject_kind: str, subject_id: str, *, before: int | None = None, limit: int = PAGE) -> Page:
    """What happened to one subject."""
    return page(Filters(subject_kind=subject_kind, subject_id=subject_id), before=before, limit=limit)


def of_run(run_id: int, *, before: int | None = None, limit: int = PAGE) -> Page:
    """What a run did."""
    return page(Filters(run_id=run_id), before=before, limit=limit)
