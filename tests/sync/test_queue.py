"""Real workers on real queues: whatever is killed, delivered twice or asked for at once, the work is done once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from audit.context import acting_as
from sync import jobs
from sync.broker import GIVEN_UP
from sync.models import Flow, Run
from sync.people_run import PAGE
from sync.queue import PAYROLL, PEOPLE, WEBHOOKS, enqueue_run, queue_of_run
from sync.runs import AlreadyRunning, request_run
from tests.cast import make_tenant
from tests.processes import Processes, cluster, running, until
from tests.sync.story import Story, tell

SIZE = 30


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nothing is left of other tests for the workers to do."""
    OrmQ.objects.all().delete()
    yield
    OrmQ.objects.all().delete()


def slow_story(sandbox: dict[str, str], seconds: float, size: int = SIZE) -> Story:
    """A first load that has to wait so long for each of its writes."""
    story = tell(sandbox, size=size)
    story.map_everything()
    story.plex.fault("slow", method="POST", path="/mdm/v1/employees/?", times=None, seconds=seconds)
    OrmQ.objects.all().delete()
    return story


def asked(story: Story, **options: Any) -> Run:
    """A full run of the people flow that a worker is to execute."""
    with story.scope(), acting_as("user", "pat"), transaction.atomic():
        run = request_run(story.flows["people"], Run.Kind.FULL, now=story.world.now())
        if options:
            async_task(
                "sync.jobs.execute", str(story.tenant.id), run.pk, cluster=f"people:{story.tenant.id}", **options
            )
        else:
            enqueue_run(run)
    return run


def now(story: Story, run: Run) -> Run:
    with story.scope():
        return Run.objects.get(pk=run.pk)


def writing(story: Story, run: Run) -> bool:
    """True once the run is in the middle of its writes."""
    return bool(story.plex.snapshot()["writes"].get("creates")) and now(story, run).state in Run.ACTIVE


def ended(story: Story, run: Run, by: Processes, patience: float = 90) -> Run:
    """The run as it ended, by the work of these processes."""
    until(lambda: now(story, run).state not in Run.ACTIVE, f"run #{run.pk} ends", by, patience=patience)
    return now(story, run)


def assert_loaded_once(story: Story, size: int = SIZE) -> None:
    """Everybody of the source exists in Plex, once, by one request each."""
    snapshot = story.plex.snapshot()
    assert snapshot["duplicates"] == {}
    assert set(story.employees()) == set(story.workers()) | {"900001", "900002"}
    assert snapshot["writes"]["creates"] == size


def test_a_job_longer_than_retry_on_two_clusters_loads_everybody_once(sandbox: dict[str, str]) -> None:
    story = slow_story(sandbox, 1.5)
    short = {"WORKER_TASK_TIMEOUT": "1", "WORKER_RETRY": "2", "WORKER_PROCESSES": "1"}
    run = asked(story, timeout=300)
    with cluster("people", **short) as first, cluster("people", **short) as second:
        done = ended(story, run, first)
        delivered = until(
            lambda: first.said("job.ended", "sync.jobs.execute") and second.said("job.ended", "sync.jobs.execute"),
            "both clusters had the job",
            first,
            second,
        )

    assert delivered
    assert (done.state, done.attempts) == (Run.State.SUCCEEDED, 1), done.message
    assert_loaded_once(story)


def test_twenty_who_ask_at_once_get_one_run_and_nineteen_answers(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=1)
    start = threading.Barrier(20)
    started: list[int] = []
    answers: list[str] = []

    def ask() -> None:
        start.wait()
        try:
            started.append(asked(story).pk)
        except AlreadyRunning as refused:
            answers.append(str(refused))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [pk] = started
    assert answers == [f"Skipped: a run of this flow is already in progress (#{pk})."] * 19
    assert [task.args() for task in OrmQ.objects.all()] == [(str(story.tenant.id), pk)]
    with story.scope():
        assert Run.objects.filter(flow=story.flows["people"]).count() == 1


def test_a_killed_workers_run_goes_on_and_others_are_served_meanwhile(sandbox: dict[str, str]) -> None:
    lease = 4
    acme, other = slow_story(sandbox, 1.0), tell(sandbox, size=1)
    run = asked(acme)
    with cluster("people", WORKER_PROCESSES="1", RUN_LEASE_SECONDS=str(lease), SECOND_LOOK_SECONDS="1") as workers:
        until(lambda: writing(acme, run), "the load has begun", workers)
        [worker] = workers.children()
        worker.kill()
        killed_at = time.monotonic()
        theirs = asked(other)

        served = ended(other, theirs, workers)
        assert served.finished_at is not None
        done = ended(acme, run, workers, patience=lease + 30)

    assert done.finished_at is not None
    assert served.finished_at < done.finished_at
    assert time.monotonic() - killed_at < lease + 30
    assert (done.attempts, done.state) == (2, Run.State.SUCCEEDED), done.message
    assert_loaded_once(acme)


