"""What sources announced: each delivery with what it led to, and following one again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone

from connectors.models import Connection
from sync.admin.refusals import SAYS
from sync.models import Delivery, Run, RunItem
from sync.replay import NothingToReplay
from sync.webhooks.replaying import check_replayable, replay_delivery
from tenants.models import Role
from tenants.pages import Choice, Question, Records, act, rows_before

OFFERED = 50


@admin.register(Delivery)
class DeliveryPages(Records):
    """Announcements, newest first; nobody makes or changes one by hand."""

    list_template = "webhooks/deliveries.html"
    page_template = "webhooks/delivery.html"
    title = "Announcements"

    def own_urls(self) -> list[URLPattern]:
        return [self.url("<str:object_id>/replay/", self.replay, "replay")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Delivery.objects.select_related("connection").order_by("-pk")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """By key and not by number: there may be a million."""
        choices = self.choices(request)
        for choice in choices:
            choice.chosen = self.chosen(request, choice)
        chosen = {choice.param: choice.chosen for choice in choices}
        rows = rows_before(self.rows(request, chosen), request, per_page=self.per_page)
        return self.render(request, self.list_template, {"rows": rows, "choices": choices})

    def choices(self, request: HttpRequest) -> list[Choice]:
        connections = [(str(pk), name) for pk, name in Connection.objects.values_list("pk", "name")[:OFFERED]]
        return [
            Choice(param="state", label="Show", options=[("", "All"), *Delivery.State.choices]),
            Choice(param="connection", label="Connection", options=[("", "All"), *connections]),
        ]

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[Delivery]:
        found = self.get_queryset(request)
        if chosen.get("state"):
            found = found.filter(state=chosen["state"])
        if chosen.get("connection"):
            found = found.filter(connection=UUID(chosen["connection"]))
        return found

    def page_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return self.get_queryset(request).select_related("run__flow__integration", "replay_of")

    def page(self, request: HttpRequest, record: Delivery) -> dict[str, Any]:
        items = RunItem.objects.filter(run=record.run_id, source_id=record.subject).select_related("problem")
        return {
            "item": items.first() if record.run_id and record.subject else None,
            "replays": record.replays.order_by("-pk")[:10],
            "is_people": record.run is not None and record.run.kind in (Run.Kind.REPLAY, Run.Kind.CHANGES),
        }

    def ask_replay(self, request: HttpRequest, delivery: Delivery) -> Question | str:
        try:
            check_replayable(delivery)
        except NothingToReplay as nothing:
            return str(nothing)
        whom = "The person it names is" if delivery.subject else "What it is about is"
        source = delivery.connection
        return Question(
            title=f"Follow “{delivery.event}” again?",
            facts=[
                f"{whom} read again from {source}, as things stand now.",
                "What is right already stays untouched.",
            ],
            button="Follow again",
        )

    @act(Role.PREPARER, says=SAYS, ask="ask_replay")
    def replay(self, request: HttpRequest, delivery: Delivery) -> str:
        replay_delivery(delivery, now=timezone.now())
        return "It is followed again in a moment."
