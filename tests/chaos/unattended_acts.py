"""What goes wrong in the unattended run, drawn from a generator: processes die, freeze and stop, the database restarts,
connections are cut, jobs are delivered twice, vendors misbehave."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from tests.chaos.unattended_companies import Company
from tests.chaos.unattended_stage import MACHINES, Postgres, Stage

LEDGER = r"/accounting/v2/journal-entries|/api/Journal_Entry"
ALWAYS: dict[str, Any] = {"path": ".*", "method": "*", "times": None}
LOST_POSTS: tuple[dict[str, Any], ...] = (
    {"kind": "cut_after", "path": LEDGER, "method": "POST", "times": None, "probability": 0.3},
    {"kind": "cut", "path": LEDGER, "method": "POST", "times": None, "probability": 0.1},
    {"kind": "slow", "path": LEDGER, "method": "POST", "times": None, "probability": 0.2, "seconds": 2.0},
)
ANY_REQUEST: tuple[dict[str, Any], ...] = (
    {"kind": "status", **ALWAYS, "probability": 0.02, "status_code": 500},
    {"kind": "status", **ALWAYS, "probability": 0.02, "status_code": 429, "headers": {"Retry-After": "1"}},
    {"kind": "cut", **ALWAYS, "probability": 0.02},
    {"kind": "cut_after", **ALWAYS, "probability": 0.02},
    {"kind": "truncate", **ALWAYS, "method": "GET", "probability": 0.01},
    {"kind": "slow", **ALWAYS, "probability": 0.05, "seconds": 0.5},
)


def misbehave(company: Company) -> None:
    """From now on both vendors fail now and then."""
    for fault in (*LOST_POSTS, *ANY_REQUEST):
        company.plex.fault(**fault)
    for fault in ANY_REQUEST:
        company.rippling.fault(**fault)


@dataclass
class Storm:
    """The acts, what they hit, and who is frozen until when (on the monotonic clock)."""

    stage: Stage
    postgres: Postgres
    chance: random.Random
    longest_freeze: float
    acts: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    _frozen: list[tuple[float, psutil.Process]] = field(default_factory=list)
    _coming: list[str] = field(default_factory=list)

    def step(self) -> None:
        """The next thing goes wrong. All kinds come once, in the generator's order, and then by weight."""
        self.thaw()
        acts = self._acts()
        if not self.acts:
            self._coming = self.chance.sample(list(acts), len(acts))
        weights = [weight for weight, _ in acts.values()]
        name = self._coming.pop() if self._coming else self.chance.choices(list(acts), weights)[0]
        self.acts[name] += 1
        with suppress(psutil.NoSuchProcess, psycopg.OperationalError):
            acts[name][1]()

    def thaw(self, *, everybody: bool = False) -> None:
        """Who was frozen for long enough goes on."""
        now = time.monotonic()
        for until, process in list(self._frozen):
            if everybody or now >= until:
                self._frozen.remove((until, process))
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def _acts(self) -> dict[str, tuple[int, Callable[[], object]]]:
        return {
            "kill -9": (12, self._kill),
            "machine stopped": (1, self._stop),
            "machine lost": (1, lambda: self._machine().kill()),
            "frozen": (4, self._freeze),
            "connections cut": (4, self._cut),
            "PostgreSQL restarted": (1, lambda: self.postgres.restart("fast")),
            "PostgreSQL crashed": (1, lambda: self.postgres.restart("immediate")),
            "web killed": (2, lambda: self.stage.kept["web"].kill()),
            "jobs delivered twice": (3, self._double),
        }

    def _machine(self) -> Any:
        return self.stage.kept[self.chance.choice(MACHINES)]

    def _victim(self) -> tuple[str, psutil.Process] | None:
        """A process of a machine and what it is, mostly one that works. Nothing of a machine that starts is hit."""
        for machine in self.chance.sample(MACHINES, len(MACHINES)):
            family = self.stage.kept[machine].family()
            guards = [one for one in family[1:] if one.ppid() == family[0].pid]
            workers = [one for one in family[1:] if one not in guards]
            if workers:
                kinds = {"worker": (8, workers), "guard": (3, guards), "supervisor": (1, family[:1])}
                [name] = self.chance.choices(list(kinds), [weight for weight, _ in kinds.values()])
                return name, self.chance.choice(kinds[name][1])
        return None

    def _kill(self) -> None:
        if (victim := self._victim()) is not None:
            what, process = victim
            process.kill()
            self.killed[what] += 1

    def _stop(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._machine().process.pid, signal.SIGTERM)

    def _freeze(self) -> None:
        if (victim := self._victim()) is not None:
            what, process = victim
            process.suspend()
            self.acts[f"frozen: {what}"] += 1
            self._frozen.append((time.monotonic() + self.chance.uniform(0.3, 1.0) * self.longest_freeze, process))

    def _cut(self) -> None:
        pids = self.postgres.connections()
        self.postgres.cut(self.chance.sample(pids, min(len(pids), self.chance.randint(1, 5))))

    def _double(self) -> None:
        with psycopg.connect(self.postgres.administrator, autocommit=True, connect_timeout=5) as connection:
            connection.execute(
                "INSERT INTO django_q_ormq (key, payload, lock)"
                " SELECT key, payload, now() FROM django_q_ormq ORDER BY md5(id::text || %s) LIMIT 3",
                [str(self.chance.random())],
            )