def test_a_job_that_kills_every_worker_is_given_up_and_others_are_served(sandbox: dict[str, str]) -> None:
    deadly, other = make_tenant("Acme"), make_tenant("Other")
    task = async_task("os._exit", 9, cluster=f"people:{deadly.id}")
    with cluster("people", WORKER_PROCESSES="1", RUN_LEASE_SECONDS="1") as workers:
        until(lambda: workers.said("worker.died"), "the first worker died", workers)
        async_task("math.no_such_function", str(other.id), cluster=f"people:{other.id}")
        until(lambda: Task.objects.filter(id=task).exists(), "the job is given up", workers)

        assert len(workers.said("worker.died", '"exit_code": 9')) == 3
        assert workers.said("job.given_up", "os._exit")
        until(lambda: workers.said("job.failed", "math.no_such_function"), "the others were served", workers)

    assert not OrmQ.objects.exists()
    assert Task.objects.get(id=task).result == GIVEN_UP


def test_a_cluster_that_is_told_to_stop_hands_its_run_to_another_at_once(sandbox: dict[str, str]) -> None:
    size = 3 * PAGE  # a run is laid down between two pages
    story = slow_story(sandbox, 0.1, size)
    run = asked(story)
    # Nobody can wait for this lease to run out.
    with cluster("people", WORKER_PROCESSES="1", RUN_LEASE_SECONDS="600") as first:
        until(lambda: writing(story, run), "the load has begun", first)
        assert first.stop() == 0
        assert first.said("run.given_back")
    left = now(story, run)
    with cluster("people", WORKER_PROCESSES="1", RUN_LEASE_SECONDS="600") as second:
        done = ended(story, run, second)

    assert left.state in Run.ACTIVE
    assert (done.attempts, done.state) == (1, Run.State.SUCCEEDED), done.message
    assert_loaded_once(story, size)


def test_an_idle_worker_that_is_killed_is_replaced_and_the_queue_goes_on(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=1)
    with cluster("people") as workers:
        workers.started()
        for worker in workers.children():
            worker.kill()
        until(lambda: len(workers.said("worker.died")) == 2, "both deaths are noticed", workers)
        done = ended(story, asked(story), workers)

        orphans = workers.children()
        os.kill(workers.process.pid, signal.SIGKILL)
        workers.process.wait()
        until(lambda: not any(child.is_running() for child in orphans), "workers without a guard end", workers)

    assert done.state in (Run.State.SUCCEEDED, Run.State.PARTLY_FAILED), done.message


def test_several_queues_are_kept_alive_by_one_command(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=1)
    OrmQ.objects.all().delete()
    with running("workers", "--queues", "people,payroll", WORKER_PROCESSES="1") as workers:
        workers.started(2)
        [people] = [guard for guard in workers.children() if guard.environ()["Q_CLUSTER_NAME"] == "people"]
        people.kill()
        until(lambda: workers.said("cluster.ended", "people"), "the death is noticed", workers)
        workers.started(3)
        done = ended(story, asked(story), workers)
        everybody = [child for guard in workers.children() for child in (guard, *guard.children())]

        assert workers.stop() == 0
        assert not any(process.is_running() for process in everybody)

    assert done.state in (Run.State.SUCCEEDED, Run.State.PARTLY_FAILED), done.message


def test_one_companys_job_does_nothing_to_anothers_run(sandbox: dict[str, str]) -> None:
    story, other = tell(sandbox, size=1), make_tenant("Other")
    run = asked(story)

    jobs.execute(str(other.id), run.pk)

    found = now(story, run)
    assert (found.state, found.attempts, found.lease_owner) == (Run.State.SCHEDULED, 0, "")


@pytest.mark.parametrize(
    ("kind", "trigger", "queue"),
    [
        (Flow.Kind.PEOPLE, "person", PEOPLE),
        (Flow.Kind.REFERENCE, "schedule", PEOPLE),
        (Flow.Kind.PAYROLL, "person", PAYROLL),
        (Flow.Kind.PEOPLE, "webhook", WEBHOOKS),
        (Flow.Kind.PEOPLE, "feed", WEBHOOKS),
    ],
)
def test_what_is_announced_people_and_payroll_do_not_wait_for_each_other(
    sandbox: dict[str, str], kind: str, trigger: str, queue: str
) -> None:
    story = tell(sandbox, size=1)
    with story.scope():
        run = request_run(story.flows[kind], Run.Kind.FULL, now=story.world.now(), trigger=trigger)
        enqueue_run(run)

    assert queue_of_run(run) == queue
    assert OrmQ.objects.latest("pk").key == f"{queue}:{story.tenant.id}"
