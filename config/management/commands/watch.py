"""``manage.py watch``: for cron, where no outside monitor asks ``/watch/``."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from sync.clock import database_now
from sync.watching.watch import watch


class Command(BaseCommand):
    """Every few minutes, on a machine that need not run workers."""

    help = "Tells people of what did not happen when it was due. Ends with 1 while there is such a thing."

    def handle(self, *args: Any, **options: Any) -> None:
        found = watch(database_now())
        for sentence in found.sentences:
            self.stdout.write(sentence)
        if found.silent:
            queues = ", ".join(found.silent)
            self.stdout.write(f"Nobody has worked for ten minutes on: {queues}. Start the workers.")
        if found.troubles:
            self.stdout.write(f"{found.troubles} companies could not be looked at; the log says why.")
        if not found.is_well:
            sys.exit(1)
        self.stdout.write("Everything happened when it was due.")
