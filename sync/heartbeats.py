"""Which clusters of workers are alive, for every process to see: each notes it itself, in the database."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from hashlib import sha256

from sync.models import Heartbeat

FORGOTTEN = timedelta(days=1)
"""A cluster that has been silent for so long will not come back: a new one has another name."""


def note_alive(queue: str, *, now: datetime) -> None:
    """Afterwards it is known that this process's cluster was alive at ``now``, by the database's clock."""
    here = sha256(f"{socket.gethostname()} {os.getpid()}".encode()).hexdigest()[:8]
    Heartbeat.objects.update_or_create(name=f"cluster:{queue}:{here}", defaults={"at": now})
    Heartbeat.objects.filter(name__startswith="cluster:", at__lt=now - FORGOTTEN).delete()
