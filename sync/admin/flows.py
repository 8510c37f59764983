"""A flow's page: its switches, and starting it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.admin.refusals import SAYS
from sync.configuring import configure_flow, pause_flow, resume_flow, start
from sync.models import Flow, Run
from sync.scheduling.clocks import timings_to_read
from sync.scheduling.starting import next_kind
from sync.scheduling.upcoming import next_starts, trouble_of
from sync.scheduling.wording import timing_sentence
from tenants.membership import allows
from tenants.models import Role
from tenants.pages import Question, Records, act


class FlowForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an administrator sets; the write switch has a question of its own."""

    class Meta:
        model = Flow
        fields = ["every_minutes", "full_every_hours", "max_change_percent", "least_records"]
        labels = {
            "every_minutes": "Run every … minutes",
            "full_every_hours": "Read everybody every … hours",
            "max_change_percent": "Stop and ask above … % changes",
            "least_records": "Stop and ask below … records",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.kind == Flow.Kind.PAYROLL:
            del self.fields["full_every_hours"], self.fields["max_change_percent"]


@admin.register(Flow)
class FlowPages(Records):
    """One kind of data of an integration: its settings, its latest runs, and Run now."""

    page_template = "sync/flow.html"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url(f"<str:object_id>/{name.replace('_', '-')}/", getattr(self, name), name)
            for name in (
                "settings",
                "run_now",
                "read_everybody",
                "preview",
                "pause",
                "resume",
                "writes_on",
                "writes_off",
            )
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flow]:
        return Flow.objects.select_related("integration__source", "integration__target")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:sync_integration_changelist"))

    def page(self, request: HttpRequest, record: Flow) -> dict[str, Any]:
        names = {field.name: field.verbose_name for field in Flow._meta.concrete_fields}
        timings = list(timings_to_read().filter(flow=record))
        return {
            "timings": [(timing, timing_sentence(timing), trouble_of(timing)) for timing in timings],
            "starts": [] if record.paused else next_starts(timings, timezone.now()),
            "form": FlowForm(instance=record) if allows(request, Role.ADMINISTRATOR) else None,
            "names": names,
            "runs": Run.objects.filter(flow=record).select_related("flow__integration").order_by("-pk")[:10],
        }

    @act(Role.ADMINISTRATOR)
    def settings(self, request: HttpRequest, flow: Flow) -> HttpResponse | str:
        form = FlowForm(request.POST, instance=Flow.objects.get(pk=flow.pk))
        if form.is_valid():
            try:
                configure_flow(flow, form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                form.add_error(None, refusal)
            else:
                return "Saved."
        return self.render(request, self.page_template, {"object": flow, **self.page(request, flow), "form": form})

    @act(Role.PREPARER, says=SAYS)
    def run_now(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._started(flow, next_kind(flow, timezone.now()))

    @act(Role.PREPARER, says=SAYS)
    def read_everybody(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._started(flow, Run.Kind.FULL)

    @act(Role.PREPARER, says=SAYS)
    def preview(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._started(flow, Run.Kind.PREVIEW)

    def _started(self, flow: Flow, kind: str) -> HttpResponse:
        run = start(flow, kind, now=timezone.now())
        return HttpResponseRedirect(reverse("admin:sync_run_change", args=[run.pk]))

    def ask_pause(self, request: HttpRequest, flow: Flow) -> Question:
        return Question(
            title=f"Pause {flow}?",
            facts=[
                "It does not start by itself and cannot be started until somebody resumes it. A preview still works."
            ],
            button="Pause",
            reason="Why? Your colleagues will see it.",
        )

    @act(Role.ADMINISTRATOR, ask="ask_pause")
    def pause(self, request: HttpRequest, flow: Flow) -> str:
        pause_flow(flow, request.POST.get("reason", "").strip(), now=timezone.now())
        return "Paused."

    @act(Role.ADMINISTRATOR)
    def resume(self, request: HttpRequest, flow: Flow) -> str:
        resume_flow(flow, now=timezone.now())
        return "Resumed."

    def ask_writes_on(self, request: HttpRequest, flow: Flow) -> Question:
        integration, target = flow.integration, flow.integration.target
        which = target.get_environment_display().lower()
        if flow.kind == Flow.Kind.PAYROLL:
            return Question(
                title=f"Let {flow} post to {target}?",
                facts=[
                    f"From now on, journals that somebody has approved are posted to {target} ({which}), each once.",
                    "Nothing is posted that nobody approved, and nothing that was changed after it was approved.",
                    "Posting can be switched off at any time. What was posted stays, and can be reversed.",
                ],
                button=f"Yes, post to {target}",
                danger=True,
            )
        return Question(
            title=f"Let {flow} write to {integration.target}?",
            facts=[
                f"From the next run on, people are hired, changed, terminated and rehired in {target} ({which}).",
                f"Afterwards they are there as they are in {integration.source}.",
                "What it would do can be seen beforehand: choose Preview.",
                f"A run that would change more than {flow.max_change_percent} % of the people stops and asks.",
                "Writing can be switched off at any time. What was written stays.",
            ],
            button=f"Yes, write to {integration.target}",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_writes_on")
    def writes_on(self, request: HttpRequest, flow: Flow) -> str:
        configure_flow(flow, {"writes_enabled": True}, now=timezone.now())
        if flow.kind == Flow.Kind.PAYROLL:
            return f"Posting to {flow.integration.target} is on."
        return f"Writing to {flow.integration.target} is on from the next run."

    @act(Role.ADMINISTRATOR)
    def writes_off(self, request: HttpRequest, flow: Flow) -> str:
        configure_flow(flow, {"writes_enabled": False}, now=timezone.now())
        if flow.kind == Flow.Kind.PAYROLL:
            return f"Nothing more is posted to {flow.integration.target}. What is on its way is still looked for."
        return f"Nothing more is written to {flow.integration.target}. Runs only show what they would do."
