"""The queues in Amazon SQS (``BROKER=sqs:<region>:<prefix>``). Needs boto3, which is not installed: see ADR 21."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from boto3 import Session
from django.utils import timezone
from django_q.brokers.aws_sqs import Sqs
from django_q.conf import Conf

from sync.after_commit import AfterCommit, queue_of

LONGEST_DELAY = 900
"""Seconds; SQS keeps a message back no longer."""


class SqsBroker(AfterCommit, Sqs):  # type: ignore[misc]
    """One SQS queue per queue, named ``<prefix>-<queue>``. Credentials come from AWS's own environment."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(f"{Conf.SQS['queue_prefix']}-{queue_of(list_key or Conf.CLUSTER_NAME)}")

    def push(self, task: str, due: datetime | None) -> None:
        """Afterwards the queue holds the job; it is handed out from ``due`` on, at most LONGEST_DELAY seconds away."""
        wait = int((due - timezone.now()).total_seconds()) if due else 0
        self.queue.send_message(MessageBody=task, DelaySeconds=min(max(wait, 0), LONGEST_DELAY))

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """A session in the region."""
        return Session(region_name=Conf.SQS["aws_region"])
