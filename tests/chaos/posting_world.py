"""Where a worker that posts can be hit: a clock to be moved, every statement, every request, and a log of its sends."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from django.conf import settings
from django.db import connection

from connectors import budget
from sync.leases import LeaseLost
from sync.payroll import outcomes
from tests.chaos.posting_ledgers import Ledger
from tests.sync.story import FastWorld

SLOW, PATIENT = 1.2, 0.6
"""Real seconds: a slow answer, and how long it is waited for."""


class Killed(BaseException):
    """The process is gone: nothing is settled, nothing is tidied up."""


class World(FastWorld):
    """FastWorld, in which a worker that waits keeps its leases and one that stands still does not.

    What was sent and is being answered slowly arrives before a minute is over.
    """

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        super().__init__()
        self.ahead = ahead
        self.beats: list[Callable[[], None]] = []
        self.arrives = 0.0

    def sleep(self, seconds: float) -> None:
        self._let_arrive(seconds)
        while seconds > 0:
            step = min(seconds, settings.RUN_LEASE_SECONDS / 4)
            self.ahead += timedelta(seconds=step)
            seconds -= step
            for beat in self.beats:
                with suppress(LeaseLost):
                    beat()

    def stand_still(self, seconds: float) -> None:
        """The machine was suspended: time has passed, nobody has renewed anything."""
        self._let_arrive(seconds)
        self.ahead += timedelta(seconds=seconds)

    @contextmanager
    def renewed(self, renew: Callable[[], None], name: str) -> Iterator[None]:
        """In place of the thread that renews a lease in real time."""
        self.beats.append(renew)
        try:
            yield
        finally:
            self.beats.remove(renew)

    @contextmanager
    def others_only(self) -> Iterator[None]:
        """Whoever is at work stands still, and others go on."""
        mine, self.beats = self.beats, []
        try:
            yield
        finally:
            self.beats = mine

    def wait_for_arrival(self) -> None:
        """What was sent just now arrives before the clock is moved far."""
        self.arrives = time.monotonic() + SLOW + 0.2

    def _let_arrive(self, seconds: float) -> None:
        if seconds >= 60:
            time.sleep(max(0.0, self.arrives - time.monotonic()))


@dataclass(frozen=True)
class Moment:
    """When in a worker's work: before its n-th statement, before or after a request. ``n`` counts from 1."""

    what: str
    n: int


@dataclass
class Log:
    """What was sent and what the ledger said, of all processes of a trial: one line each, kept through a kill."""

    path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def write(self, at: datetime, what: str, by: str = "", **more: Any) -> None:
        line = json.dumps({"at": at.isoformat(), "what": what, "by": by, **more}) + "\n"
        with self.path.open("a") as file:
            file.write(line)

    def read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        found = [json.loads(line) for line in self.path.read_text().splitlines()]
        return sorted(found, key=lambda line: str(line["at"]))


Act = Callable[[httpx.Request | None], None]


@dataclass
class Worker:
    """Watches one process. ``plan`` says what happens when while it is exposed; each thing happens once, and nothing
    but death within a transaction.

    A thing that happens is not hit itself: another worker that comes in between goes through. ``refused`` is how many
    posts find no connection.
    """

    world: World
    log: Log
    ledger: Ledger
    plan: dict[Moment, Act] = field(default_factory=dict)
    refused: int = 0
    impatient: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    exposed: bool = False

    @contextmanager
    def watched(self, *, alone: bool = False) -> Iterator[None]:
        """``alone``: in a process of its own, whose lease is renewed by its thread and whose clock is the system's."""
        send, absent, part = httpx.Client.send, outcomes.settle_absent, outcomes.settle_part

        def hit_send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            return self._send(lambda: send(client, request, **options), request)

        def noted_absent(*arguments: Any, now: datetime) -> None:
            self.log.write(now, "absent")
            absent(*arguments, now=now)

        def noted_part(*arguments: Any, now: datetime) -> bool:
            self.log.write(now, "absent")  # of it as a whole
            return part(*arguments, now=now)

        def ended(attempt: str, fate: str) -> None:
            self.log.write(self.world.now(), "answer", attempt, fate=fate)

        with ExitStack() as stack:
            stack.enter_context(self.ledger.watched(ended))
            stack.enter_context(connection.execute_wrapper(self._statement))
            stack.enter_context(mock.patch.object(httpx.Client, "send", hit_send))
            stack.enter_context(mock.patch.object(outcomes, "settle_absent", noted_absent))
            stack.enter_context(mock.patch.object(outcomes, "settle_part", noted_part))
            # Else what one worker was made to wait is a debt for the next, whose clock begins with the database's.
            stack.enter_context(mock.patch.object(budget, "_database_now", self.world.now))
            if self.impatient:
                stack.enter_context(mock.patch.object(self.ledger.module, "READ_TIMEOUT", PATIENT))
            if not alone:
                stack.enter_context(mock.patch("sync.payroll.posting.renewed", self.world.renewed))
            yield

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, the plan is carried out."""
        self.exposed = True
        try:
            yield
        finally:
            self.exposed = False

    def _statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._reached("statement", None)
        return execute(sql, params, many, context)

    def _send(self, go: Callable[[], httpx.Response], request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/_control/") or path.endswith("/token"):
            return go()  # ours; or asked for while the connection's token is locked
        posts = self.ledger.is_post(request.method, path)
        self._reached("request", request)
        if posts:
            self._reached("post", request)
        response = self._posted(go) if posts else go()
        if posts:
            self._reached("posted", request)
        self._reached("answer", request)
        return response

    def _posted(self, go: Callable[[], httpx.Response]) -> httpx.Response:
        attempt = self.ledger.attempt()
        number = attempt or uuid.uuid4().hex
        self.log.write(self.world.now(), "post", number)
        if self.refused:
            self.refused -= 1
            if not attempt:
                self.log.write(self.world.now(), "answer", number, fate="refused")
            raise httpx.ConnectError("connection refused")
        if self.impatient:
            self.world.wait_for_arrival()
        response = go()
        if not attempt:
            self.log.write(self.world.now(), "answer", number, fate=self.ledger.fate(response))
        return response

    def _reached(self, what: str, request: httpx.Request | None) -> None:
        if not self.exposed:
            return
        self.counts[what] = self.counts.get(what, 0) + 1
        due = [m for m in self.plan if m.what == what and m.n <= self.counts[what]]
        if due and (self.plan[due[0]] in (die, kill) or not connection.in_atomic_block):
            self._do(due[0], request)

    def _do(self, moment: Moment, request: httpx.Request | None) -> None:
        act = self.plan.pop(moment)
        self.exposed = False
        try:
            act(request)
        finally:
            self.exposed = True


def die(request: httpx.Request | None) -> None:
    """This process is gone, as far as the database and the vendor can tell."""
    raise Killed


def kill(request: httpx.Request | None) -> None:
    """This process is gone."""
    os.kill(os.getpid(), 9)
