"""The one clock that every machine shares: the database's.

Whether a worker is alive, and how long ago a journal was sent, is judged by another machine than the one that noted
it. Their own clocks may be minutes apart; so whatever is compared between machines is noted by this one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

ASTRAY = 1.0
"""Seconds by which a machine's clock and its count of seconds may part before it was set, or the machine slept."""


def database_now() -> datetime:
    """The present instant by the database's clock, aware UTC: the machines of the workers need not agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


class DatabaseClock:
    """The database's clock, read at the first use and carried on by the machine's own; read again when that one was
    set, or stood still."""

    def __init__(self) -> None:
        self._behind: timedelta | None = None
        self._started = 0.0

    def now(self) -> datetime:
        """The present instant by the database's clock, aware UTC."""
        started = timezone.now().timestamp() - time.monotonic()
        if self._behind is None or abs(started - self._started) > ASTRAY:
            self._behind, self._started = database_now() - timezone.now(), started
        return timezone.now() + self._behind
