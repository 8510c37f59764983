"""Jobs in a real Redis: handed over after the commit only, not before they are due, and no run is lost with it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import time_machine
from django.db import transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from sync import redis_broker
from sync.models import Run
from sync.queue import enqueue_run
from sync.redis_broker import RedisBroker
from sync.runs import request_run
from sync.sweeping import sweep
from tests.processes import Processes, cluster, until
from tests.sync.story import Story, tell

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed (apt-get install redis-server)")


class Server:
    """A redis-server of our own that keeps nothing when it ends."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self.address = f"unix://{self.socket}"
        self.start()

    def start(self) -> None:
        assert SERVER is not None
        settings = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([SERVER, *settings], stdout=subprocess.DEVNULL, cwd=self.socket.parent)
        until(self.answers, "redis answers")

    def answers(self) -> bool:
        try:
            with redis.from_url(self.address) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Redis, and this process set up to put jobs there."""
    with tempfile.TemporaryDirectory(prefix="mlc-redis-") as directory:
        server = Server(Path(directory))
        monkeypatch.setattr(Conf, "BROKER_CLASS", "sync.redis_broker.RedisBroker")
        monkeypatch.setattr(Conf, "REDIS", server.address)
        redis_broker._connection.cache_clear()
        yield server
        redis_broker._connection().close()
        redis_broker._connection.cache_clear()
        server.kill()


def asked(story: Story) -> Run:
    with story.scope(), transaction.atomic():
        run = request_run(story.flows["people"], Run.Kind.FULL, now=story.world.now())
        enqueue_run(run)
    return run


def now(story: Story, run: Run) -> Run:
    with story.scope():
        return Run.objects.get(pk=run.pk)


def ended(story: Story, run: Run, by: Processes) -> Run:
    until(lambda: now(story, run).state not in Run.ACTIVE, f"run #{run.pk} ends", by)
    return now(story, run)


def numbers(broker: RedisBroker) -> list[int]:
    """The arguments of all jobs that can be had now, in order."""
    found = []
    while taken := broker.dequeue():
        found += [SignedPackage.loads(package)["args"][0] for _, package in taken]
    return found


def test_what_was_rolled_back_is_never_worked_on_and_what_was_committed_is(
    sandbox: dict[str, str], server: Server
) -> None:
    story = tell(sandbox, size=1)
    rows = OrmQ.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        never = asked(story)
        raise ZeroDivisionError
    assert RedisBroker("people").queue_size() == 0
    run = asked(story)

    with cluster("people", BROKER=server.address) as workers:
        done = ended(story, run, workers)

        worked = until(lambda: workers.said("job.ended", "sync.jobs.execute"), "the job ends after its run", workers)
        assert len(worked) == 1
    assert done.attempts == 1
    assert OrmQ.objects.count() == rows
    with story.scope():
        assert not Run.objects.filter(pk=never.pk).exists()


def test_a_redis_that_was_lost_with_every_job_loses_no_run(sandbox: dict[str, str], server: Server) -> None:
    stories = [tell(sandbox, size=1), tell(sandbox, size=1)]
    runs = [asked(story) for story in stories]
    assert RedisBroker("people").queue_size() == 2
    server.kill()

    # Nobody's request fails because it is down, either.
    late = tell(sandbox, size=1)
    stories, runs = [*stories, late], [*runs, asked(late)]
    server.start()
    assert RedisBroker("people").queue_size() == 0

    for story in stories:
        with story.scope():
            sweep(now=timezone.now() + timedelta(minutes=10))
    with cluster("people", BROKER=server.address) as workers:
        done = [ended(story, run, workers) for story, run in zip(stories, runs, strict=True)]

    assert [run.attempts for run in done] == [1, 1, 1]


def test_a_cluster_outlives_its_redis(sandbox: dict[str, str], server: Server) -> None:
    story = tell(sandbox, size=1)
    with cluster("people", BROKER=server.address) as workers:
        workers.started()
        server.kill()
        until(lambda: workers.said("queue.unreachable"), "they notice", workers)
        server.start()
        done = ended(story, asked(story), workers)

        assert not workers.said("worker.died")
    assert done.attempts == 1


def test_a_job_is_not_handed_out_before_it_is_due_and_once(server: Server) -> None:
    due = timezone.now() + timedelta(minutes=1)
    async_task("math.floor", 1, cluster="people:someone", due=due.isoformat())
    async_task("math.floor", 2, cluster="people:someone")
    async_task("math.floor", 3, cluster="payroll:someone")
    broker = RedisBroker("people")

    assert numbers(broker) == [2]
    with time_machine.travel(due + timedelta(seconds=1)):
        assert numbers(broker) == [1]
        assert numbers(broker) == []
    assert numbers(RedisBroker("payroll")) == [3]
