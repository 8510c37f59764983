"""``manage.py qcluster``: the worker, which does not start with keys that cannot open what is stored."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connections
from django_q.management.commands.qcluster import Command as Qcluster

from connectors.startup import check_keys


class Command(Qcluster):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        # The cluster forks; a child must not inherit an open database connection.
        connections.close_all()
        super().handle(*args, **options)
