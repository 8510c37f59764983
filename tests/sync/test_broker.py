"""Who is next: no company waits for another's jobs, nothing starts too early, nothing is handed out for ever."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from sync.broker import GIVEN_UP, FairBroker


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing else waits, and nobody waits for something to come."""
    OrmQ.objects.all().delete()
    monkeypatch.setattr(Conf, "POLL", 0)
    yield
    OrmQ.objects.all().delete()


def ask(queue: str, tenant: uuid.UUID | None = None, number: int = 0, **more: Any) -> str:
    """A job of this tenant in this queue; its task id."""
    key = f"{queue}:{tenant}" if tenant else queue
    task: str = async_task("math.floor", number, cluster=key, **more)
    return task


def taken(broker: FairBroker) -> tuple[str, int]:
    """The next job's key and number."""
    [(job, payload)] = broker.dequeue() or [(0, "")]
    return OrmQ.objects.get(pk=job).key, SignedPackage.loads(payload)["args"][0]


def test_one_job_is_next_but_one_whoever_has_queued_thousands() -> None:
    greedy, modest = uuid.uuid4(), uuid.uuid4()
    broker = FairBroker("people")
    package = SignedPackage.dumps({"id": "1", "name": "", "func": "math.floor", "args": (1,), "kwargs": {}})
    now = timezone.now()
    OrmQ.objects.bulk_create([OrmQ(key=f"people:{greedy}", payload=package, lock=now)] * 2000)
    ask("people", modest)

    first_two = {taken(broker)[0].split(":")[1] for _ in range(2)}

    assert str(modest) in first_two


def test_whoever_has_the_fewest_jobs_in_hand_is_next() -> None:
    tenants = [uuid.uuid4() for _ in range(5)]
    for tenant in tenants:
        for number in range(3):
            ask("people", tenant, number)
    broker = FairBroker("people")

    rounds = [[taken(broker) for _ in tenants] for _ in range(3)]

    for number, served in enumerate(rounds):
        # Each company once a round, each with its oldest.
        assert sorted(served) == sorted((f"people:{tenant}:1", number) for tenant in tenants)
    assert broker.dequeue() is None


def test_a_lot_decides_between_equals() -> None:
    tenants = [uuid.uuid4() for _ in range(30)]
    orders = set()
    for _ in range(3):
        for tenant in tenants:
            ask("people", tenant)
        orders.add(tuple(taken(FairBroker("people"))[0] for _ in tenants))
        OrmQ.objects.all().delete()

    assert len(orders) == 3


def test_a_queue_gets_its_own_jobs_only_with_and_without_a_tenant() -> None:
    tenant = uuid.uuid4()
    for queue, number in (("people", 1), ("payroll", 2), ("mlc", 3), ("webhooks", 4)):
        ask(queue, tenant, number)
        ask(queue, None, number)

    for queue, number in (("people", 1), ("payroll", 2), ("mlc", 3), ("webhooks", 4)):
        broker = FairBroker(queue)
        assert broker.queue_size() == 2
        assert {taken(broker), taken(broker)} == {(f"{queue}:{tenant}:1", number), (f"{queue}::1", number)}
        assert broker.dequeue() is None
        assert (broker.queue_size(), broker.lock_size()) == (0, 2)


def test_a_job_is_not_handed_out_before_it_is_due() -> None:
    tenant = uuid.uuid4()
    due = timezone.now() + timedelta(minutes=1)
    ask("people", tenant, 7, due=due.isoformat())
    broker = FairBroker("people")

    assert broker.dequeue() is None
    with time_machine.travel(due + timedelta(minutes=5)):
        assert broker.dequeue() is None, "a machine's clock decides nothing"
    assert OrmQ.objects.get().lock == due
    OrmQ.objects.update(lock=Now())
    assert taken(broker) == (f"people:{tenant}:1", 7)


def test_jobs_that_are_not_due_do_not_count_as_work_in_hand() -> None:
    planner, other = uuid.uuid4(), uuid.uuid4()
    for _ in range(50):
        ask("people", planner, due=(timezone.now() + timedelta(minutes=1)).isoformat())
    ask("people", planner)
    ask("people", other)
    broker = FairBroker("people")
    ask("people", other)

    # With the planner's fifty counted, the other's second job would come first.
    served = [taken(broker)[0].split(":")[1] for _ in range(2)]
    assert sorted(served) == sorted([str(planner), str(other)])


def test_a_job_rolled_back_was_never_asked_for() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ask("people", uuid.uuid4())
        raise ZeroDivisionError
    assert FairBroker("people").dequeue() is None


def test_a_job_is_handed_to_one_of_many_that_reach_for_it() -> None:
    asked = [ask("people", uuid.uuid4(), number) for number in range(40)]
    start = threading.Barrier(8)
    got: list[int] = []

    def work() -> None:
        broker, misses = FairBroker("people"), 0
        start.wait()
        # Who loses a race finds nothing although others wait; so nobody gives up at the first miss.
        while misses < 50:
            job = broker.dequeue()
            got.extend(SignedPackage.loads(payload)["args"][0] for _, payload in job or [])
            misses += not job
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == list(range(len(asked)))


def test_a_job_that_kills_its_worker_every_time_is_given_up_and_says_so() -> None:
    tenant = uuid.uuid4()
    task = ask("people", tenant, 5)
    broker = FairBroker("people")

    for delivery in (1, 2, 3):
        [(job, _)] = broker.dequeue() or []
        assert OrmQ.objects.get().key == f"people:{tenant}:{delivery}"
        broker.release(job, after=timedelta(0))
    assert broker.dequeue() is None

    assert not OrmQ.objects.exists()
    failed = Task.objects.get(id=task)
    assert (failed.success, failed.result, failed.func, failed.args) == (False, GIVEN_UP, "math.floor", (5,))


def test_what_an_expired_worker_left_comes_again_and_counts() -> None:
    tenant = uuid.uuid4()
    ask("people", tenant, 5)
    broker = FairBroker("people")
    taken(broker)
    assert broker.dequeue() is None

    OrmQ.objects.update(lock=F("lock") - timedelta(seconds=Conf.RETRY - 1))
    assert broker.dequeue() is None
    OrmQ.objects.update(lock=F("lock") - timedelta(seconds=2))
    assert taken(broker) == (f"people:{tenant}:2", 5)


def test_taking_a_job_looks_into_the_index_and_not_at_every_row() -> None:
    tenants = [uuid.uuid4() for _ in range(100)]
    package, now = "x", timezone.now()
    OrmQ.objects.bulk_create(
        [OrmQ(key=f"people:{tenants[number % 100]}", payload=package, lock=now) for number in range(10_000)]
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'django_q_ormq'")
        before = cursor.fetchone()[0]
        broker = FairBroker("people")
        for _ in range(20):
            assert broker.dequeue()
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'django_q_ormq'")
        assert cursor.fetchone()[0] == before
