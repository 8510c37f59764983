"""However many workers share a connection, the vendor sees no more requests than its limit and one batch."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection as database
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.budget import SharedBudget
from connectors.isolated import isolated_connection
from connectors.models import Connection, RateBudget
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.conftest import ROOT, database_environment
from tests.connectors.stored import make_connection
from tests.connectors.surroundings import Clock


def utc_now() -> datetime:
    return datetime.now(UTC)


def shared_budget(connection: Connection, per_minute: int | None, clock: Clock) -> SharedBudget:
    return SharedBudget(
        connection.tenant_id,
        connection.id,
        per_minute=per_minute,
        now=clock.now,
        sleep=clock.sleep,
        database_now=clock.now,
    )


def database_sessions() -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
        )
        return int(cursor.fetchone()[0])


def send(seconds: float, threads: int, budgets: list[SharedBudget]) -> list[float]:
    """Send as fast as the budgets allow; the wall-clock times at which requests left."""
    times: list[float] = []
    until = time.time() + seconds

    def work(own: SharedBudget) -> None:
        while time.time() < until:
            own.acquire()
            times.append(time.time())

    workers = [threading.Thread(target=work, args=(budgets[n % len(budgets)],)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return times


SENDER = """
import json, sys, uuid
import django
django.setup()
from datetime import UTC, datetime
import time
from connectors.budget import SharedBudget
from connectors.isolated import isolated_connection
from tests.connectors.test_budget import send
budget = SharedBudget(uuid.UUID(sys.argv[1]), uuid.UUID(sys.argv[2]), per_minute=int(sys.argv[3]),
                      now=lambda: datetime.now(UTC), sleep=time.sleep)
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(send(float(sys.argv[4]), 4, [budget])))
"""


def test_threads_of_two_processes_together_stay_within_the_limit() -> None:
    per_minute, seconds = 1200, 3.0
    connection = make_connection(make_tenant("Acme"))
    mine = [
        SharedBudget(connection.tenant_id, connection.id, per_minute=per_minute, now=utc_now, sleep=time.sleep)
        for _ in range(2)
    ]
    before = database_sessions()
    arguments = [str(connection.tenant_id), str(connection.id), str(per_minute), str(seconds)]
    with subprocess.Popen(
        [sys.executable, "-c", SENDER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=database_environment(),
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        start = time.time()
        here = send(seconds, 8, mine)
        elsewhere = json.loads(other.stdout.read())
    times = sorted(here + elsewhere)

    rate, batch = per_minute / 60, per_minute // 60
    for count, moment in enumerate(times, start=1):
        assert count <= rate * (moment - start) + batch
    assert len(here) > 0
    assert len(elsewhere) > 0
    assert len(times) > rate * seconds / 2, "the limit is not used"
    assert database_sessions() == before


@settings(max_examples=12, deadline=None)
@given(
    per_minute=st.sampled_from([6, 180, 600]),
    steps=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 3)), min_size=20, max_size=60),
)
def test_no_minute_sees_more_than_the_limit_and_a_batch(per_minute: int, steps: list[tuple[int, float]]) -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    workers = [shared_budget(connection, per_minute, clock) for _ in range(3)]
    sent: list[datetime] = []
    for worker, pause in steps:
        clock.moment += timedelta(seconds=pause if pause > 2.5 else 0)
        workers[worker].acquire()
        sent.append(clock.now())

    most = per_minute + max(1, per_minute // 60)
    for index, first in enumerate(sent):
        assert sum(first <= moment < first + timedelta(minutes=1) for moment in sent[index:]) <= most
    if per_minute == 6:
        assert all(after - before >= timedelta(seconds=9) for before, after in pairwise(sent))


def test_a_high_limit_does_not_cost_a_round_trip_per_request(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_connection(make_tenant("Acme"))
    trips = 0
    real = isolated_connection

    def counted(tenant_id):  # type: ignore[no-untyped-def]
        nonlocal trips
        trips += 1
        return real(tenant_id)

    monkeypatch.setattr("connectors.budget.isolated_connection", counted)
    limited = shared_budget(connection, 6000, Clock())
    for _ in range(500):
        limited.acquire()

    assert trips == 5


def test_times_reserved_and_not_used_are_given_up() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    limited = shared_budget(connection, 600, clock)
    limited.acquire()
    clock.moment += timedelta(minutes=5)
    start = clock.moment
    for _ in range(30):
        limited.acquire()

    assert clock.moment - start == pytest.approx(timedelta(seconds=2.9), abs=timedelta(milliseconds=1))


def test_when_the_vendor_says_wait_every_worker_waits() -> None:
    connection = make_connection(make_tenant("Acme"))
    for per_minute in (600, None):
        clock = Clock()
        one, two = shared_budget(connection, per_minute, clock), shared_budget(connection, per_minute, clock)
        with tenant_scope(connection.tenant_id):
            RateBudget.objects.all().delete()
        one.acquire()
        one.slow_down(30)
        two.acquire()
        assert clock.slept[-1] == pytest.approx(30, abs=0.2)
        one.acquire()

        assert clock.moment >= Clock().moment + timedelta(seconds=30)


def test_a_thread_that_waits_for_its_turn_also_obeys() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    start = clock.moment

    def sleep_through_a_refusal(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            limited.slow_down(60)

    limited = SharedBudget(
        connection.tenant_id, connection.id, per_minute=60, now=clock.now, sleep=sleep_through_a_refusal
    )
    limited.acquire()
    limited.acquire()

    assert clock.moment - start >= timedelta(seconds=61)


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    free = shared_budget(make_connection(make_tenant("Acme")), None, clock)
    for _ in range(1000):
        free.acquire()

    assert clock.slept == []


def test_a_rolled_back_transaction_does_not_give_its_requests_back() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    limited = shared_budget(connection, 60, clock)
    with pytest.raises(RuntimeError), tenant_scope(connection.tenant_id), transaction.atomic():
        limited.acquire()
        # Another worker is not kept waiting by the open transaction either.
        shared_budget(connection, 60, Clock()).acquire()
        raise RuntimeError
    limited.acquire()

    assert clock.slept == [pytest.approx(2.0)]


class BusyVendor:
    """Takes so many requests in any minute, and refuses the rest without a word about when to come back."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute, self.clock = per_minute, clock
        self.taken: deque[datetime] = deque()
        self.refused = 0

    def takes(self) -> bool:
        now = self.clock.now()
        while self.taken and self.taken[0] <= now - timedelta(minutes=1):
            self.taken.popleft()
        if len(self.taken) >= self.per_minute:
            self.refused += 1
            return False
        self.taken.append(now)
        return True


