"""Changes that wait for their day: who, what, and on which local date."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from sync.admin.choices import by_integration
from sync.models import PendingChange, RunItem
from tenants.pages import Choice, Records


@admin.register(PendingChange)
class UpcomingPages(Records):
    """The queue, soonest first. It follows the source by itself and is not edited."""

    list_template = "sync/upcoming.html"
    title = "Upcoming changes"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PendingChange]:
        return PendingChange.objects.select_related("integration__source", "integration__target").order_by(
            "effective_on", "pk"
        )

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        self.find(request, object_id)
        return HttpResponseRedirect(self.address("changelist"))

    def choices(self, request: HttpRequest) -> list[Choice]:
        return by_integration()

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[PendingChange]:
        found = self.get_queryset(request)
        return found.filter(integration=UUID(chosen["integration"])) if chosen.get("integration") else found

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        names, today = dict(RunItem.Change.choices), timezone.localdate()
        return {
            "upcoming": [(one, names.get(one.change, one.change), (one.effective_on - today).days) for one in records]
        }
