"""The audit trail: what happened, to what, by whom; the story of one record; its proof, and its export."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.dateparse import parse_date

from audit import actions, queries
from audit.export import EmptyRange, packed_export
from audit.models import AuditChain, AuditEntry
from audit.record import Entry, record
from audit.verify import verify
from tenants.membership import membership_of, require
from tenants.models import Role
from tenants.pages import Records


@admin.register(AuditEntry)
class AuditPages(Records):
    """Entries, newest first, by number and never by counting; they are read here and changed nowhere."""

    title = "Audit trail"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("verify/", self.verify, "verify"),
            self.url("export/", self.export, "export"),
            self.url("of/<str:subject_kind>/<path:subject_id>/", self.timeline, "timeline"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        filters = _filters(request)
        context = {
            "page": queries.page(filters, before=_before(request)),
            "actions": actions.choices(),
            "kinds": sorted({verb.partition(".")[0] for verb in actions.ACTIONS}),
            "head": AuditChain.objects.first(),
        }
        return self.render(request, "audit/entries.html", context)

    def timeline(self, request: HttpRequest, subject_kind: str, subject_id: str) -> HttpResponse:
        """Everything that happened to one worker, connection, mapping … with before and after."""
        require(request, Role.VIEWER)
        found = queries.timeline(subject_kind, subject_id, before=_before(request), limit=20)
        title = found.entries[0].subject_label if found.entries else subject_id
        context = {"page": found, "kind": subject_kind, "subject": title or subject_id, "subject_id": subject_id}
        return self.render(request, "audit/timeline.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        entry: AuditEntry = self.find(request, object_id)
        return self.render(request, "audit/entry.html", {"entry": entry, "content": entry.content})

    def verify(self, request: HttpRequest) -> HttpResponse:
        """Verify the whole chain, on a button; the result is itself recorded."""
        require(request, Role.VIEWER)
        membership = membership_of(request)
        if request.method != "POST" or membership is None:
            return HttpResponseRedirect(self.address("changelist"))
        found = verify(membership.tenant_id)
        at = timezone.now()
        with transaction.atomic():
            entry = Entry(
                action="audit.verified",
                subject_kind="tenant",
                subject_id=str(membership.tenant_id),
                subject_label=f"the audit trail of {membership.tenant}",
                detail={"ok": found.ok, "to_seq": found.entries, "last_hash": found.last_hash},
            )
            record([entry], at=at)
        return self.render(request, "audit/verified.html", {"found": found, "at": at, "title": "Verify chain"})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """A range of the trail as a ZIP: entries, manifest with their hash, and the verifier."""
        require(request, Role.VIEWER)
        membership = membership_of(request)
        if request.method != "POST" or membership is None:
            head = AuditChain.objects.first()
            return self.render(request, "audit/export.html", {"last": head.seq if head else 0, "title": "Export"})
        try:
            first, last = (_number(request.POST.get(name, "")) for name in ("from_seq", "to_seq"))
            manifest, packed = packed_export(membership.tenant, from_seq=first or 1, to_seq=last, at=timezone.now())
        except (EmptyRange, ValueError) as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self.address("export"))
        with transaction.atomic():
            entry = Entry(
                action="audit.exported",
                subject_kind="tenant",
                subject_id=str(membership.tenant_id),
                subject_label=f"entries {manifest.from_seq} to {manifest.to_seq} of the audit trail",
                detail={"from_seq": manifest.from_seq, "to_seq": manifest.to_seq, "last_hash": manifest.last_hash},
            )
            record([entry], at=timezone.now())
        return FileResponse(packed, as_attachment=True, filename=f"audit-{manifest.from_seq}-{manifest.to_seq}.zip")


def _filters(request: HttpRequest) -> queries.Filters:
    """What the person chose; what cannot be understood does not filter."""
    text = request.GET.get
    since, until = parse_day(text("since", "")), parse_day(text("until", ""))
    run = text("run", "")
    return queries.Filters(
        action=text("action", "") if text("action", "") in actions.ACTIONS else "",
        subject_kind=text("kind", "")[:40],
        subject_id=text("id", "").strip()[:200],
        run_id=int(run) if run.isascii() and run.isdigit() and len(run) < 19 else None,
        actor_label=text("who", "").strip()[:200],
        since=since,
        until=until + timedelta(days=1) if until else None,
    )


def parse_day(text: str) -> datetime | None:
    """The first instant of that day in the company's time zone; None for no date."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(day, time())) if day else None


def _before(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _number(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 19):
        raise ValueError("Enter the numbers of the first and the last entry.")
    return int(text)
