"""``/metrics`` for Prometheus."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def metrics(request: HttpRequest) -> HttpResponse:
    """404 without METRICS_TOKEN."""
    return HttpResponse(status=404 if not settings.METRICS_TOKEN else 503)
