"""What Rippling notes of changes by itself: hints to read somebody again, never the change.

v2 ``worker-changes`` is the log of HR changes, where the company has it; the form of its rows is in no document we
hold. v1 ``company_activity`` is about accounts, groups and passwords: a weak hint. Source: rippling §5.3, §5.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
from msgspec import Struct

from connectors.contract import CheckResult, FeedPage, Finding, Level
from connectors.errors import ConnectorError, UnexpectedReplyError
from connectors.rippling.client import Entity, PlatformClient, RestClient, page_of, read, refused_with
from connectors.rippling.mapper import utc

WORKER_CHANGES = Entity("the feed of changes", "/worker-changes/", "worker-changes.read", "Worker Changes API")
ACTIVITY = Entity("the company's activity", "/company_activity", "company:activity", "")
LIMIT = 1000
EVER = datetime.min.replace(tzinfo=UTC)
NOTHING = FeedPage(hints=(), cursor="", complete=True)


class ChangeRow(Struct):
    """A row of ``worker-changes``, as far as its form is known."""

    id: str = ""
    worker_id: str | None = None
    created_at: datetime | None = None


class Subject(Struct):
    instance: str | None = None
    type: str | None = None


class ActivityEvent(Struct):
    subjects: list[Subject | None] | None = None


class ActivityData(Struct):
    events: list[ActivityEvent] | None = None
    next: str | None = None


class Activity(Struct):
    """An answer of ``company_activity``: status 200 also when ``error`` says that it went wrong."""

    data: ActivityData | None = None
    error: object = None


class Feed(Protocol):
    """One of the two."""

    name: str
    entity: Entity

    def changes(self, cursor: str, now: datetime) -> FeedPage: ...

    def understood(self, now: datetime) -> bool:
        """False when rows lack what we need. Raises ConnectorError when the feed cannot be read."""
        ...


class WorkerChanges:
    """v2. Read newest first, back to what was seen before, because no filter by time is documented for it."""

    name = "worker_changes"
    entity = WORKER_CHANGES

    def __init__(self, client: RestClient) -> None:
        self._client = client

    def changes(self, cursor: str, now: datetime) -> FeedPage:
        """``cursor`` is the newest instant seen, and the rows seen of that instant."""
        until, seen = _seen(cursor)
        newest, rows_of_newest, hints = until, set(seen), dict[str, None]()
        for row in self._rows():
            created = utc(row.created_at)
            if created is None:
                raise UnexpectedReplyError(
                    "Rippling's feed of changes has rows we cannot place in time. People are read as usual."
                )
            if newest is None or created > newest:
                newest, rows_of_newest = created, set()
            if created == newest:
                rows_of_newest.add(row.id)
            if until is None or created < until:
                break
            if row.worker_id and not (created == until and row.id in seen):
                hints[row.worker_id] = None
        newest = newest or EVER  # nothing was noted yet: whatever is noted from now on is behind it
        text = json.dumps([newest.isoformat(), *sorted(rows_of_newest)])
        return FeedPage(hints=tuple(hints), cursor=text, complete=True)

    def understood(self, now: datetime) -> bool:
        params = [("order_by", "created_at desc"), ("limit", "2")]
        page = page_of(ChangeRow)(read(self._client.http, WORKER_CHANGES, WORKER_CHANGES.path, params))
        times = [created for row in page.rows if row.worker_id and (created := utc(row.created_at))]
        # Whether the order is honoured is in no document either: the other way round nothing new would ever be seen.
        return len(times) == len(page.rows) and times == sorted(times, reverse=True)

    def _rows(self) -> Iterator[ChangeRow]:
        params = [("order_by", "created_at desc"), ("limit", "100")]
        for page in self._client.pages(WORKER_CHANGES, params, page_of(ChangeRow)):
            yield from page.rows


class CompanyActivity:
    """v1. The cursor is Rippling's own; without one it begins the day before."""

    name = "company_activity"
    entity = ACTIVITY

    def __init__(self, client: PlatformClient) -> None:
        self._client = client

    def changes(self, cursor: str, now: datetime) -> FeedPage:
        data = self._page([("next", cursor)] if cursor else [_start(now)], LIMIT)
        events = data.events or []
        subjects = [subject for event in events for subject in event.subjects or ()]
        hints = {one.instance: None for one in subjects if one and one.type == "ROLE" and one.instance}
        return FeedPage(hints=tuple(hints), cursor=data.next or cursor, complete=len(events) < LIMIT or not data.next)

    def understood(self, now: datetime) -> bool:
        self._page([_start(now)], 1)
        return True

    def _page(self, params: list[tuple[str, str]], limit: int) -> ActivityData:
        path = ACTIVITY.path
        answer = read(self._client.http, ACTIVITY, path, [*params, ("limit", str(limit))]).json(Activity)
        if answer.error:
            raise UnexpectedReplyError(
                "Rippling could not list the company's activity. People are read as usual.",
                detail=f"GET {path} -> 200 with an error",
            )
        return answer.data or ActivityData()


def read_feed(feed: Feed, cursor: str, now: datetime) -> FeedPage:
    """The next page. A cursor that Rippling does not know any more is dropped: it begins anew from about now."""
    try:
        return feed.changes(cursor, now)
    except UnexpectedReplyError as error:
        if not cursor or not (refused_with(error, 400) or "200 with an error" in error.detail):
            raise
        return feed.changes("", now)


def with_feed(result: CheckResult, feed: Feed, now: datetime) -> CheckResult:
    """The result with what was found out about the feed; it is never more than a loss of speed."""
    access, usable = "granted", False
    try:
        usable = feed.understood(now)
        sentence = f"{feed.entity.what.capitalize()} can be read: changes are noticed sooner."
        if not usable:
            access = "unknown"
            sentence = f"{feed.entity.what.capitalize()} is of a form we do not understand. Changes are polled."
    except ConnectorError as error:
        access = "forbidden" if refused_with(error, 403) else "unknown"
        sentence = f"{feed.entity.what.capitalize()} cannot be read, which needs “{feed.entity.scope}”"
        sentence += f" and “{feed.entity.tier}”" if feed.entity.tier else ""
        sentence += ". Changes are noticed by polling, as without it."
    found = Finding(entity=feed.entity.what, level=Level.OK, access=access, sentence=sentence)
    return msgspec.structs.replace(
        result,
        findings=[*result.findings, found],
        learned={**result.learned, "feed": feed.name if usable else "none"},
    )


def _start(now: datetime) -> tuple[str, str]:
    return "startDate", (now.astimezone(UTC) - timedelta(days=1)).date().isoformat()


def _seen(cursor: str) -> tuple[datetime | None, set[str]]:
    if not cursor:
        return None, set()
    moment, *rows = json.loads(cursor)
    return datetime.fromisoformat(moment), set(rows)
