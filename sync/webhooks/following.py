"""Following announcements: whom a source announced is read again, everything that waits in one run.

An announcement holds no change, only whom to look at, so order and repetition mean nothing: what counts is that it is
settled by a reading that was asked for after it had arrived, and came to its end. While a run of the flow is in
progress announcements wait, since nobody knows whether it has passed the person already. Whoever follows a connection
holds the lock of its ``Listening``; two at once do not ask twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from audit.context import acting_as
from connectors.models import Connection
from connectors.webhooks import Meaning
from sync.execution import World
from sync.holding import SMALL
from sync.models import Delivery, Flow, Link, Listening, Run
from sync.queue import ANNOUNCED, enqueue_run
from sync.runs import AlreadyRunning, request_run
from sync.webhooks.meanings import meant_by
from sync.webhooks.uninstalling import heed_uninstall

AT_ONCE = 20_000
"""So many deliveries are taken together; the rest waits for the next run."""
READ_ONE_BY_ONE = 200
"""More people than this are not read again one by one: reading all changes costs less."""
REST = timedelta(seconds=15)
"""So long after a run the next one is asked for, so that a burst ends in a handful of runs."""
REFERENCE_EVERY = timedelta(minutes=15)
"""Reference data is read again at most so often, however much of it is announced."""
PAUSE_OUTWAITED = timedelta(days=1)
"""What has waited so long for flows that are all paused is left to the next run of everybody."""
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""How long all wait after the first, second … run on their behalf that failed; after one more they are given up."""


class Told(msgspec.Struct, frozen=True):
    """One delivery that waits, as far as following it needs."""

    pk: int
    subject: str
    origin: str
    meaning: Meaning
    not_before: datetime | None


def follow(connection_id: uuid.UUID, world: World) -> list[Run]:
    """Settle what has been read, and ask for what is to be read; returns the runs asked for.

    Asks for no people, or no reference data, while a run of those is in progress, in the minutes after a failed one,
    and in the seconds after any: whoever ends a run, and the minute's sweep, come again.
    """
    connection, now = Connection.objects.get(pk=connection_id), world.now()
    with acting_as("system", "Announcements", correlation_id=uuid.uuid4().hex):
        if removals := _removals(connection, now):
            heed_uninstall(connection, removals, world)
        try:
            with transaction.atomic():
                _note_heard(lock(connection))
                settle_read(connection, now=now)
                told = _waiting(connection)
                return [*_ask_people(connection, told, now), *_ask_reference(connection, told, now)]
        except AlreadyRunning:
            return []  # Somebody started one since we looked: everything is as it was.


def lock(connection: Connection) -> Listening:
    """The connection's Listening, held until the transaction ends. Deliveries can be stored meanwhile."""
    listening, _ = Listening.objects.select_for_update(no_key=True).get_or_create(connection=connection)
    return listening


def _note_heard(listening: Listening) -> None:
    """Since when and until when webhooks came. Noted here and not with each delivery, which must cost one row."""
    webhooks = Delivery.objects.filter(connection=listening.pk, origin=Delivery.Origin.WEBHOOK, replay_of=None)
    if (last := webhooks.order_by("-pk").first()) and last.received_at != listening.heard_at:
        listening.heard_at = last.received_at
        listening.heard_since = listening.heard_since or last.received_at
        listening.save(update_fields=["heard_at", "heard_since"])


def open_of(connection: Connection) -> QuerySet[Delivery]:
    """Deliveries of the connection that wait to be read again, or are being read."""
    return Delivery.objects.filter(connection=connection, state__in=[Delivery.State.PENDING, Delivery.State.ASKED])


def settle_read(connection: Connection, *, now: datetime) -> None:
    """Deliveries whose runs have ended are settled, or wait again when one of them failed."""
    asked = Delivery.objects.filter(connection=connection, state=Delivery.State.ASKED)
    # A run that is gone has read nothing.
    asked.filter(run__isnull=True).update(state=Delivery.State.PENDING)
    for run in Run.objects.filter(pk__in=asked.values("run").distinct()).select_related("flow"):
        # Several flows read from one connection: all runs asked for together share the correlation id.
        together = Run.objects.filter(
            flow__integration__source=connection,
            flow__kind=run.flow.kind,
            pk__gte=run.pk,
            correlation_id=run.correlation_id,
        )
        states = dict(together.values_list("pk", "state"))
        if any(state in Run.ACTIVE for state in states.values()):
            continue
        failed = [pk for pk, state in states.items() if state in _FAILED]
        if failed:
            _put_back(asked.filter(run=run), f"Run #{failed[0]} on its behalf did not come to its end.", now)
            continue
        held = [pk for pk, state in states.items() if state == Run.State.HELD]
        reason = f"Run #{held[0]} stopped and asks; what was announced is decided there." if held else ""
        asked.filter(run=run).update(state=Delivery.State.SETTLED, settled_at=now, reason=reason, not_before=None)


_FAILED = (Run.State.FAILED, Run.State.CANCELLED, Run.State.SKIPPED)


