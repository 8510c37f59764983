"""What somebody must know of: open notices first, what to do about each, since when, and who was told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern

from sync.models import Dispatch, Notice, NoticeKind
from sync.notices.telling import listeners
from tenants.pages import Choice, Records

OPEN, MENDED = "open", "mended"


@admin.register(Notice)
class NoticePages(Records):
    """One row per cause. Nobody closes one: it is mended when its cause is gone."""

    list_template = "notices/notices.html"
    page_template = "notices/notice.html"

    def own_urls(self) -> list[URLPattern]:
        return []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return Notice.objects.order_by("-opened_at", "-pk")

    def choices(self, request: HttpRequest) -> list[Choice]:
        return [
            Choice(param="state", label="Show", options=[(OPEN, "Open"), (MENDED, "Mended")]),
            Choice(param="kind", label="About", options=[("", "Everything"), *NoticeKind.choices]),
        ]

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[Notice]:
        found = self.get_queryset(request)
        # Of those open none is settled: the index of the unsettled ones leads there, however many were mended.
        is_open = {"settled_at__isnull": True, "resolved_at__isnull": True}
        found = found.filter(**is_open) if chosen["state"] == OPEN else found.filter(resolved_at__isnull=False)
        return found.filter(kind=chosen["kind"]) if chosen["kind"] else found

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        messages = _messages(records)
        return {
            "notices": [(notice, [messages[pk] for pk in notice.told if pk in messages]) for notice in records],
            "unreachable": [one.user for one in listeners() if not one.address],
        }

    def page(self, request: HttpRequest, record: Notice) -> dict[str, Any]:
        return {"told": list(_messages([record]).values())}


def _messages(notices: list[Notice]) -> dict[int, Dispatch]:
    """The messages that told of these, by id. One query."""
    ids = {pk for notice in notices for pk in notice.told}
    found = Dispatch.objects.filter(pk__in=ids).select_related("user", "hook").order_by("pk")
    return {message.pk: message for message in found}
