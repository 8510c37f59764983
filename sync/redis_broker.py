"""The queues in Redis (``BROKER=redis://…``). Jobs are lost with it, runs are not: see ADR 21."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import redis
from django.utils import timezone
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf

from sync.after_commit import AfterCommit, queue_of


class RedisBroker(AfterCommit, Redis):  # type: ignore[misc]
    """One list per queue, first in, first out; what is not yet due waits in a sorted set beside it."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(queue_of(list_key or Conf.CLUSTER_NAME))
        self.later = f"{self.list_key}:later"

    def push(self, task: str, due: datetime | None) -> None:
        """Afterwards the queue holds the job, at the end of the list or until it is due."""
        if due and due > timezone.now():
            self.connection.zadd(self.later, {task: due.timestamp()})
        else:
            self.connection.rpush(self.list_key, task)

    def dequeue(self) -> list[tuple[None, bytes]] | None:
        """One job, gone from the queue; None after a second in which there was none."""
        for package in self.connection.zrangebyscore(self.later, "-inf", timezone.now().timestamp()):
            # Only one of several workers removes it.
            if self.connection.zrem(self.later, package):
                self.connection.rpush(self.list_key, package)
        taken: list[tuple[None, bytes]] | None = super().dequeue()
        return taken

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """The connection of this process, shared by all its brokers."""
        return _connection()


@cache
def _connection() -> Any:
    return redis.from_url(Conf.REDIS, socket_connect_timeout=5, socket_timeout=10)
