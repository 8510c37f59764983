"""Runs: what is going on, what happened to whom, and what to do again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.admin.changes import FieldChange, changes_of
from sync.admin.choices import by_integration
from sync.admin.progress import progress_of
from sync.admin.refusals import SAYS
from sync.clock import database_now
from sync.models import Flow, PayRun, PendingChange, Run, RunItem
from sync.replay import UNDONE, effect_of, release, replay_item, replay_run, replay_undone, undone_of, why_not_released
from sync.runs import request_cancel
from tenants.models import Role
from tenants.pages import Choice, Question, Records, act, rows_before

ATTENTION = (Run.State.HELD, Run.State.PARTLY_FAILED, Run.State.FAILED)
ACTS = {"create": "hire", "update": "change", "terminate": "terminate", "rehire": "rehire", "transfer": "transfer"}
SHOWN_OF_A_GROUP = 20
GROUPS = {change: label for change, label in RunItem.Change.choices if change != RunItem.Change.UNCHANGED}


class Group(msgspec.Struct, kw_only=True):
    """What a preview would do of one kind: so many, and the first of them."""

    change: str
    label: str
    number: int
    items: list[tuple[RunItem, list[FieldChange]]]


@admin.register(Run)
class RunPages(Records):
    """Every execution of a flow, newest first; it is made and changed by the product only."""

    list_template = "sync/runs.html"
    page_template = "sync/run.html"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("<str:object_id>/progress/", self.progress, "progress"),
            self.url("<str:object_id>/cancel/", self.cancel, "cancel"),
            self.url("<str:object_id>/release/", self.release, "release"),
            self.url("<str:object_id>/replay/", self.replay, "replay"),
            self.url("<str:object_id>/replay-failed/", self.replay_failed, "replay_failed"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return Run.objects.select_related("flow__integration__source", "flow__integration__target").order_by("-pk")

    def choices(self, request: HttpRequest) -> list[Choice]:
        states = [("", "All"), ("active", "In progress"), ("attention", "Needs attention"), ("succeeded", "Finished")]
        return [
            Choice(param="show", label="Show", options=states),
            *by_integration(),
        ]

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[Run]:
        runs = self.get_queryset(request)
        if chosen.get("integration"):
            runs = runs.filter(flow__integration=UUID(chosen["integration"]))
        match chosen["show"]:
            case "active":
                return runs.filter(state__in=Run.ACTIVE)
            case "attention":
                return runs.filter(state__in=ATTENTION)
            case "succeeded":
                return runs.filter(state=Run.State.SUCCEEDED)
        return runs

    def page(self, request: HttpRequest, record: Run) -> dict[str, Any]:
        dry = record.kind == Run.Kind.PREVIEW or record.planned > 0
        state = Choice(param="state", label="People", options=[("", "All"), *_states_of(record)])
        state.chosen = self.chosen(request, state)
        items = RunItem.objects.filter(run=record).select_related("problem")
        if state.chosen:
            items = items.filter(state=state.chosen)
        rows = rows_before(items.order_by("-pk"), request)
        return {
            "progress": progress_of(record, timezone.now()),
            "choices": [state] if len(state.options) > 2 else [],
            "items": rows,
            "shown_items": _with_changes(rows.records, record),
            "undone": 0 if dry or record.flow.kind == Flow.Kind.PAYROLL else sum(_counted(record, s) for s in UNDONE),
            "dry": dry,
            "took": (record.finished_at - record.started_at).total_seconds()
            if record.finished_at and record.started_at
            else None,
            "groups": _groups(record) if dry else [],
            "later": PendingChange.objects.filter(integration=record.flow.integration).count() if dry else 0,
            "released_by": record.releases.first() if record.state == Run.State.HELD else None,
            "not_released": why_not_released(record) if record.state == Run.State.HELD else "",
            "held_acts": _held_acts(record),
            "pay_run": _pay_run_of(record),
        }

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The figures of the page, for its few lines of script."""
        run: Run = self.find(request, object_id)
        return JsonResponse(msgspec.to_builtins(progress_of(run, timezone.now())))

    @act(Role.PREPARER, says=SAYS)
    def cancel(self, request: HttpRequest, run: Run) -> str:
        after = request_cancel(run, now=database_now())
        if after.state == Run.State.CANCELLED:
            return "Cancelled."
        return "The run stops after the records under way." if after.state in Run.ACTIVE else "The run has ended."

    def ask_release(self, request: HttpRequest, run: Run) -> Question | str:
        if refusal := why_not_released(run):
            return refusal
        wants = [f"{word} {number:,}" for word, number in _held_acts(run)]
        return Question(
            title=f"Release run #{run.pk}?",
            facts=[
                run.message,
                f"If you release it, a new run does it: {', '.join(wants)}." if wants else "A new run will go on.",
                "Should it find noticeably more than that, it stops and asks again.",
            ],
            button="Release",
            danger=True,
        )

    @act(Role.APPROVER, says=SAYS, ask="ask_release")
    def release(self, request: HttpRequest, run: Run) -> HttpResponse:
        return HttpResponseRedirect(self.back(release(run, now=timezone.now())))

    def ask_replay(self, request: HttpRequest, run: Run) -> Question:
        target = run.flow.integration.target
        if run.flow.kind == Flow.Kind.PAYROLL:
            which = "This pay run is" if run.selection else "All pay runs since the start date are"
            facts = [
                f"{which} read again, and its journals are drafted again." if run.selection else f"{which} read again.",
                "What is posted, or on its way, is never touched.",
            ]
        elif run.selection:
            facts = [effect_of(run.flow, run.selection).sentence]
        elif run.flow.kind == "reference":
            facts = ["Both sides' reference data will be read again. Nothing is written to either side."]
        else:
            facts = [
                "Everybody will be read again."
                if run.kind != Run.Kind.CHANGES
                else "Everybody who changed since the last run will be read again.",
                f"What differs is made true in {target}; what is right already stays untouched."
                if run.flow.writes_enabled
                else "Nothing is written: writing is switched off for this flow.",
            ]
        return Question(title=f"Do run #{run.pk} again?", facts=facts, button="Replay run")

    @act(Role.PREPARER, says=SAYS, ask="ask_replay")
    def replay(self, request: HttpRequest, run: Run) -> HttpResponse:
        return HttpResponseRedirect(self.back(replay_run(run, now=timezone.now())))

    def ask_replay_failed(self, request: HttpRequest, run: Run) -> Question | str:
        undone = undone_of(run)
        if not undone:
            return "There is nothing to do again: every record got where it should."
        return Question(
            title=f"Do what failed in run #{run.pk} again?",
            facts=[effect_of(run.flow, undone).sentence],
            button="Replay everything that failed",
        )

    @act(Role.PREPARER, says=SAYS, ask="ask_replay_failed")
    def replay_failed(self, request: HttpRequest, run: Run) -> HttpResponse:
        return HttpResponseRedirect(self.back(replay_undone(run, now=timezone.now())))


