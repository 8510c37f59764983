"""``manage.py workers``: the workers of all queues, each queue in a process of its own, kept alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config.queues import check_queues, clusters
from connectors.startup import check_keys
from sync.stopping import is_stopping, request_stop

CYCLE = 0.2
PAUSES = (1.0, 30.0)
"""Seconds before a cluster that ended is started again: the first time, doubled each time, and at most."""
STEADY = 60.0
"""A cluster that lived so many seconds starts again with the first pause."""
MARGIN = 10.0
"""Seconds a cluster may take beyond the grace of its workers."""

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Works on all queues, or on those of --queues, until it is told to stop."
    # They would load every page; what concerns workers is checked below.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queues", help="Only these, such as people,payroll.")

    def handle(self, *args: Any, **options: Any) -> None:
        known = list(clusters(settings.Q_CLUSTER))
        wanted = [name.strip() for name in options["queues"].split(",")] if options["queues"] else known
        if unknown := [name for name in wanted if name not in known]:
            raise CommandError(f"There is no queue {', '.join(unknown)}; the queues are {', '.join(known)}.")
        try:
            check_queues()
            check_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        connections.close_all()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, request_stop)
        kept = [Cluster(name) for name in dict.fromkeys(wanted)]
        while not is_stopping():
            for cluster in kept:
                cluster.keep()
            time.sleep(CYCLE)
        stop(kept)


class Cluster:
    """One queue's ``qcluster`` process, and when it may be started again."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.pause = PAUSES[0]
        self.since = time.monotonic()
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = self.since

    def keep(self) -> None:
        """Afterwards it runs, or waits for its pause to be over."""
        now = time.monotonic()
        if self.process and (code := self.process.poll()) is not None:
            self.pause = PAUSES[0] if now - self.since >= STEADY else min(2 * self.pause, PAUSES[1])
            log.error("cluster.ended", queue=self.queue, exit_code=code, again_in=self.pause)
            self.process, self.start_at = None, now + self.pause
        if self.process is None and now >= self.start_at:
            self.since = now
            self.process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster", "--supervised"],
                env={**os.environ, "Q_CLUSTER_NAME": self.queue},
            )


def stop(kept: list[Cluster]) -> None:
    """Afterwards all have ended. What a worker could not lay down in time, another takes over."""
    running = [cluster.process for cluster in kept if cluster.process]
    for process in running:
        process.send_signal(signal.SIGTERM)
    until = time.monotonic() + settings.WORKER_GRACE_SECONDS + MARGIN
    for process in running:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
