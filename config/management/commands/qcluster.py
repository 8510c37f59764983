"""``manage.py qcluster``: the workers of one queue. They do not start with keys that cannot open what is stored."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django_q.management.commands.qcluster import Command as Qcluster

from config.queues import check_queues, clusters
from connectors.startup import check_keys


class Command(Qcluster):  # type: ignore[misc]
    help = "Works on one queue (--name, or Q_CLUSTER_NAME) until it is told to stop. See also: workers."
    # They would load every page; what concerns workers is checked below.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--supervised", action="store_true", help="Stop when the process that started it is gone.")

    def handle(self, *args: Any, **options: Any) -> None:
        name, given = options["cluster_name"], os.environ.get("Q_CLUSTER_NAME")
        queues = clusters(settings.Q_CLUSTER)
        if (name or given or "mlc") not in queues:
            raise CommandError(f"There is no queue {name or given}; the queues are {', '.join(queues)}.")
        if name and name != given:
            # django-q2 has read its settings long before this line: begin again under the right name.
            os.environ["Q_CLUSTER_NAME"] = name
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves
        try:
            check_queues()
            check_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        # Only now: django-q2 reads its settings when it is imported.
        from sync.cluster import serve

        serve(supervised=options["supervised"], once=options["run_once"])
