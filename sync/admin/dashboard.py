"""The first page: does everything agree, does anything need me, what comes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, F, Min, Q, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest
from django.urls import reverse

from connectors.models import Connection
from sync.comparison import Headcount, headcounts
from sync.models import BlockedRecord, Flow, Integration, Mapping, Notice, Problem, Run, Timing

LATEST = 3
SHOWN = 20


class Card(msgspec.Struct, kw_only=True):
    """One integration at a glance. ``writing`` is that of its people."""

    integration: Integration
    flows: list[Flow]
    runs: list[Run]
    problems: int
    blocked: int
    heads: Headcount
    bridge: list[str]
    next_run_at: datetime | None
    writing: bool

    @property
    def connections(self) -> list[Connection]:
        """Source and target."""
        return [self.integration.source, self.integration.target]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of setting up: done or not, and where it is done."""

    title: str
    help: str
    address: str
    done: bool


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template of the dashboard needs. A constant number of queries."""
    integrations = list(Integration.objects.select_related("source", "target")[: SHOWN + 1])
    steps = checklist(integrations)
    return {
        **context,
        "cards": cards_of(integrations[:SHOWN]),
        "more": len(integrations) > SHOWN,
        "notices": Notice.objects.filter(settled_at__isnull=True, resolved_at__isnull=True).count(),
        "steps": [] if all(step.done for step in steps) else steps,
    }


def cards_of(integrations: Sequence[Integration]) -> list[Card]:
    """A card per integration, in their order. A constant number of queries."""
    ids = [integration.pk for integration in integrations]
    flows: dict[UUID, list[Flow]] = defaultdict(list)
    for flow in Flow.objects.filter(integration__in=ids).select_related("integration").order_by("-kind"):
        flows[flow.integration_id].append(flow)
    runs: dict[UUID, list[Run]] = defaultdict(list)
    latest = Window(RowNumber(), partition_by=F("flow__integration"), order_by=F("pk").desc())
    newest = Run.objects.filter(flow__integration__in=ids).annotate(place=latest).filter(place__lte=LATEST)
    for run in newest.select_related("flow__integration").order_by("-pk"):
        runs[run.flow.integration_id].append(run)
    problems = _counted(Problem.objects.filter(integration__in=ids, state=Problem.State.OPEN), Count("pk"))
    blocked = _counted(BlockedRecord.objects.filter(integration__in=ids), Count("source_id", distinct=True))
    heads = headcounts(ids)
    timed = Timing.objects.filter(flow__integration__in=ids, next_at__isnull=False)
    next_timed = dict(timed.order_by().values_list("flow__integration").annotate(Min("next_at")))
    return [
        Card(
            integration=integration,
            flows=flows[integration.pk],
            runs=runs[integration.pk],
            problems=problems.get(integration.pk, 0),
            blocked=blocked.get(integration.pk, 0),
            heads=heads[integration.pk],
            bridge=explain(integration, heads[integration.pk]),
            next_run_at=min(
                filter(None, [next_timed.get(integration.pk), *(f.next_run_at for f in flows[integration.pk])]),
                default=None,
            ),
            writing=any(f.writes_enabled for f in flows[integration.pk] if f.kind == Flow.Kind.PEOPLE),
        )
        for integration in integrations
    ]


def explain(integration: Integration, heads: Headcount) -> list[str]:
    """What lies between the two head counts, in sentences; empty when they agree or nobody has counted."""
    if heads.source is None or heads.agrees:
        return []
    reasons = []
    if heads.blocked:
        reasons.append(f"{heads.blocked:,} blocked by a problem")
    if heads.only_on_target:
        reasons.append(f"{heads.only_on_target:,} only in {integration.target}")
    if heads.queued:
        reasons.append(f"{heads.queued:,} waiting for their day")
    missing = heads.source - heads.linked - heads.blocked
    if missing > 0:
        reasons.append(f"{missing:,} not yet in {integration.target}")
    return reasons


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How far a company has been set up."""

    connected: bool
    tested: bool
    read: bool
    mapped: bool
    previewed: bool
    writing: bool


def done_so_far(integrations: Sequence[Integration]) -> Done:
    """What of the set-up is behind the company. A constant number of queries."""
    connections = list(Connection.objects.all()[:50])
    able = [role for connection in connections for role in connection.product.roles]
    works = {Connection.State.READY, Connection.State.LIMITED}
    ended = Run.objects.filter(state__in=[Run.State.SUCCEEDED, Run.State.PARTLY_FAILED, Run.State.HELD])
    runs = ended.aggregate(
        read=Count("pk", filter=Q(flow__kind=Flow.Kind.REFERENCE)),
        previewed=Count("pk", filter=Q(flow__kind=Flow.Kind.PEOPLE)),
    )
    return Done(
        connected={"source", "target"} <= set(able),
        tested=len(connections) > 1 and all(c.state in works for c in connections),
        read=bool(integrations) and bool(runs["read"]),
        mapped=Mapping.objects.filter(state=Mapping.State.CONFIRMED).exists(),
        previewed=bool(runs["previewed"]),
        writing=Flow.objects.filter(kind=Flow.Kind.PEOPLE, writes_enabled=True).exists(),
    )


STEPS = (
    ("connected", "connections", "Connect both systems", "Add the system people come from, and the one they go to."),
    (
        "tested",
        "connections",
        "Test the connections",
        "We look what each one lets us see and do, and say what is missing.",
    ),
    (
        "read",
        "integration",
        "Pair them and read reference data",
        "Set up an integration, then run its reference data: departments, positions, locations.",
    ),
    ("mapped", "mappings", "Map", "Say which department here is which one there. We suggest, you confirm."),
    ("previewed", "integration", "Preview", "See what the first run would do. Nothing is written."),
    ("writing", "integration", "Switch writing on", "From then on runs make both systems agree."),
)
"""What is done, on which page, and how a person is told; in order."""


def checklist(integrations: Sequence[Integration]) -> list[Step]:
    """The steps from nothing to writing, for the company as a whole."""
    done = done_so_far(integrations)
    integration = reverse("admin:sync_integration_changelist")
    if integrations:
        integration = reverse("admin:sync_integration_change", args=[integrations[0].pk])
    pages = {
        "connections": reverse("admin:connectors_connection_changelist"),
        "integration": integration,
        "mappings": reverse("admin:sync_mapping_changelist"),
    }
    return [
        Step(title=title, help=text, address=pages[page], done=getattr(done, what)) for what, page, title, text in STEPS
    ]


def _counted(rows: Any, what: Count) -> dict[UUID, int]:
    return dict(rows.values_list("integration").annotate(what).order_by())