def ask_for(minutes: float, vendor: BusyVendor, workers: list[SharedBudget], clock: Clock) -> int:
    """The workers walk 25 pages each in turn, an answer takes 5 ms, a refusal is waited out ever longer; how many
    pages were given."""
    taken, refusals, until = 0, 0, clock.moment + timedelta(minutes=minutes)
    for worker in itertools.cycle(workers):
        for _ in range(25):
            if clock.moment >= until:
                return taken
            worker.acquire()
            clock.moment += timedelta(milliseconds=5)
            if vendor.takes():
                taken, refusals = taken + 1, 0
            else:
                refusals += 1
                worker.slow_down(min(60.0, 2.0 ** (refusals - 1)))
    raise AssertionError("there are workers")


@pytest.mark.parametrize("per_minute", [60, 600])
def test_four_workers_learn_a_limit_that_nobody_told(per_minute: int) -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    workers = [shared_budget(connection, None, clock) for _ in range(4)]
    vendor = BusyVendor(per_minute, clock)
    ask_for(5, vendor, workers, clock)
    assert vendor.refused > 0, "nothing was there to learn from"
    vendor.refused = 0
    minutes = 900 / per_minute + 5
    taken = ask_for(minutes, vendor, workers, clock)

    assert vendor.refused <= taken / 100
    assert taken > per_minute * minutes * 0.35, "far fewer than the vendor would take"


