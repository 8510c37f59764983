"""A worker process that executes one run as the queue would, and reports how long it took. Its task: tenant, run."""

from __future__ import annotations

import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> None:
    task = json.load(sys.stdin)
    django.setup()
    from benchmarks.timing import report
    from sync.jobs import execute

    started, used = time.perf_counter(), time.process_time()
    execute(task["tenant"], task["run"])
    report(time.perf_counter() - started, time.process_time() - used)


if __name__ == "__main__":
    main()