def _pay_run_of(run: Run) -> PayRun | None:
    """The pay run that this run was to check again, None when there is no such one."""
    if run.flow.kind != Flow.Kind.PAYROLL or len(run.selection) != 1:
        return None
    return PayRun.objects.filter(integration=run.flow.integration_id, source_id=run.selection[0]).first()


def _states_of(run: Run) -> list[tuple[str, str]]:
    """The states to choose from: those its counters name, with the number, and "Sending" while it works.

    The items are not counted: there may be hundreds of thousands. Most of those unchanged have none, so they are no
    choice.
    """
    numbers = [(s, label, _counted(run, s)) for s, label in RunItem.State.choices]
    counted = [(s, f"{label} ({n:,})") for s, label, n in numbers if n and s != RunItem.State.UNCHANGED]
    sending = [(RunItem.State.SENDING.value, RunItem.State.SENDING.label)] if run.state == Run.State.APPLYING else []
    return sending + counted


def _counted(run: Run, state: str) -> int:
    """How many records the run counted in this state; zero for a state that has no counter."""
    number: int = getattr(run, "unsent" if state == RunItem.State.PLANNED else state, 0)
    return number


def _held_acts(run: Run) -> list[tuple[str, int]]:
    """What a held run would have done: (in words, to so many); empty for a run that is not held."""
    if run.state != Run.State.HELD:
        return []
    return [(ACTS[act], number) for act, number in run.survey.items() if act in ACTS and number]


def _with_changes(items: list[RunItem], run: Run) -> list[tuple[RunItem, list[FieldChange]]]:
    return list(zip(items, changes_of(items, run.flow.integration.target_id), strict=True))


def _groups(run: Run) -> list[Group]:
    """What a preview found, by act; a constant number of queries. A walk knows its numbers; only the few of a
    replay are counted."""
    items = RunItem.objects.filter(run=run)
    numbers = run.survey or dict(items.values_list("change").annotate(Count("pk")).order_by())
    in_order = items.select_related("problem").order_by("label", "pk")
    shown = [change for change in GROUPS if numbers.get(change)]
    first = {change: list(in_order.filter(change=change)[:SHOWN_OF_A_GROUP]) for change in shown}
    with_changes = iter(_with_changes([item for group in first.values() for item in group], run))
    return [
        Group(
            change=change,
            label=label,
            number=numbers.get(change, 0),
            items=[next(with_changes) for _ in first.get(change, ())],
        )
        for change, label in GROUPS.items()
    ]


@admin.register(RunItem)
class ItemPages(Records):
    """One record in a run: before and after, why it stopped, and doing it again."""

    page_template = "sync/item.html"
    title = "Runs"

    def own_urls(self) -> list[URLPattern]:
        return [self.url("<str:object_id>/replay/", self.replay, "replay")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunItem]:
        return RunItem.objects.select_related(
            "run__flow__integration__source", "run__flow__integration__target", "problem"
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:sync_run_changelist"))

    def page(self, request: HttpRequest, record: RunItem) -> dict[str, Any]:
        (changes,) = changes_of([record], record.run.flow.integration.target_id, brief=False)
        others = RunItem.objects.filter(
            Q(run__flow__integration=record.run.flow.integration_id), source_id=record.source_id
        ).exclude(pk=record.pk)
        return {
            "changes": changes,
            "others": others.select_related("run__flow__integration").order_by("-pk")[:10],
            "timeline": reverse("admin:audit_auditentry_timeline", args=["worker", record.source_id]),
        }

    def ask_replay(self, request: HttpRequest, item: RunItem) -> Question:
        return Question(
            title=f"Do {item.label or item.source_id} again?",
            facts=[effect_of(item.run.flow, [item.source_id]).sentence],
            button="Replay",
        )

    @act(Role.PREPARER, says=SAYS, ask="ask_replay")
    def replay(self, request: HttpRequest, item: RunItem) -> HttpResponse:
        again = replay_item(item, now=timezone.now())
        return HttpResponseRedirect(reverse("admin:sync_run_change", args=[again.pk]))
