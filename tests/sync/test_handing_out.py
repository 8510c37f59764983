"""Schedules become jobs: nobody waits for rows that somebody else holds, and one that is broken keeps back no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from sync import cluster, handing_out
from sync.broker import FairBroker
from sync.handing_out import hand_out_due
from sync.sweeping import forget_failures


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nobody else's schedule is due."""
    kept = list(Schedule.objects.all())
    Schedule.objects.all().delete()
    OrmQ.objects.all().delete()
    yield
    Schedule.objects.all().delete()
    OrmQ.objects.all().delete()
    Schedule.objects.bulk_create(kept)


def due(name: str, **values: object) -> Schedule:
    past = timezone.now() - timedelta(minutes=10)
    settled = {"func": "math.floor", "args": "(7,)", "schedule_type": Schedule.ONCE, "next_run": past, **values}
    return Schedule.objects.create(name=name, **settled)


def handed_out() -> list[str]:
    return sorted(job.task["group"] for job in OrmQ.objects.all())


@contextmanager
def held(schedule: Schedule) -> Iterator[None]:
    """Somebody, an import of a calendar perhaps, holds the row."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Schedule.objects.select_for_update().filter(pk=schedule.pk))
            taken.set()
            done.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_row_that_somebody_holds_keeps_nobody_waiting() -> None:
    first = due("held")
    due("free")
    with held(first):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        try:
            assert hand_out_due() == 1
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")
        assert handed_out() == ["free"]
    assert hand_out_due() == 1
    assert handed_out() == ["free", "held"]
    assert not Schedule.objects.exists()


def test_a_row_that_cannot_be_handed_out_keeps_back_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_out, "BATCH", 2)
    for name in ("broken 1", "broken 2", "broken 3"):
        due(name, args="(7", next_run=timezone.now() - timedelta(days=1))
    for name in ("sound 1", "sound 2", "sound 3"):
        due(name)
    assert hand_out_due() == 3
    assert handed_out() == ["sound 1", "sound 2", "sound 3"]
    assert Schedule.objects.count() == 3


def test_what_comes_every_minute_was_missed_for_long_and_is_handed_out_once() -> None:
    every = due("every minute", schedule_type=Schedule.MINUTES, minutes=1)
    assert (hand_out_due(), hand_out_due()) == (1, 0)
    every.refresh_from_db()
    assert timezone.now() < every.next_run <= timezone.now() + timedelta(minutes=1)


def test_a_dead_workers_job_comes_again_although_the_database_went_away_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = FairBroker("mlc")
    due("lost")
    hand_out_due()
    [(row, _)] = broker.dequeue() or []
    in_hand = OrmQ.objects.get(pk=row).lock
    release, answers = broker.release, iter([OperationalError("server closed the connection unexpectedly")])

    def sometimes(job: int, *, after: timedelta) -> None:
        if (lost := next(answers, None)) is not None:
            raise lost
        release(job, after=after)

    monkeypatch.setattr(broker, "release", sometimes)
    left = {row}
    cluster._release(left, broker)
    assert OrmQ.objects.get(pk=row).lock == in_hand
    cluster._release(left, broker)
    assert OrmQ.objects.get(pk=row).lock < in_hand
    assert left == set()


def test_failures_are_forgotten_after_thirty_days() -> None:
    now = timezone.now()
    for days in (29, 31):
        at = now - timedelta(days=days)
        Task.objects.create(id=f"failed {days}", name="", func="math.floor", started=at, stopped=at, success=False)
    forget_failures(now=now)
    kept = Task.objects.filter(id__startswith="failed ")
    assert [task.id for task in kept] == ["failed 29"]
    kept.delete()
