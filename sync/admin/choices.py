"""Filters that several lists share."""

from __future__ import annotations

from sync.models import Integration
from tenants.pages import Choice

OFFERED = 50


def by_integration() -> list[Choice]:
    """A filter by integration, where there is more than one."""
    known = [(str(pk), name) for pk, name in Integration.objects.values_list("pk", "name")[:OFFERED]]
    if len(known) < 2:
        return []
    return [Choice(param="integration", label="Integration", options=[("", "All"), *known])]
