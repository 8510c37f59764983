"""How often to poll a source that announces its changes: rarely while nothing is missing, as configured otherwise."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from sync.models import Listening

RELAXED_MINUTES = 60
"""Polling interval while announcements are complete; a longer configured one stays."""
SILENT_AFTER = timedelta(days=7)
"""Announcements that have not come for so long are not relied on. Shorter silence is noticed by what polls find."""
DISTRUSTED_FOR = timedelta(hours=24)
"""So long after a change that nobody had announced, polling goes on as configured."""


class Hearing(enum.Enum):
    """How a source's announcements stand. Only while they flow is it polled less often."""

    NEVER = "never"
    FLOWING = "flowing"
    GAP = "gap"
    SILENT = "silent"


def hearing_of(listening: Listening | None, now: datetime) -> Hearing:
    """What is to be thought of a connection's webhooks now. Activity feeds do not count: they are polled themselves."""
    if listening is None or listening.heard_at is None:
        return Hearing.NEVER
    if listening.gap_at is not None and listening.gap_at > now - DISTRUSTED_FOR:
        return Hearing.GAP
    return Hearing.FLOWING if listening.heard_at > now - SILENT_AFTER else Hearing.SILENT


def interval_of(every_minutes: int, listening: Listening | None, now: datetime) -> int:
    """The polling interval in minutes of a people flow configured to ``every_minutes``, as its source's announcements
    stand now."""
    if hearing_of(listening, now) is Hearing.FLOWING:
        return max(every_minutes, RELAXED_MINUTES)
    return every_minutes
