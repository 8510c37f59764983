"""Machines whose clocks are minutes apart neither take from each other what is alive, nor leave what is dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import httpx
import pytest
from django.conf import settings
from django.db.models import F
from django.db.models.expressions import CombinedExpression
from django.utils import timezone

from sync import clock
from sync.clock import DatabaseClock, database_now
from sync.execution import SystemWorld, advance_postings
from sync.models import PayRun, Posting, Run
from sync.payroll import claims
from sync.runs import claim, hold_lease, request_run
from sync.sweeping import sweep, sweep_postings
from tests.sync.payroll.payday import ready
from tests.sync.story import tell

APART = pytest.mark.parametrize(("mine", "others"), [(5, 0), (-5, 0), (0, 5), (0, -5)])
LEDGER = "/accounting/v2/journal-entries"


@contextmanager
def machine(minutes: int) -> Iterator[SystemWorld]:
    """Inside, this is a machine whose clock is so far ahead of the database's."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    with mock.patch.object(timezone, "now", now):
        yield SystemWorld()


def lease_ago() -> CombinedExpression:
    """What a worker that died a lease ago noted last."""
    return F("heartbeat_at") - timedelta(seconds=settings.RUN_LEASE_SECONDS + 1)


@APART
def test_a_living_run_stays_with_its_worker_and_a_dead_one_is_taken_over(
    sandbox: dict[str, str], mine: int, others: int
) -> None:
    story = tell(sandbox, size=3)
    with story.scope():
        with machine(mine) as world:
            run = request_run(story.flows["people"], Run.Kind.FULL, now=world.now())
            first = claim(run.pk, now=world.now())
            assert first is not None
            hold_lease(first, now=world.now())
        with machine(others) as world:
            assert claim(run.pk, now=world.now()) is None
            assert sweep(now=world.now()) == []

        Run.objects.filter(pk=run.pk).update(heartbeat_at=lease_ago())
        with machine(others) as world:
            assert [found.pk for found in sweep(now=world.now())] == [run.pk]
            assert claim(run.pk, now=world.now()) is not None


@APART
def test_a_journal_on_its_way_stays_with_its_worker(sandbox: dict[str, str], mine: int, others: int) -> None:
    """While Plex takes its time, another machine does its minute's work."""
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    send, visits = httpx.Client.send, list[list[PayRun]]()

    def visited(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        if request.method == "POST" and request.url.path == LEDGER and not visits:
            with machine(others) as world:
                visits.append(sweep_postings(now=world.now()))
                advance_postings(pay_run.pk, world)
        return send(client, request, **options)  # type: ignore[arg-type]

    with payday.scope(), machine(mine) as world, mock.patch.object(httpx.Client, "send", visited):
        Posting.objects.update(next_try_at=database_now())
        advance_postings(pay_run.pk, world)

    assert visits == [[]]
    assert {posting.state for posting in payday.postings()} == {Posting.State.RECONCILED}
    assert len(payday.ours()) == len(payday.postings())


@APART
def test_a_dead_workers_journal_is_taken_over(sandbox: dict[str, str], mine: int, others: int) -> None:
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    [posting] = payday.postings()
    with payday.scope():
        Posting.objects.update(next_try_at=database_now())
        with machine(mine) as world:
            assert claims.claim(posting.pk, now=world.now()) is not None
        with machine(others) as world:
            assert claims.claim(posting.pk, now=world.now()) is None
        Posting.objects.update(heartbeat_at=lease_ago())
        with machine(others) as world:
            assert [found.pk for found in sweep_postings(now=world.now())] == [pay_run.pk]
            advance_postings(pay_run.pk, world)

    assert len(payday.ours()) == 1


def test_the_clock_is_read_again_once_the_machines_own_was_set_or_stood_still() -> None:
    reading = DatabaseClock()
    with mock.patch.object(clock, "database_now", wraps=database_now) as asked:
        for minutes in (0, 0, 5, 5, -5):
            with machine(minutes):
                assert abs(reading.now() - datetime.now(UTC)) < timedelta(seconds=1)
    assert asked.call_count == 3
