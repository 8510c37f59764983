"""``kill -9`` at random moments of a first load: everybody exists once, equals the source, and the proof holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from audit.verify import verify
from sync.models import Flow, Link, Run, RunItem
from sync.runs import AlreadyRunning, request_run
from tests.conftest import ROOT, database_environment
from tests.sync.story import Story, tell

pytestmark = pytest.mark.chaos

KILLS = int(os.environ.get("CHAOS_KILLS", "8"))
WORKERS = int(os.environ.get("CHAOS_WORKERS", "300"))
LEASE = 1


def spawn(story: Story, run: Run) -> subprocess.Popen[str]:
    """A worker process on this run; it has its applications loaded and is about to claim."""
    environment = database_environment() | {"RUN_LEASE_SECONDS": str(LEASE), "SECOND_LOOK_SECONDS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.worker", str(story.tenant.id), str(run.pk)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def wanted_run(story: Story) -> Run:
    """The run in progress, or a new one."""
    with story.scope():
        flow = Flow.objects.get(pk=story.flows["people"].pk)
        try:
            return request_run(flow, Run.Kind.FULL, now=story.world.now())
        except AlreadyRunning:
            return Run.objects.get(flow=flow, state__in=Run.ACTIVE)


@pytest.mark.timeout(3600)
def test_a_worker_killed_again_and_again_loses_and_doubles_nobody(sandbox: dict[str, str]) -> None:
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "20260101")))
    story = tell(sandbox, size=WORKERS, rippling={"seed": 7})
    story.map_everything()
    # Slow enough that the kills hit the load in the middle, with requests in flight.
    story.plex.fault("slow", method="POST", path="/mdm/v1/employees/?", times=None, seconds=0.1)
    killed_at_work = 0
    for _ in range(KILLS):
        run = wanted_run(story)
        process = spawn(story, run)
        try:
            process.wait(timeout=chance.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            killed_at_work += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(LEASE)  # the dead worker's lease must run out before another may take over
    story.plex.heal()

    done = finish(story)

    assert killed_at_work >= KILLS // 2
    assert done.state == Run.State.SUCCEEDED, done.message
    assert_equal(story)
    with story.scope():
        assert Run.objects.filter(state__in=Run.ACTIVE).count() == 0
        assert RunItem.objects.filter(state=RunItem.State.SENDING).exclude(run__state__in=Run.ACTIVE).count() == 0
        assert verify(story.tenant.id).ok


def finish(story: Story) -> Run:
    """Let workers work unharmed until a run has found everything as it should be."""
    for _ in range(6):
        run = wanted_run(story)
        process = spawn(story, run)
        assert process.wait(timeout=600) == 0
        with story.scope():
            run.refresh_from_db()
        if run.state == Run.State.SUCCEEDED:
            return run
        time.sleep(LEASE)
    return run


def assert_equal(story: Story) -> None:
    """Each worker exists in Plex exactly once and equals its source."""
    snapshot = story.plex.snapshot()
    assert snapshot["duplicates"] == {}
    employees, workers = story.employees(), story.workers()
    assert set(employees) == set(workers) | {"900001", "900002"}
    by_id = {e["id"]: e["badgeNumber"] for e in employees.values()}
    numbers = {w["id"]: str(w["number"]) for w in workers.values()}
    for number, worker in workers.items():
        employee = employees[number]
        assert (employee["department"], employee["position"], employee["lastName"], employee["active"]) == (
            worker["department"],
            worker["title"],
            worker["family_name"],
            True,
        )
        assert by_id.get(employee["supervisorId"]) == numbers.get(worker["manager_id"])
    with story.scope():
        assert Link.objects.count() == len(workers)


def test_five_percent_of_the_answers_lost_end_in_the_same_state(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=WORKERS, rippling={"seed": 8})
    story.map_everything()
    story.plex.fault("cut_after", method="POST", path="/mdm/v1/.*", times=None, probability=0.05)

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    story.plex.heal()
    assert_equal(story)
    assert story.plex.snapshot()["writes"]["creates"] == WORKERS
