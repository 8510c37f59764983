"""The problems inbox: one row per cause, whom it blocks, where it is mended, and going on afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.admin.choices import by_integration
from sync.admin.refusals import SAYS
from sync.admin.remedies import remedy_link
from sync.models import BlockedRecord, Flow, Problem
from sync.replay import effect_of, replay_problem, victims_of
from tenants.models import Role
from tenants.pages import Choice, Question, Records, act, rows_before


@admin.register(Problem)
class ProblemPages(Records):
    """What keeps people from moving, until a run finds that it no longer does."""

    list_template = "sync/problems.html"
    page_template = "sync/problem.html"

    def own_urls(self) -> list[URLPattern]:
        return [self.url("<str:object_id>/replay/", self.replay, "replay")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Problem]:
        return Problem.objects.select_related("integration__source", "integration__target")

    def choices(self, request: HttpRequest) -> list[Choice]:
        return [
            Choice(param="state", label="Show", options=list(Problem.State.choices)),
            *by_integration(),
        ]

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[Problem]:
        found = self.get_queryset(request).filter(state=chosen["state"]).order_by("-last_seen_at", "-pk")
        return found.filter(integration=UUID(chosen["integration"])) if chosen.get("integration") else found

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        return {"remedies": [(problem, *remedy_link(problem)) for problem in records]}

    def page(self, request: HttpRequest, record: Problem) -> dict[str, Any]:
        said, address = remedy_link(record)
        blocked = BlockedRecord.objects.filter(problem=record).order_by("-pk")
        return {
            "remedy": said,
            "remedy_address": "" if address == self.back(record) else address,
            "blocked": rows_before(blocked, request),
        }

    def ask_replay(self, request: HttpRequest, problem: Problem) -> Question | str:
        victims = victims_of(problem)
        if not victims:
            return "Nobody is blocked by this any more."
        flow = Flow.objects.select_related("integration__target").get(
            integration=problem.integration_id, kind=Flow.Kind.PEOPLE
        )
        people = "1 person" if len(victims) == 1 else f"{len(victims):,} people"
        return Question(
            title=f"Replay {people}?",
            facts=[
                effect_of(flow, victims).sentence,
                "Whoever is still blocked afterwards stays under Problems, with the cause.",
            ],
            button=f"Replay {people}",
        )

    @act(Role.PREPARER, says=SAYS, ask="ask_replay")
    def replay(self, request: HttpRequest, problem: Problem) -> HttpResponse:
        run = replay_problem(problem, now=timezone.now())
        return HttpResponseRedirect(reverse("admin:sync_run_change", args=[run.pk]))