def test_what_was_learned_outlives_the_run_and_a_night_without_one() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    vendor = BusyVendor(60, clock)
    ask_for(5, vendor, [shared_budget(connection, None, clock)], clock)
    clock.moment += timedelta(hours=12)
    vendor.refused = 0
    ask_for(2, vendor, [shared_budget(connection, None, clock)], clock)

    assert vendor.refused == 0


def test_after_a_bad_moment_speed_comes_back_within_minutes() -> None:
    """A vendor that refused twice for no reason of ours, and takes everything since."""
    connection, clock = make_connection(make_tenant("Acme")), Clock()
    worker = shared_budget(connection, None, clock)
    for _ in range(2):
        ask_for(1, BusyVendor(60_000, clock), [worker], clock)
        worker.slow_down(1)
    slow = learned_by(connection)
    ask_for(10, BusyVendor(60_000, clock), [worker], clock)
    quick = learned_by(connection)

    assert slow
    assert quick is None or quick > 10 * slow


def test_a_configured_limit_is_the_most_whatever_was_learned() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    limited = shared_budget(connection, 600, clock)
    for _ in range(200):
        limited.acquire()
    limited.slow_down(1)
    start = clock.moment
    for _ in range(30):
        limited.acquire()
    slow = clock.moment - start
    assert slow > timedelta(seconds=15), "a refusal below the configured limit teaches too"

    other = make_connection(make_tenant("Other"))
    with tenant_scope(other.tenant_id):
        RateBudget.objects.create(connection=other, next_at=clock.moment, learned=6_000_000)
    limited, start = shared_budget(other, 60, clock), clock.moment
    for _ in range(30):
        limited.acquire()
    assert clock.moment - start >= timedelta(seconds=28)


def learned_by(connection: Connection) -> int | None:
    with tenant_scope(connection.tenant_id):
        return RateBudget.objects.get(connection=connection).learned


def test_one_refusal_is_forgotten_when_it_limits_nobody_any_more() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    polled = shared_budget(connection, None, clock)
    polled.acquire()
    polled.slow_down(1)
    assert learned_by(connection) == 60_000
    for _ in range(220):
        clock.moment += timedelta(minutes=5)
        polled.acquire()

    assert learned_by(connection) is None


@pytest.mark.parametrize(("per_minute", "left"), [(None, None), (100, 100_000)])
def test_a_rate_has_grown_for_years_and_requests_still_leave(per_minute: int | None, left: int | None) -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    with tenant_scope(connection.tenant_id):
        RateBudget.objects.create(connection=connection, next_at=clock.moment, learned=2**63 - 1)
    polled = shared_budget(connection, per_minute, clock)
    for _ in range(3):
        polled.acquire()
        clock.moment += timedelta(minutes=5)

    assert learned_by(connection) == left


def test_no_limit_is_so_high_that_handing_out_times_takes_long() -> None:
    connection = make_connection(make_tenant("Acme"))
    clock = Clock()
    shared_budget(connection, 60_000_000, clock).acquire()

    with tenant_scope(connection.tenant_id):
        taken = RateBudget.objects.get(connection=connection).next_at - clock.moment
    assert taken == timedelta(milliseconds=1), "a thousand times, a microsecond apart"


def test_machines_whose_clocks_differ_share_one_allowance_and_one_pause() -> None:
    connection = make_connection(make_tenant("Acme"))

    def machine(seconds: float) -> SharedBudget:
        ahead = timedelta(seconds=seconds)
        return SharedBudget(
            connection.tenant_id, connection.id, per_minute=600, now=lambda: utc_now() + ahead, sleep=time.sleep
        )

    machines = [machine(30), machine(-30)]
    start = time.time()
    times = sorted(send(2.0, 4, machines))
    for count, moment in enumerate(times, start=1):
        assert count <= 10 * (moment - start) + 2 * 10, "two allowances instead of one"
    assert len(times) >= 10, "one machine waits for the other's clock"

    machines[0].slow_down(1.5)
    paused = time.time()
    machine(-30).acquire()
    assert 1.0 < time.time() - paused < 5
