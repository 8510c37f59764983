"""The queues in PostgreSQL: no company waits for another's jobs, and nothing is handed out for ever.

The ``key`` of a row is ``<queue>:<tenant>``, or ``<queue>`` alone for a job of nobody; once a worker has it,
``<queue>:<tenant>:<deliveries>``. So a row tells whose it is, whether somebody works on it (deliveries, and a lock in
the future) and how often it was handed out, and a restart forgets none of it. The time is the database's, whatever the
machines' clocks say. No queue's name may begin with another's.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from time import sleep

import structlog
from django.db import connection
from django.db.models import F, Func, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage
from django_q.utils import get_func_repr

MAX_DELIVERIES = 3
"""A job whose worker died so often (out of memory, killed) is given up instead of killing the next one."""

LOOKED_AT = 32
"""Of so many companies that wait, one is chosen at a time: more than there are workers to have a job in hand."""

GIVEN_UP = "Given up: its worker died three times."

log = structlog.get_logger()

# A loose index scan: one look into the index per company that waits, however many jobs each of them has, and for no
# more than LOOKED_AT companies: it begins at a place by lot and goes round. Ready are rows whose lock has passed. `;`
# follows `:` in the order of the "C" collation, so a range holds exactly one prefix.
_TAKE = """
WITH RECURSIVE above (key) AS (
    (SELECT key FROM django_q_ormq
      WHERE key COLLATE "C" >= %(lot)s AND key COLLATE "C" < %(queue)s || ';' AND lock <= statement_timestamp()
      ORDER BY key COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT following.key FROM above, LATERAL (
        SELECT key FROM django_q_ormq
         WHERE key COLLATE "C" > above.key AND key COLLATE "C" < %(queue)s || ';' AND lock <= statement_timestamp()
         ORDER BY key COLLATE "C" LIMIT 1) following
), below (key) AS (
    (SELECT key FROM django_q_ormq
      WHERE key COLLATE "C" >= %(queue)s AND key COLLATE "C" < %(lot)s AND lock <= statement_timestamp()
      ORDER BY key COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT following.key FROM below, LATERAL (
        SELECT key FROM django_q_ormq
         WHERE key COLLATE "C" > below.key AND key COLLATE "C" < %(lot)s AND lock <= statement_timestamp()
         ORDER BY key COLLATE "C" LIMIT 1) following
), waiting AS (
    (SELECT key FROM above UNION ALL SELECT key FROM below) LIMIT %(looked_at)s
), tenants AS (
    SELECT DISTINCT split_part(key, ':', 2) AS tenant FROM waiting
), chosen AS (
    SELECT tenant FROM tenants ORDER BY (
        SELECT count(*) FROM django_q_ormq
         WHERE key COLLATE "C" >= %(queue)s || ':' || tenant || ':'
           AND key COLLATE "C" < %(queue)s || ':' || tenant || ';' AND lock > statement_timestamp()
    ), random() LIMIT 1
), oldest AS (
    SELECT job.id, job.lock FROM chosen
      JOIN waiting ON split_part(waiting.key, ':', 2) = chosen.tenant,
    LATERAL (
        SELECT id, lock FROM django_q_ormq
         WHERE key COLLATE "C" = waiting.key AND lock <= statement_timestamp()
         ORDER BY lock, id LIMIT 1 FOR UPDATE SKIP LOCKED) job
)
UPDATE django_q_ormq SET
    lock = statement_timestamp() + %(retry)s,
    key = %(queue)s || ':' || split_part(key, ':', 2) || ':'
          || (COALESCE(NULLIF(split_part(key, ':', 3), ''), '0')::integer + 1)
WHERE id = (SELECT id FROM oldest ORDER BY lock, id LIMIT 1)
RETURNING id, payload, split_part(key, ':', 3)::integer
"""


class FairBroker(ORM):  # type: ignore[misc]
    """django-q2's queue in the database, handed out fairly: first to who has the fewest jobs in hand, then by lot;
    within a company the oldest."""

    def enqueue(self, task: str) -> int:
        """The id of the job's row, which exists only if the transaction around commits. A job with an instant ``due``
        (ISO) among its keywords is handed out from then on, and not before."""
        due = due_of(task)
        row = self.get_connection().create(key=self.list_key, payload=task, lock=due or Now())
        return int(row.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        """One job, ours until ``retry`` seconds from now; None after a short wait when there is none. One statement:
        a job is handed to one worker only."""
        self.get_connection()
        names = {
            "queue": self.list_key,
            "lot": f"{self.list_key}:{uuid.uuid4()}",
            "looked_at": LOOKED_AT,
            "retry": timedelta(seconds=Conf.RETRY),
        }
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, names)
            row = cursor.fetchone()
        if row is None:
            sleep(Conf.POLL)
            return None
        job, payload, deliveries = row
        if deliveries > MAX_DELIVERIES:
            self._give_up(job, payload)
            return None
        return [(job, payload)]

    def delete(self, task_id: int) -> None:
        """Afterwards the job is gone."""
        self.get_connection()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_q_ormq WHERE id = %s", [task_id])

    def release(self, job: int, *, after: timedelta) -> None:
        """Call when the worker that had this job is dead: another gets it after so long instead of after ``retry``."""
        self.get_connection().filter(pk=job).update(lock=Now() + after)

    def queue_size(self) -> int:
        """Jobs that wait, of every company."""
        return self._rows().filter(lock__lte=Now()).count()

    def lock_size(self) -> int:
        """Jobs that are in hand or not yet due, of every company."""
        return self._rows().filter(lock__gt=Now()).count()

    def purge_queue(self) -> object:
        """Afterwards the queue is empty."""
        return self._rows().delete()

    def _rows(self) -> QuerySet[OrmQ]:
        rows: QuerySet[OrmQ] = self.get_connection().alias(c_key=Func(F("key"), template='%(expressions)s COLLATE "C"'))
        return rows.filter(c_key__gte=self.list_key, c_key__lt=f"{self.list_key};")

    def _give_up(self, job: int, payload: str) -> None:
        """The job is gone and stands among the failed ones, with its sentence."""
        task = SignedPackage.loads(payload)
        func = get_func_repr(task["func"])
        Task.objects.update_or_create(
            id=task["id"],
            defaults={
                "name": task["name"],
                "func": func,
                "args": task["args"],
                "kwargs": task["kwargs"],
                "group": task.get("group"),
                "cluster": self.list_key,
                "started": task["started"],
                "stopped": timezone.now(),
                "success": False,
                "result": GIVEN_UP,
                "attempt_count": MAX_DELIVERIES,
            },
        )
        self.delete(job)
        log.error("job.given_up", job=func, task=task["id"], queue=self.list_key)


def due_of(package: str) -> datetime | None:
    """The instant before which the packed job must not start, or None."""
    due = SignedPackage.loads(package)["kwargs"].get("due")
    return datetime.fromisoformat(due) if due else None
