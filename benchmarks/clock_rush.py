"""Two machines, and thousands of flows that are due at one instant. See ``benchmarks.schedules``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from statistics import median

import psutil
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from benchmarks.clock_stage import Company, give_due, whole_minute
from benchmarks.timing import ROOT
from benchmarks.verdicts import Verdicts
from config.queues import clusters
from sync.models import Heartbeat, Run, Slot
from sync.queue import PAYROLL, PEOPLE
from sync.scheduling.schedules import LEAD
from tenants.scope import tenant_scope

MACHINES = 2
LATEST = 60.0
"""Seconds a run may start after its instant."""
AHEAD = timedelta(minutes=2)
"""So long before the instant its clocks are made, at least: schedules are looked at LEAD before."""
PATIENCE = timedelta(minutes=10)


def rush(verdicts: Verdicts, companies: list[Company], many: int) -> None:
    """So many clocks due at one instant are started by MACHINES machines: how late, and each exactly once."""
    with ExitStack() as stack:
        since = timezone.now()
        machines = [stack.enter_context(machine()) for _ in range(MACHINES)]
        until(lambda: Heartbeat.objects.filter(name__startswith="cluster:", at__gt=since).count() >= clusters_of_all())
        due = whole_minute(datetime.now(UTC) + AHEAD + timedelta(minutes=1))
        give_due(companies, many, due)
        assert timezone.now() < due - LEAD, "making the clocks took too long"
        until(lambda: timezone.now() >= due)
        before = [processor(tree) for tree in (*machines, database())]
        until(lambda: not on_their_way(due))
        used = [now - then for now, then in zip(map(processor, (*machines, database())), before, strict=True)]
    late = sorted(lateness(companies, due, many))
    last, p99 = late[-1], late[int(len(late) * 0.99)]
    what = f"{many:,} due at one instant, {len(companies)} companies"
    verdicts.add(what, "", f"{last:.1f} s", None, f"≤ {LATEST:.0f} s late", met=last <= LATEST)
    verdicts.note(f"latest of 99 % {p99:.1f} s, median {median(late):.1f} s, {many / last:.0f} a second")
    verdicts.note(
        f"processor: machines {sum(used[:-1]) / many * 1e3:.1f} ms, database {used[-1] / many * 1e3:.1f} ms for each"
    )


def lateness(companies: list[Company], due: datetime, many: int) -> Iterator[float]:
    """Of every run, in seconds. Each flow that was due has one, which has ended well, and nobody else has any."""
    started, kept = 0, 0
    for company in companies:
        with tenant_scope(company.id):
            runs = Run.objects.filter(trigger="schedule", created_at__gte=due)
            assert runs.values("flow").distinct().count() == runs.count()
            assert not runs.exclude(state=Run.State.SUCCEEDED, attempts=1).exists()
            kept += Slot.objects.filter(due_at=due, state=Slot.State.STARTED, run__in=runs).count()
            for run in runs:
                assert run.started_at is not None
                started += 1
                yield (run.started_at - due).total_seconds()
    assert (started, kept) == (many, many // 2), (started, kept)


def on_their_way(due: datetime) -> bool:
    """Whether a clock that was due waits to be handed out or worked on."""
    clocks = Q(name__startswith="flow:") | Q(name__startswith="timing:")
    jobs = Q(key__startswith=PEOPLE) | Q(key__startswith=PAYROLL)
    waits: bool = Schedule.objects.filter(clocks, next_run__lte=due).exists() or OrmQ.objects.filter(jobs).exists()
    return waits


def clusters_of_all() -> int:
    """How many clusters the machines have together."""
    return MACHINES * len(clusters(settings.Q_CLUSTER))


def until(holds: Callable[[], bool], *, by: datetime | None = None) -> None:
    """Returns once it holds."""
    by = by or timezone.now() + PATIENCE
    while not holds():
        assert timezone.now() < by, "it took too long"
        time.sleep(1)


def database() -> int:
    """The process that all others of the database belong to, where it runs on this machine; else ours."""
    connection.ensure_connection()
    try:
        server = psutil.Process(connection.connection.info.backend_pid).parent()
    except psutil.NoSuchProcess:
        server = None
    return server.pid if server else os.getpid()


def processor(pid: int) -> float:
    """Seconds that this process and all below it have used so far, those that ended included."""
    parent, seconds = psutil.Process(pid), 0.0
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


@contextmanager
def machine() -> Iterator[int]:
    """The workers of one machine, with runs that move nothing: the process that all belong to."""
    command = [sys.executable, "manage.py", "workers"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ.copy(), stdout=quiet, stderr=quiet, start_new_session=True
    ) as workers:
        try:
            yield workers.pid
            assert workers.poll() is None, "the workers ended"
        finally:
            os.killpg(workers.pid, signal.SIGKILL)
