"""A cluster: a guard and the worker processes that serve one queue.

Each worker fetches, executes and acknowledges one job at a time; the processes share nothing but the queue, so that
any of them may be killed at any moment. django-q2's own cluster hands jobs to its workers through pipes whose locks
die with whoever held them; its function that executes a job and its tables are used as they are.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkProcess
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import structlog
from django.conf import settings
from django.core.signing import BadSignature
from django.db import Error, close_old_connections, connections
from django_q.brokers import Broker, get_broker
from django_q.conf import Conf
from django_q.monitor import save_task
from django_q.signals import post_execute
from django_q.signing import SignedPackage
from django_q.worker import worker

from sync.broker import FairBroker
from sync.clock import database_now
from sync.handing_out import hand_out_due
from sync.heartbeats import note_alive
from sync.stopping import is_stopping, request_stop

CYCLE = 0.2
"""Seconds between two looks of the guard at its workers."""
SCHEDULING = 30.0
"""Seconds between two looks at the schedules."""
UNREACHABLE = 5.0
"""Seconds before a queue that did not answer is asked again."""
STUCK = 120
"""Seconds beyond its time limit after which a job that cannot be interrupted is ended together with its process."""

log = structlog.get_logger()
forking = multiprocessing.get_context("fork")


@dataclass
class Member:
    """One worker process, and the job it has in hand: the id of the job's row, or 0."""

    process: ForkProcess
    job: Synchronized[int]


def serve(*, supervised: bool = False, once: bool = False) -> None:
    """Serves the queue of this process's cluster until SIGTERM or SIGINT; all workers have ended when it returns.

    ``supervised``: it also stops when the process that started it is gone. ``once``: it starts its workers and stops.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    broker, supervisor, scheduled = get_broker(), os.getppid(), -SCHEDULING
    # A child must not inherit an open database connection.
    connections.close_all()
    members, left = [_hire() for _ in range(Conf.WORKERS)], set[int]()
    log.info("cluster.started", queue=Conf.CLUSTER_NAME, workers=len(members))
    while not (once or is_stopping()):
        members = [_keep(member, left, broker) for member in members]
        if time.monotonic() - scheduled >= SCHEDULING:
            scheduled = time.monotonic()
            _go_round()
            _release(left, broker)
        if supervised and os.getppid() != supervisor:
            request_stop()
        time.sleep(CYCLE)
    _dismiss(members, left, broker)
    log.info("cluster.stopped", queue=Conf.CLUSTER_NAME)


def _go_round() -> None:
    """Afterwards it is known that this cluster is alive, and the default one has handed out what is due. A database
    that does not answer is no reason for a cluster to end: it is logged, and asked again the next time."""
    close_old_connections()
    try:
        note_alive(Conf.CLUSTER_NAME, now=database_now())
        if Conf.CLUSTER_NAME == Conf.PREFIX:
            hand_out_due()
    except Error:
        log.exception("cluster.round_failed", queue=Conf.CLUSTER_NAME)


def _hire() -> Member:
    job: Synchronized[int] = forking.Value("q", 0)
    process = forking.Process(target=_work, args=(os.getpid(), job), name=f"{Conf.CLUSTER_NAME} worker", daemon=True)
    process.start()
    return Member(process, job)


def _keep(member: Member, left: set[int], broker: Broker) -> Member:
    """The member, or another in its place when it ended; then what it had in hand is among ``left`` until released."""
    if member.process.is_alive():
        return member
    if member.process.exitcode:
        log.error("worker.died", queue=Conf.CLUSTER_NAME, exit_code=member.process.exitcode, row=member.job.value)
    left.add(member.job.value)
    _release(left, broker)
    connections.close_all()
    return _hire()


def _dismiss(members: list[Member], left: set[int], broker: Broker) -> None:
    """Afterwards all have ended: by themselves, or killed after WORKER_GRACE_SECONDS."""
    for member in members:
        member.process.terminate()
    until = time.monotonic() + settings.WORKER_GRACE_SECONDS
    for member in members:
        member.process.join(max(0.0, until - time.monotonic()))
        if member.process.is_alive():
            log.warning("worker.killed", queue=Conf.CLUSTER_NAME, row=member.job.value)
            member.process.kill()
            member.process.join()
        left.add(member.job.value)
        _release(left, broker)


def _release(left: set[int], broker: Broker) -> None:
    """What dead workers had in hand comes again when the lease they may have held has run out. A row that could not be
    released, because the database went away with the worker, stays among ``left``."""
    for row in sorted(left - {0}) if isinstance(broker, FairBroker) else ():
        try:
            close_old_connections()
            broker.release(row, after=timedelta(seconds=settings.RUN_LEASE_SECONDS + 1))
        except Error:
            log.exception("job.not_released", queue=Conf.CLUSTER_NAME, row=row)
            return
        left.discard(row)


def _work(guard: int, job: Synchronized[int]) -> None:
    """The life of a worker process."""
    # Ctrl-C in a terminal reaches everybody at once; whom to stop, and when, is the guard's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    desk = Desk(get_broker(), guard, job)
    worker(desk, desk, forking.Value("f", -1), Conf.TIMEOUT)
    connections.close_all()


class Desk:
    """What django-q2's worker takes for its two pipes: jobs come from the queue, results go to the database."""

    def __init__(self, broker: Broker, guard: int, job: Synchronized[int]) -> None:
        self.broker, self.guard, self.job = broker, guard, job

    def get(self) -> dict[str, Any] | str:
        """The next job, once there is one; STOP when this process is to end, or its guard is gone."""
        while not is_stopping() and os.getppid() == self.guard:
            try:
                taken = self.broker.dequeue()
            except Exception:
                log.exception("queue.unreachable", queue=Conf.CLUSTER_NAME)
                time.sleep(UNREACHABLE)
                continue
            for ack_id, package in taken or ():
                self.job.value = ack_id if isinstance(ack_id, int) else 0
                if task := self._unpacked(ack_id, package):
                    faulthandler.dump_traceback_later(task.get("timeout", Conf.TIMEOUT) + STUCK, exit=True)
                    return task
        return "STOP"

    def _unpacked(self, ack_id: Any, package: Any) -> dict[str, Any] | None:
        try:
            task: dict[str, Any] = SignedPackage.loads(package)
        except (TypeError, BadSignature):
            # Made with another SECRET_KEY, or by somebody else.
            log.exception("job.unreadable", queue=Conf.CLUSTER_NAME, row=ack_id)
            self.broker.fail(ack_id)
            self.job.value = 0
            return None
        return task | {"ack_id": ack_id, "cluster": Conf.CLUSTER_NAME}

    def put(self, task: dict[str, Any]) -> None:
        """The job is done: a failure is kept with its traceback, and it is not handed out again."""
        faulthandler.cancel_dump_traceback_later()
        save_task(task, self.broker)
        ack_id = task.pop("ack_id")
        if ack_id is not None:
            self.broker.acknowledge(ack_id)
        self.job.value = 0
        post_execute.send(sender="django_q", task=task)
