"""What the runs are measured on: simulators in one process, and companies in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.timing import ROOT
from tests.sync.story import Story, tell


@contextmanager
def simulators() -> Iterator[dict[str, str]]:
    """Every vendor simulator in one process; vendor → base URL."""
    with subprocess.Popen([sys.executable, "-m", "sandbox"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def company(sandbox: dict[str, str], size: int, **plex: Any) -> Story:
    """A company with this many workers in Rippling, none of them in Plex yet, everything mapped, writing on.

    ``plex`` are further options of the Plex simulator. Rippling's pages are answered from memory once they were
    asked for.
    """
    story = tell(
        sandbox,
        size=size,
        rippling={"prerendered": True, "log_requests": False},
        plex={"log_requests": False, **plex},
    )
    with story.scope():
        story.source.settings["rate_limit_per_minute"] = "0"
        story.source.save()
    story.map_everything()
    return story
