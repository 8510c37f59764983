"""What a connector is given to live in during tests: a clock that sleeps without waiting, and memory for tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.access import Grant
from connectors.contract import ConnectorContext

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Time passes only by sleeping. ``slept`` lists every pause in seconds."""

    moment: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


@dataclass
class OpenBudget:
    """A budget that never says no and counts."""

    acquired: int = 0
    slowed: list[float] = field(default_factory=list)

    def acquire(self) -> None:
        self.acquired += 1

    def slow_down(self, seconds: float) -> None:
        self.slowed.append(seconds)


@dataclass
class TokenMemory:
    """A token store in memory, with the lock the real one has."""

    held: Grant | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> Grant | None:
        return self.held

    def refresh(self, stale: str | None, fetch: Callable[[Grant | None], Grant]) -> Grant:
        with self.lock:
            if self.held is None or self.held.token == stale:
                self.held = fetch(self.held)
            return self.held

    def keep(self, grant: Grant) -> None:
        self.held = grant


def context(clock: Clock | None = None, **values: Any) -> ConnectorContext:
    """A context on loopback; anything can be overridden by name."""
    clock = clock or Clock()
    defaults: dict[str, Any] = {
        "settings": {},
        "credentials": {},
        "learned": {},
        "allowed_hosts": frozenset(),
        "allow_loopback": True,
        "budget": OpenBudget(),
        "tokens": TokenMemory(),
        "correlation_id": "run-4711",
        "now": clock.now,
        "sleep": clock.sleep,
        "random": lambda: 0.5,
    }
    return ConnectorContext(**(defaults | values))
