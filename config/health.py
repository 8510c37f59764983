"""Probes: ``/healthz``, ``/readyz`` and ``/metrics``, answered in front of everything else.

Whoever probes speaks plain HTTP to this machine's address and has no session: redirects to HTTPS, host names and
sign-ins are not asked for. An answer tells nothing but a word to anybody without the metrics' token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.metrics import metrics
from connectors.startup import check_keys

GetResponse = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger()


class NotReady(Exception):
    """This process should get no requests now. The text is one word."""


class ProbeMiddleware:
    """Answers probes; first in the list."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        answer = probe(request)
        answer["Cache-Control"] = "no-store"
        return answer


def alive(request: HttpRequest) -> HttpResponse:
    """200 whenever this process serves requests; the database is not asked."""
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when requests can be worked on; else 503 with one word: database, migrations or keys. Why is in the log."""
    try:
        require_ready()
    except NotReady as reason:
        log.warning("not_ready", reason=str(reason), exc_info=reason.__cause__)
        return JsonResponse({"status": "not ready", "reason": str(reason)}, status=503)
    return JsonResponse({"status": "ready"})


def require_ready() -> None:
    """Returns when the database answers, has every migration of this version (it may have more: the next version's),
    and holds nothing that our keys cannot open. NotReady otherwise."""
    try:
        missing = migrations_here() - _applied()
    except Error as error:
        raise NotReady("database") from error
    if missing:
        raise NotReady("migrations")
    try:
        check_keys()
    except ImproperlyConfigured as error:
        raise NotReady("keys") from error
    except Error as error:
        raise NotReady("database") from error


@cache
def migrations_here() -> frozenset[tuple[str, str]]:
    """(application, name) of every migration this version brings; they do not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _applied() -> set[tuple[str, str]]:
    """What has been migrated; nothing at all in an empty database."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return set()
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}
