"""Activity feeds: read every few minutes where a connection has one, as hints whom to read again, never as truth."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from connectors.contract import ChangeFeed
from connectors.errors import ConnectorError
from connectors.models import Connection
from connectors.registry import open_connector
from sync.execution import World
from sync.models import Delivery, Flow, Listening
from sync.queue import enqueue_deliveries
from sync.webhooks.following import lock

EVERY = timedelta(minutes=5)
"""A feed is read at most so often."""
PAGES = 50
"""So many pages are read at once; the rest next time."""
EVENT = "feed"
"""What a hint of a feed is called among deliveries: a feed tells whom to look at, not what happened."""

log = structlog.get_logger()


def arm(connection: Connection, *, now: datetime) -> None:
    """Afterwards the connection is asked for its feed soon, and then every few minutes if it has one, while people are
    polled from it; ``read_feed`` ends that when nobody polls any more."""
    if Listening.objects.filter(connection=connection, feed_at__isnull=False).exists() or not _is_polled(connection):
        return
    with transaction.atomic():
        listening = lock(connection)
        listening.feed_at = listening.feed_at or now
        listening.save(update_fields=["feed_at"])


def _is_polled(connection: Connection) -> bool:
    """Whether a people flow reads from the connection by itself."""
    flows = Flow.objects.filter(integration__source=connection, kind=Flow.Kind.PEOPLE)
    polled = flows.filter(paused=False, every_minutes__isnull=False)
    return polled.exclude(integration__source__state=Connection.State.PAUSED).exists()


def due_feeds(*, now: datetime) -> list[uuid.UUID]:
    """Connections whose feeds are to be read; each is given out once."""
    due = Listening.objects.filter(feed_at__lte=now)
    return [
        pk
        for pk, at in due.values_list("pk", "feed_at")
        if Listening.objects.filter(pk=pk, feed_at=at).update(feed_at=now + EVERY) == 1
    ]


def read_feed(connection_id: uuid.UUID, world: World) -> int:
    """Read on from where the feed was read up to, and keep whom it names as deliveries; returns how many people.

    A feed that fails is noted on the connection, and read again next time; one that there is not, or that nobody needs,
    is not asked for again until the next poll.
    """
    connection = Connection.objects.get(pk=connection_id)
    correlation_id = uuid.uuid4().hex
    trouble, people = "", set[str]()
    cursor = begun = Listening.objects.get(connection=connection).cursor
    try:
        source = open_connector(
            connection, now=world.now, sleep=world.sleep, random=world.random, correlation_id=correlation_id
        )
        try:
            if not (isinstance(source, ChangeFeed) and source.has_feed() and _is_polled(connection)):
                Listening.objects.filter(connection=connection).update(feed_at=None, feed_trouble="")
                return 0
            cursor, people = _read_on(source, cursor)
        finally:
            source.close()
    except ConnectorError as error:
        log.warning("feed.stopped", connection=str(connection.pk), error=type(error).__name__)
        trouble = error.sentence[:300]
    return _keep(connection, begun, cursor, people, trouble, world.now())


def _read_on(source: ChangeFeed, cursor: str) -> tuple[str, set[str]]:
    """The new cursor, and whom the pages behind the old one name."""
    people = set[str]()
    for _ in range(PAGES):
        page = source.changes(cursor)
        cursor = page.cursor
        people.update(page.hints)
        if page.complete:
            break
    return cursor, people


def _keep(connection: Connection, begun: str, cursor: str, people: set[str], trouble: str, now: datetime) -> int:
    """Hints and cursor are kept together, so that neither is lost; not when somebody else has read on meanwhile."""
    with transaction.atomic():
        listening = lock(connection)
        if listening.cursor != begun:
            return 0
        told = sorted(people)
        Delivery.objects.bulk_create(
            Delivery(connection=connection, origin=Delivery.Origin.FEED, event=EVENT, subject=subject, received_at=now)
            for subject in told
        )
        listening.cursor, listening.feed_read_at, listening.feed_trouble = cursor, now, trouble
        listening.save(update_fields=["cursor", "feed_read_at", "feed_trouble"])
        if told:
            enqueue_deliveries(connection.pk, due=now)
    return len(told)
