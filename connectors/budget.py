"""The request allowance of a connection, shared by all threads, processes and machines through one row."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection as database

from connectors.isolated import isolated_connection

BATCH = timedelta(seconds=1)


class SharedBudget:
    """Implements ``contract.Budget``: sending times, an equal interval apart, are handed out by ``RateBudget``.

    They are taken from the row in batches worth at most a second, so that a high limit does not cost a database
    round trip per request. Times not used within a second are given up; hence, however many processes send, no
    minute sees more than a minute's allowance and one batch. Clocks of several machines must agree to the second.
    Without a limit only ``slow_down`` is shared, and noticed within a second.
    """

    def __init__(
        self,
        tenant_id: uuid.UUID,
        connection_id: uuid.UUID,
        *,
        per_minute: int | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._tenant_id = tenant_id
        self._connection_id = connection_id
        self._interval = timedelta(minutes=1) / per_minute if per_minute else None
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._times: deque[datetime] = deque()
        self._opens_at: datetime | None = None
        self._slowed = 0

    def acquire(self) -> None:
        """Return when one request may be sent; waits as long as needed."""
        while True:
            with self._lock:
                slowed, sending_time = self._slowed, self._next_time()
            if (wait := (sending_time - self._now()).total_seconds()) > 0:
                self._sleep(wait)
            if slowed == self._slowed:
                return

    def slow_down(self, seconds: float) -> None:
        """Nobody sends before ``seconds`` have passed, except what other processes had reserved before."""
        with self._lock:
            self._slowed += 1
            self._times.clear()
            self._opens_at = None
            self._advance(self._now() + timedelta(seconds=seconds), timedelta())

    def _next_time(self) -> datetime:
        now = self._now()
        if self._interval is None:
            if self._opens_at is None or now - self._opens_at >= BATCH:
                self._opens_at = self._advance(now, timedelta())
            return self._opens_at
        while self._times and now - self._times[0] > BATCH:
            self._times.popleft()
        if not self._times:
            size = max(1, BATCH // self._interval)
            end = self._advance(now, size * self._interval)
            self._times.extend(end - left * self._interval for left in range(size, 0, -1))
        return self._times.popleft()

    def _advance(self, earliest: datetime, by: timedelta) -> datetime:
        """Move the row's instant to ``earliest`` if it lies before, then further ``by``; returns it.

        One statement, so that two workers can never be given the same time.
        """
        with isolated_connection(self._tenant_id), database.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO connectors_ratebudget AS budget (tenant_id, connection_id, next_at)
                VALUES (%(tenant)s, %(connection)s, %(earliest)s + make_interval(secs => %(by)s))
                ON CONFLICT (connection_id) DO UPDATE
                SET next_at = greatest(budget.next_at, %(earliest)s) + make_interval(secs => %(by)s)
                RETURNING next_at
                """,
                {
                    "tenant": self._tenant_id,
                    "connection": self._connection_id,
                    "earliest": earliest,
                    "by": by.total_seconds(),
                },
            )
            next_at: datetime = cursor.fetchone()[0]
        return next_at
