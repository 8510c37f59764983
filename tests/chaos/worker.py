"""A worker process to be killed: works on one run and says how it ended. ``python -m tests.chaos.worker TENANT RUN``"""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from sync.jobs import execute  # noqa: E402 - needs the applications above

if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    execute(sys.argv[1], int(sys.argv[2]))
