"""``/metrics`` for Prometheus: read from the database when asked, so that every web process gives the same answer.

Totals over all companies. No label names a company, a person or a record. See docs/operating.md for what to alert on.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

log = structlog.get_logger()

LONGEST_MS = 10_000
"""A scrape that takes longer is given up: whoever measures must not become the load."""

METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "runs_day": ("Runs begun in the last 24 hours, by what moves and the state they are in.", ("flow", "state")),
    "runs_active": ("Runs that wait to start or are at work.", ("flow", "state")),
    "run_waiting_seconds": ("How long the run that has waited longest to start has waited.", ()),
    "settled_day": ("People dealt with by runs begun in the last 24 hours, by what was done.", ("outcome",)),
    "queue_jobs": ("Jobs in the database's queues.", ("queue", "state")),
    "queue_oldest_seconds": ("How long the job that has waited longest for a worker has waited.", ("queue",)),
    "workers_alive": ("Clusters of workers that gave a sign of life in the last 90 seconds.", ("queue",)),
    "clock_overdue_seconds": ("How long the most overdue flow or timing should have been started ago.", ()),
    "slot_late_seconds": ("The latest start of a timing in the last hour: how late it was.", ()),
    "slots_missed": ("Occurrences of timings that were missed and not caught up.", ()),
    "connections": ("Connections by state.", ("state",)),
    "connections_slowed": ("Connections whose vendor answered too many requests (429) in the last hour.", ()),
    "tokens": ("Access tokens that are held.", ("state",)),
    "token_expires_seconds": ("When the next access token expires.", ()),
    "deliveries": ("Announcements of vendors that are not settled.", ("state",)),
    "delivery_oldest_seconds": ("How long the oldest of them has been here.", ()),
    "notices_open": ("Notices that are open.", ("kind",)),
    "messages_waiting": ("Mails and outgoing webhooks that have not left.", ()),
    "journals": ("Journals that have not come to their end.", ("state",)),
    "journal_verifying_seconds": ("How long ago the oldest journal was sent whose arrival is not known.", ()),
}
"""Name (after ``mlc_``) → what it says, its labels. Without labels there is always a value, 0 if there is nothing."""


def metrics(request: HttpRequest) -> HttpResponse:
    """Everything in Prometheus' text format; 404 without METRICS_TOKEN, 401 to whoever does not show it, 503 when the
    database does not answer."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    if not hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {settings.METRICS_TOKEN}".encode()
    ):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Totals())
    try:
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    except Error as error:
        log.warning("metrics.unavailable", exc_info=error)
        return HttpResponse(status=503)


class _Totals:
    """A collector: asks the database at each scrape."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families = {
            name: GaugeMetricFamily(f"mlc_{name}", says, labels=labels) for name, (says, labels) in METRICS.items()
        }
        for name, label, state, value in _totals():
            labels = METRICS[name][1]
            found = {"state": state}
            families[name].add_metric([found.get(key, label) for key in labels], value or 0)
        for name, (_, labels) in METRICS.items():
            if not labels and not families[name].samples:
                families[name].add_metric([], 0)
        return families.values()


def _totals() -> list[tuple[str, str, str, float | None]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LONGEST_MS)])
        cursor.execute("SELECT metric, label, state, value FROM mlc_totals(%s)", [timezone.now()])
        return list(cursor.fetchall())
