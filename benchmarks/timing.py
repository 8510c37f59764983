"""Work that is timed in a process of its own, so that its memory is its own too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent


class Timing(msgspec.Struct, frozen=True):
    """What a timed process reports: seconds of its work and of its processor, peak memory, what it did."""

    seconds: float
    processor: float
    peak_mb: float
    said: dict[str, Any] = {}


def timed(module: str, task: dict[str, Any]) -> Timing:
    """Run ``python -m module`` with this task on its input; it reports a Timing as its last line."""
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Timing)


def report(seconds: float, processor: float, **said: Any) -> None:
    """The other end of ``timed``. The peak is this process's own: what its parent used before does not count."""
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(msgspec.json.encode(Timing(seconds, processor, peak / 1024, said)).decode())
