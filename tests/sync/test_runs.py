"""The life of a run: one at a time, taken over from the dead, ended once, cancelled, swept up, started by schedule."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction
from django_q.models import OrmQ

from sync.configuring import Paused, pause_flow, resume_flow, start
from sync.execution import execute_run
from sync.models import Flow, Run
from sync.runs import (
    AlreadyRunning,
    Cancelled,
    LeaseLost,
    be_sure,
    claim,
    end,
    hold_lease,
    request_cancel,
    request_run,
    stop_if_asked,
)
from sync.sweeping import sweep
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.story import Story, tell


@pytest.fixture
def story(sandbox: dict[str, str]) -> Story:
    return tell(sandbox, size=3)


def flow_of(story: Story) -> Flow:
    return Flow.objects.get(pk=story.flows["people"].pk)


def test_of_twenty_that_ask_at_once_one_runs(story: Story) -> None:
    def ask(_: int) -> int | None:
        try:
            with story.scope():
                return request_run(flow_of(story), Run.Kind.FULL, now=story.world.now()).pk
        except AlreadyRunning:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        started = [run for run in pool.map(ask, range(20)) if run]

    assert len(started) == 1


def test_of_ten_workers_that_get_the_same_job_one_works_on_it(story: Story) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())

    def work(_: int) -> bool:
        try:
            with story.scope():
                return claim(run.pk, now=story.world.now()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(work, range(10))) == 1


def test_a_dead_workers_run_is_taken_over_and_the_dead_one_can_settle_nothing(
    story: Story, settings: LazySettings
) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        first = claim(run.pk, now=story.world.now())
        assert first is not None
        assert claim(run.pk, now=story.world.now()) is None
        story.world.sleep(settings.RUN_LEASE_SECONDS + 1)
        second = claim(run.pk, now=story.world.now())
        assert second is not None

        with pytest.raises(LeaseLost):
            hold_lease(first, now=story.world.now())
        with pytest.raises(LeaseLost):
            end(first, Run.State.SUCCEEDED, "", now=story.world.now())
        hold_lease(second, now=story.world.now())


def test_a_run_whose_worker_dies_again_and_again_is_failed(story: Story, settings: LazySettings) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        for _ in range(3):
            assert claim(run.pk, now=story.world.now()) is not None
            story.world.sleep(settings.RUN_LEASE_SECONDS + 1)
        assert claim(run.pk, now=story.world.now()) is None
        run.refresh_from_db()

    assert run.state == Run.State.FAILED
    assert "needs a person" in run.message


def test_a_run_that_has_ended_stays_as_it_is(story: Story) -> None:
    story.map_everything()
    run = story.run()

    with story.scope():
        assert execute_run(run.pk, story.world) is None
        assert request_cancel(run, now=story.world.now()).state == Run.State.SUCCEEDED
        with pytest.raises(DatabaseError, match="has ended"), transaction.atomic():
            Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED)


def test_cancelling_ends_what_waits_and_stops_what_works(story: Story, settings: LazySettings) -> None:
    with story.scope():
        waiting = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        assert request_cancel(waiting, now=story.world.now()).pk == waiting.pk
        waiting.refresh_from_db()
        assert waiting.state == Run.State.CANCELLED

        working = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        claimed = claim(working.pk, now=story.world.now())
        assert claimed is not None
        request_cancel(working, now=story.world.now())
        with pytest.raises(Cancelled):
            stop_if_asked(claimed)
        end(claimed, Run.State.CANCELLED, "", now=story.world.now())

        orphan = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        claim(orphan.pk, now=story.world.now())
        story.world.sleep(settings.RUN_LEASE_SECONDS + 1)
        request_cancel(orphan, now=story.world.now())
        orphan.refresh_from_db()
        assert orphan.state == Run.State.CANCELLED


def test_the_sweeper_hands_a_dead_workers_run_to_another(story: Story, settings: LazySettings) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        claim(run.pk, now=story.world.now())
        assert sweep(now=story.world.now()) == []
        story.world.sleep(settings.RUN_LEASE_SECONDS + 1)
        jobs = OrmQ.objects.count()
        assert [found.pk for found in sweep(now=story.world.now())] == [run.pk]
        assert OrmQ.objects.count() == jobs + 1


def test_a_paused_flow_cannot_be_started_by_hand(story: Story) -> None:
    with story.scope():
        flow = flow_of(story)
        pause_flow(flow, "Year-end close", now=story.world.now())
        with pytest.raises(Paused, match="Year-end close"):
            start(flow, Run.Kind.FULL, now=story.world.now())
        resume_flow(flow, now=story.world.now())
        assert start(flow, Run.Kind.FULL, now=story.world.now()).pk


def test_a_job_names_ids_and_nothing_else(story: Story) -> None:
    with story.scope():
        run = start(flow_of(story), Run.Kind.FULL, now=story.world.now())
        job = OrmQ.objects.order_by("-pk")[0]

    assert job.task["args"] == (str(story.tenant.id), run.pk)


def test_olga_can_neither_claim_nor_cancel_nor_sweep_acmes_run(story: Story, settings: LazySettings) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
    olga = make_tenant("Other Corp")
    with tenant_scope(olga.id):
        assert claim(run.pk, now=story.world.now()) is None
        assert sweep(now=story.world.now() + timedelta(days=1)) == []
        with pytest.raises(Run.DoesNotExist):
            request_cancel(run, now=story.world.now())


def test_a_worker_that_slept_too_long_sends_nothing(
    story: Story, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.scope():
        run = request_run(flow_of(story), Run.Kind.FULL, now=story.world.now())
        claimed = claim(run.pk, now=story.world.now())
        assert claimed is not None
        be_sure(claimed)
        slept = time.monotonic() + settings.RUN_LEASE_SECONDS * 0.8
        monkeypatch.setattr(time, "monotonic", lambda: slept)
        with pytest.raises(LeaseLost):
            be_sure(claimed)