def _put_back(deliveries: QuerySet[Delivery], reason: str, now: datetime) -> None:
    """They wait for another run, later each time; those that have waited often enough are given up, and say so."""
    given_up = deliveries.filter(attempts__gte=len(BACKOFF))
    given_up.update(
        state=Delivery.State.FAILED,
        settled_at=now,
        reason=f"{reason} It was tried {len(BACKOFF) + 1} times; the next run of everybody finds what changed.",
        not_before=None,
    )
    tried = deliveries.aggregate(most=Max("attempts"))["most"]
    if tried is not None:
        deliveries.update(
            state=Delivery.State.PENDING, attempts=F("attempts") + 1, not_before=now + BACKOFF[tried], reason=reason
        )


def _waiting(connection: Connection) -> list[Told]:
    rows = Delivery.objects.filter(connection=connection, state=Delivery.State.PENDING).order_by("pk")[:AT_ONCE]
    return [
        Told(row.pk, row.subject, row.origin, meant_by(connection.vendor, row).meaning, row.not_before)
        for row in rows.only("event", "subject", "origin", "not_before")
    ]


def _removals(connection: Connection, now: datetime) -> list[int]:
    """The deliveries that say we were uninstalled, however much else waits before them."""
    webhooks = Delivery.objects.filter(connection=connection, origin=Delivery.Origin.WEBHOOK)
    pending = webhooks.filter(state=Delivery.State.PENDING).order_by()
    names = pending.values_list("event", flat=True).distinct()
    ending = [e for e in names if meant_by(connection.vendor, Delivery(event=e)).meaning is Meaning.UNINSTALLED]
    return list(pending.filter(event__in=ending).exclude(not_before__gt=now).values_list("pk", flat=True))


def _ask_people(connection: Connection, waiting: Sequence[Told], now: datetime) -> list[Run]:
    """One run of each people flow that reads from the connection, over everybody who was announced."""
    flows = _flows(connection, Flow.Kind.PEOPLE)
    told = [one for one in waiting if one.meaning is Meaning.PERSON]
    if not told or not _ready(flows, told, "people", now):
        return []
    people = list(dict.fromkeys(one.subject for one in told))
    trigger = "webhook" if any(one.origin == Delivery.Origin.WEBHOOK for one in told) else "feed"
    runs = []
    for flow in flows:
        if flow.paused:
            continue  # Its next run starts at its watermark, and so finds what changed meanwhile.
        kind = Run.Kind.REPLAY if len(people) <= _few(flow) else Run.Kind.CHANGES
        runs.append(request_run(flow, kind, now=now, trigger=trigger, selection=people))
    _asked(runs, told)
    return runs


def _few(flow: Flow) -> int:
    """So many people are simply read again. More than a run may change without asking are read by one that surveys
    before it writes, and stops where it must ask."""
    linked = Link.objects.filter(integration=flow.integration_id, active=True).count()
    return min(max(linked * flow.max_change_percent // 100, SMALL), READ_ONE_BY_ONE)


def _ask_reference(connection: Connection, waiting: Sequence[Told], now: datetime) -> list[Run]:
    """One run of each reference flow that reads from the connection, unless there was one a moment ago."""
    flows = _flows(connection, Flow.Kind.REFERENCE)
    told = [one for one in waiting if one.meaning is Meaning.REFERENCE]
    if not told or not _ready(flows, told, "reference data", now):
        return []
    lately = Run.objects.filter(flow__in=flows, trigger__in=ANNOUNCED, created_at__gt=now - REFERENCE_EVERY)
    if lately.exists():
        return []
    runs = [request_run(flow, Run.Kind.FULL, now=now, trigger="webhook") for flow in flows if not flow.paused]
    _asked(runs, told)
    return runs


def _flows(connection: Connection, kind: str) -> list[Flow]:
    flows = Flow.objects.filter(integration__source=connection, kind=kind)
    return list(flows.select_related("integration").order_by("pk"))


def _ready(flows: Sequence[Flow], told: Sequence[Told], noun: str, now: datetime) -> bool:
    """False when nothing reads this from the connection, which settles the deliveries, and when they must wait.
    Behind a long pause they do not pile up: those that have outwaited it are settled, too."""
    if not flows:
        Delivery.objects.filter(pk__in=[one.pk for one in told]).update(
            state=Delivery.State.IGNORED, settled_at=now, reason=f"No integration reads {noun} from this connection."
        )
        return False
    if all(flow.paused for flow in flows):
        outwaited = Delivery.objects.filter(pk__in=[one.pk for one in told], received_at__lt=now - PAUSE_OUTWAITED)
        reason = f"Reading {noun} was paused for more than a day; the next run of everybody finds what changed."
        outwaited.update(state=Delivery.State.IGNORED, settled_at=now, reason=reason, not_before=None)
        return False
    if any(one.not_before and one.not_before > now for one in told):
        return False
    runs = Run.objects.filter(flow__in=[flow.pk for flow in flows if not flow.paused])
    resting = Q(trigger__in=ANNOUNCED, finished_at__gt=now - REST)
    return not runs.filter(Q(state__in=Run.ACTIVE) | resting).exists()


def _asked(runs: Sequence[Run], told: Sequence[Told]) -> None:
    """The deliveries are being read by these runs, the first of which stands for all; the workers get them."""
    Delivery.objects.filter(pk__in=[one.pk for one in told]).update(
        state=Delivery.State.ASKED, run=runs[0], not_before=None, reason=""
    )
    for run in runs:
        enqueue_run(run)
