"""Which clusters of workers are alive, for every process to see: each notes it itself, in the database."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from django.db import Error, close_old_connections

from sync.models import Heartbeat

FORGOTTEN = timedelta(days=1)
"""A cluster that has been silent for so long will not come back: a new one has another name."""

log = structlog.get_logger()


def note_alive(queue: str, *, now: datetime) -> None:
    """Afterwards it is known that this process's cluster was alive at ``now``. A database that does not answer is no
    reason for a cluster to end: it is logged, and noted the next time."""
    here = sha256(f"{socket.gethostname()} {os.getpid()}".encode()).hexdigest()[:8]
    close_old_connections()
    try:
        Heartbeat.objects.update_or_create(name=f"cluster:{queue}:{here}", defaults={"at": now})
        Heartbeat.objects.filter(name__startswith="cluster:", at__lt=now - FORGOTTEN).delete()
    except Error:
        log.warning("cluster.not_noted", queue=queue, exc_info=True)
