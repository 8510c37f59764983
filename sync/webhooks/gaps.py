"""Finding out what was not announced: each poll's changes are held against the deliveries, a while later.

A gap says that announcements are missing, so polling returns to its configured interval at once. A change we made
ourselves possible (a mapping, a record that was blocked before) was not the source's to announce.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from connectors.models import Connection
from sync.models import Delivery, Flow, Listening, Mapping, Run, RunItem
from sync.scheduling.schedules import wind_flow

DELAY = timedelta(minutes=15)
"""A poll is judged so long after its end: a source announces a change about five minutes after it was made."""

POLLED = (Run.Kind.FULL, Run.Kind.CHANGES)
MOVED = (
    RunItem.State.CREATED,
    RunItem.State.UPDATED,
    RunItem.State.TERMINATED,
    RunItem.State.REHIRED,
    RunItem.State.TRANSFERRED,
)
READ = (Run.State.SUCCEEDED, Run.State.PARTLY_FAILED)


def is_to_be_judged(run: Run) -> bool:
    """Whether this ended run can show that announcements are missing: a poll that changed somebody, of a source that
    has announced anything before."""
    return (
        run.trigger == "schedule"
        and run.flow.kind == Flow.Kind.PEOPLE
        and run.kind in POLLED
        and run.state in READ
        and any((run.created, run.updated, run.terminated, run.rehired, run.transferred))
        and Listening.objects.filter(connection__feeds=run.flow.integration_id, heard_at__isnull=False).exists()
    )


def judge(run_id: int, *, now: datetime) -> str:
    """The sentence about the people whom this poll found changed and nobody had announced, empty when there is no such
    one. A gap is noted on the connection, and its people flows are polled as configured from now on."""
    run = Run.objects.select_related("flow__integration").get(pk=run_id)
    before = _poll_before(run)
    listening = Listening.objects.filter(connection__feeds=run.flow.integration_id).first()
    if before is None or listening is None or listening.heard_since is None or run.started_at is None:
        return ""
    since = before.started_at or before.created_at
    if listening.heard_since > since or _we_changed(run, since):
        return ""
    missing = _unannounced(run, run.flow.integration.source_id, since)
    if not missing:
        return ""
    people = "1 person" if missing == 1 else f"{missing:,} people"
    with transaction.atomic():
        listening = Listening.objects.select_for_update(no_key=True).select_related("connection").get(pk=listening.pk)
        listening.gap_at = now
        listening.gap = f"Run #{run.pk} found {people} changed whom {listening.connection} had not announced."
        listening.save(update_fields=["gap_at", "gap"])
        wind_people(listening.connection, now=now)
    return listening.gap


def wind_people(connection: Connection, *, now: datetime) -> None:
    """Afterwards the people flows that read from the connection are polled at the interval that holds now."""
    for flow in Flow.objects.filter(integration__source=connection, kind=Flow.Kind.PEOPLE).order_by("pk"):
        wind_flow(flow, now=now)


def _poll_before(run: Run) -> Run | None:
    """The last poll before this one that read to its end. What it did not see, this one found."""
    polls = Run.objects.filter(flow=run.flow_id, pk__lt=run.pk, kind__in=POLLED, state__in=READ)
    return polls.order_by("-pk").first()


def _we_changed(run: Run, since: datetime) -> bool:
    """Whether mappings were decided since then: what the poll changed may come of that."""
    mappings = Mapping.objects.filter(integration=run.flow.integration_id)
    return mappings.filter(Q(created_at__gte=since) | Q(confirmed_at__gte=since)).exists()


def _unannounced(run: Run, connection_id: uuid.UUID, since: datetime) -> int:
    """How many people the run changed whom no delivery since then is about. Who was held up before does not count."""
    moved = set(RunItem.objects.filter(run=run, state__in=MOVED).values_list("source_id", flat=True))
    told = Delivery.objects.filter(connection=connection_id, received_at__gte=since, subject__any_of=moved)
    rest = moved.difference(told.values_list("subject", flat=True))
    earlier = RunItem.objects.filter(source_id__any_of=rest, run__flow=run.flow_id, run__lt=run.pk)
    last = earlier.order_by("source_id", "-pk").distinct("source_id")
    held_up = {item.source_id for item in last.only("source_id", "state") if item.state not in DONE}
    return len(rest - held_up)


DONE = (*MOVED, RunItem.State.UNCHANGED)
