"""``manage.py migrate`` as the owner role, unless told otherwise; safe while the version before is at work."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected, LockNotAvailable

WAIT = 2
"""Seconds a change waits for a table that others use. Whoever wants the table next waits behind it as long."""
PAUSE = 3
"""Seconds in which everybody else goes on before the change is tried again."""
ATTEMPTS = 60


class Command(Migrate):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        """Each migration is a transaction: one that did not get its locks has changed nothing and is tried again."""
        connection = connections[options["database"]]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{WAIT}s"])
                super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                    raise
                connection.close()
                self.stderr.write(f"A table is in use; tried {attempt} of {ATTEMPTS} times.")
                time.sleep(PAUSE)
            else:
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
                return
        raise CommandError(
            f"A table was in use at each of {ATTEMPTS} attempts; what was migrated before stays, and nothing is half "
            "done. Find who holds it (pg_stat_activity, longest xact_start), then run this again."
        )
