"""What a queue outside the database lacks: being part of the transaction, and keeping a job until it is due."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sync.broker import due_of


class AfterCommit:
    """A broker that hands a job over when the transaction around has committed, and never if it rolls back.

    A queue that does not answer then is logged, and nobody's request fails: the sweeper brings back what waits.
    """

    def enqueue(self, task: str) -> None:
        """See the class. A job with an instant ``due`` among its keywords is handed out from then on."""
        due = due_of(task)

        def hand_over() -> None:
            self.push(task, due)

        transaction.on_commit(hand_over, robust=True)

    def push(self, task: str, due: datetime | None) -> None:
        """Afterwards the queue holds the job."""
        raise NotImplementedError


def queue_of(key: str) -> str:
    """The queue of a key ``<queue>:<tenant>``: outside the database a queue is one for all companies."""
    return key.partition(":")[0]
