"""What it costs to start so many clocks among few and among many. See ``benchmarks.schedules``."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pydoc import locate
from statistics import median

import msgspec
from django.db import connection
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.signing import SignedPackage

from benchmarks.clock_stage import Company, give_due, whole_minute
from sync import jobs
from sync.handing_out import hand_out_due
from sync.queue import PAYROLL, PEOPLE
from sync.watching.watch import watch


class Cost(msgspec.Struct, frozen=True):
    """Seconds it took, and pages the database touched for it: these do not depend on what else the machine does."""

    seconds: float
    pages: int


def costs(companies: list[Company], due: int, rounds: int) -> dict[str, Cost]:
    """The median cost of each step by which ``due`` clocks are started, and of a minute in which none is due."""
    found: dict[str, list[Cost]] = {}
    minute()  # whoever has not been looked at for a while is looked at before anything is measured
    for _ in range(rounds):
        give_due(companies, due, whole_minute(datetime.now(UTC)))
        for name, step in steps(due).items():
            found.setdefault(name, []).append(cost_of(step))
    return {
        name: Cost(median(cost.seconds for cost in each), round(median(cost.pages for cost in each)))
        for name, each in found.items()
    }


def steps(due: int) -> dict[str, Callable[[], object]]:
    """In the order in which they happen."""
    return {
        f"handing out {due:,} that are due": look,
        f"starting {due:,}": partial(work_off, due),
        "the minute's work after it": minute,
        "a minute in which nothing is due": idle,
    }


def look() -> None:
    """The look at the schedules that a cluster takes every half minute."""
    hand_out_due()


def minute() -> None:
    """What is done once a minute."""
    jobs.tick()
    jobs.tell()
    watch(timezone.now())


def idle() -> None:
    """The same when there is nothing to do."""
    look()
    minute()


def work_off(many: int) -> None:
    """So many jobs, as workers take, do and acknowledge them: half of people, half of payroll."""
    for broker in (get_broker(PEOPLE), get_broker(PAYROLL)):
        for _ in range(many // 2):
            [(row, package)] = broker.dequeue()
            job = SignedPackage.loads(package)
            do = locate(job["func"])
            assert callable(do)
            do(*job["args"], **job["kwargs"])
            broker.acknowledge(row)


def cost_of(step: Callable[[], object]) -> Cost:
    """Of one call."""
    before, started = pages(), time.perf_counter()
    step()
    seconds = time.perf_counter() - started
    return Cost(seconds, pages() - before)


def pages() -> int:
    """Pages of this database that were asked for so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
