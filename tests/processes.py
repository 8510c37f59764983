"""Real worker processes on the tests' database, with their logs; whoever starts them ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import psutil

from tests.conftest import ROOT, database_environment

T = TypeVar("T")
PATIENCE = 120.0


class Processes:
    """A ``manage.py`` command and the processes it started."""

    def __init__(self, log: IO[str], *arguments: str, **environment: str) -> None:
        self._log = log
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=database_environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        """All it has said so far."""
        self._log.seek(0)
        return self._log.read()

    def said(self, *words: str) -> list[str]:
        """The lines with all these words."""
        return [line for line in self.log.splitlines() if all(word in line for word in words)]

    def started(self, clusters: int = 1) -> Processes:
        """Once this many clusters have their workers."""
        until(lambda: len(self.said("cluster.started")) >= clusters, f"{clusters} clusters run", self)
        return self

    def children(self, of: int | None = None) -> list[psutil.Process]:
        """The processes it started, or that the process ``of`` started."""
        return psutil.Process(of or self.process.pid).children()

    def stop(self, patience: float = PATIENCE) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def end(self) -> None:
        """Afterwards none of its processes is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def until(found: Callable[[], T], what: str, *by: Processes, patience: float = PATIENCE) -> T:
    """What ``found`` returns once it is true; fails with ``what`` and the logs when it does not become so in time."""
    deadline = time.monotonic() + patience
    while not (result := found()):
        if time.monotonic() > deadline:
            logs = "\n".join(processes.log for processes in by)
            raise AssertionError(f"Not within {patience:.0f} seconds: {what}\n{logs}")
        time.sleep(0.05)
    return result


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Processes]:
    """A ``manage.py`` command, ended with everything it started when the block is left."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        processes = Processes(log, *arguments, **environment)
        try:
            yield processes
        finally:
            processes.end()


def cluster(queue: str, **environment: Any) -> Any:
    """``manage.py qcluster`` of one queue, as a context manager."""
    return running("qcluster", Q_CLUSTER_NAME=queue, **environment)
