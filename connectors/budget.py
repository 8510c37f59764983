"""The request allowance of a connection, shared by all threads, processes and machines through one row."""

from __future__ import annotations

import math
import threading
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction

from connectors.isolated import isolated_connection
from connectors.models import RateBudget

BATCH = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
# Rates are in thousandths of a request a minute.
THOUSANDTHS = 1000
FIRST = 60 * THOUSANDTHS
"""One refusal alone never slows us down further than this: somebody else may have used up the allowance."""
SLOWEST = 6 * THOUSANDTHS
RISE = 1 / 15
"""By how much of itself a learned rate grows in a minute of use, for each such minute since the last refusal: carefully
at first, and to ten times as much within ten minutes when the refusals were nothing but a bad moment."""
FASTEST = 60_000 * THOUSANDTHS
"""A rate that has grown beyond this limits nobody: it is forgotten."""
MOST_AT_ONCE = 1000
"""So many sending times are taken at once at most."""


class SharedBudget:
    """Implements ``contract.Budget``: sending times, an equal interval apart, are handed out by ``RateBudget``.

    They are taken from the row in batches worth at most a second, so that a high limit does not cost a database
    round trip per request. Times not used within a second are given up; hence, however many processes send, no
    minute sees more than a minute's allowance and one batch.

    A refusal for the rate teaches: from then on half as many leave as left lately, and slowly more while they are
    used, until the next refusal. A configured limit is the most that is ever sent. Without either nobody waits, and
    only ``slow_down`` is shared, noticed within a second.

    The row's instants are by the database's clock. How far this machine's is off is measured when a budget is first
    used, that is for each run.
    """

    def __init__(
        self,
        tenant_id: uuid.UUID,
        connection_id: uuid.UUID,
        *,
        per_minute: int | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        database_now: Callable[[], datetime] | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._connection_id = connection_id
        self.per_minute = per_minute
        self._ceiling = per_minute * THOUSANDTHS if per_minute else None
        self._now = now
        self._sleep = sleep
        self._database_now = database_now or _database_now
        self._lock = threading.Lock()
        self._times: deque[datetime] = deque()
        self._opens_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._sent = 0
        self._slowed = 0
        self._ahead: timedelta | None = None
        """The database's clock less ours."""

    def acquire(self) -> None:
        """Return when one request may be sent; waits as long as needed."""
        while True:
            with self._lock:
                slowed, sending_time = self._slowed, self._next_time()
            if (wait := (sending_time - self._now()).total_seconds()) > 0:
                self._sleep(wait)
            with self._lock:
                if slowed == self._slowed:
                    self._sent += 1
                    return

    def slow_down(self, seconds: float) -> None:
        """The vendor refused for the rate: nobody sends before ``seconds`` have passed, except what other processes
        had reserved before, and then everybody sends less often."""
        with self._lock:
            self._slowed += 1
            self._times.clear()
            self._opens_at = None
            self._share(lambda row, now: _refused(row, now, timedelta(seconds=seconds)))

    def _next_time(self) -> datetime:
        now = self._now()
        while self._times and now - self._times[0] > BATCH:
            self._times.popleft()
        if self._times:
            return self._times.popleft()
        if self._opens_at is None or self._asked_at is None or now - self._asked_at >= BATCH:
            self._asked_at = now
            self._reserve()
        if self._times:
            return self._times.popleft()
        assert self._opens_at is not None, "a reservation is one or the other"
        return self._opens_at

    def _reserve(self) -> None:
        """Take the next batch of times, or, where there is no limit, learn from when on one may send."""
        taken: list[datetime] = []

        def take(row: RateBudget, now: datetime) -> None:
            row.next_at = max(row.next_at, now)
            interval = self._interval(row)
            for _ in range(min(MOST_AT_ONCE, max(1, BATCH // interval)) if interval else 0):
                taken.append(row.next_at)
                row.next_at += interval or timedelta()

        row, ahead = self._share(take)
        self._times.extend(moment - ahead for moment in taken)
        self._opens_at = None if taken else row.next_at - ahead

    def _interval(self, row: RateBudget) -> timedelta | None:
        rates = [rate for rate in (self._ceiling, row.learned) if rate]
        return (
            timedelta(microseconds=math.ceil(MINUTE / timedelta(microseconds=1) * THOUSANDTHS / min(rates)))
            if rates
            else None
        )

    def _share(self, change: Callable[[RateBudget, datetime], None]) -> tuple[RateBudget, timedelta]:
        """Change the row in a transaction of its own, told what left from here since; returns it, and how far the
        database's clock is ahead of ours."""
        with isolated_connection(self._tenant_id), transaction.atomic():
            if self._ahead is None:
                self._ahead = self._database_now() - self._now()
            now = self._now() + self._ahead
            row = _locked_row(self._connection_id, now)
            _count(row, now, self._sent, self._ceiling)
            self._sent = 0
            change(row, now)
            row.save(update_fields=["next_at", "seen_at", "lately", "learned", "slowed_at", "unrefused"])
        return row, self._ahead


def _locked_row(connection_id: uuid.UUID, now: datetime) -> RateBudget:
    rows = RateBudget.objects.select_for_update().filter(connection_id=connection_id)
    found = rows.first()
    if found is None:
        RateBudget.objects.bulk_create([RateBudget(connection_id=connection_id, next_at=now)], ignore_conflicts=True)
        found = rows.get()
    return found


def _database_now() -> datetime:
    with database.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _count(row: RateBudget, now: datetime, sent: int, ceiling: int | None) -> None:
    """Afterwards ``lately`` includes ``sent``, older requests fade, and a rate that is used has grown: up to the
    ceiling where there is one, else until it limits nobody and is forgotten."""
    passed = max(timedelta(), now - row.seen_at) if row.seen_at else timedelta()
    row.lately = round(row.lately * math.exp(-passed / MINUTE)) + sent * THOUSANDTHS
    if row.learned and sent:
        # Only use proves anything: a night without any counts as a minute.
        used = min(passed, MINUTE)
        row.unrefused += used
        grown = math.ceil(row.learned * (1 + RISE * (row.unrefused / MINUTE) * (used / MINUTE)))
        row.learned = min(grown, ceiling) if ceiling else grown if grown < FASTEST else None
    row.seen_at = max(now, row.seen_at or now)


def _refused(row: RateBudget, now: datetime, pause: timedelta) -> None:
    """Afterwards the rate is half of what left lately. Further refusals within a minute are of the same crowd: they
    only complete the count of it."""
    row.next_at = max(row.next_at, now + pause)
    if row.learned and row.slowed_at and now - row.slowed_at < MINUTE:
        row.learned = max(row.learned, row.lately // 2)
    elif row.learned:
        used = min(row.learned, max(row.lately, row.learned // 2))
        row.learned, row.slowed_at, row.unrefused = max(SLOWEST, used // 2), now, timedelta()
    else:
        row.learned, row.slowed_at, row.unrefused = max(FIRST, row.lately // 2), now, timedelta()
