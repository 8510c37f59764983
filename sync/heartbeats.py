"""Which clusters of workers are alive, for every process to see: each notes it itself, in the database.

All instants are the database's clock's; what is noted for a time far ahead was noted by a wrong clock, and
counts as nothing.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db.models import Q

from sync.models import Heartbeat

WORKERS = "workers"
"""Noted by a job, so by somebody who works."""
SILENT_AFTER = timedelta(minutes=10)

FORGOTTEN = timedelta(days=1)
"""A cluster that has been silent for so long will not come back: a new one has another name."""


def note_alive(queue: str, *, now: datetime) -> None:
    """Afterwards it is known that this process's cluster was alive at ``now``, by the database's clock."""
    here = sha256(f"{socket.gethostname()} {os.getpid()}".encode()).hexdigest()[:8]
    Heartbeat.objects.update_or_create(name=f"cluster:{queue}:{here}", defaults={"at": now})
    Heartbeat.objects.filter(name__startswith="cluster:", at__lt=now - FORGOTTEN).delete()


def beat(name: str, now: datetime, *, not_within: timedelta = timedelta(0)) -> bool:
    """Note that this happened at ``now``; False when it did so recently already."""
    _, created = Heartbeat.objects.get_or_create(name=name, defaults={"at": now})
    recent = Q(at__gt=now - not_within, at__lt=now + not_within)
    return created or Heartbeat.objects.filter(~recent, name=name).update(at=now) == 1


def silent_queues(now: datetime) -> list[str]:
    """The queues nobody serves: none of their clusters was alive lately. The default one is served only when its
    minute's work was done as well."""
    lately = Heartbeat.objects.filter(at__range=(now - SILENT_AFTER, now + SILENT_AFTER))
    heard = {name.split(":")[1] if ":" in name else name for name in lately.values_list("name", flat=True)}
    default = settings.Q_CLUSTER["name"]
    return [
        queue
        for queue in (default, *settings.Q_CLUSTER["ALT_CLUSTERS"])
        if queue not in heard or (queue == default and WORKERS not in heard)
    ]
