"""What one execution of the people flow works with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from connectors.contract import WorkerSource, WorkerTarget
from sync.models import Flow, Run
from sync.planning import Plan
from sync.surroundings import SurroundingsLoader
from sync.threads import Threads

PAGE = 100
"""So many records are planned, sent and settled together."""


class PeopleRun(msgspec.Struct, kw_only=True):
    """Everything one execution needs: the claimed run, both ends, and the world around (clock, waiting)."""

    run: Run
    source: WorkerSource
    target: WorkerTarget
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    loader: SurroundingsLoader
    writers: Threads
    dry: bool
    temporary_in_a_row: int = 0
    by_number: dict[str, Plan] = {}
    directory_read: bool = False

    @property
    def flow(self) -> Flow:
        """The flow this run executes."""
        return self.run.flow
