"""What templates show of a connection's announcements."""

from __future__ import annotations

from django import template
from django.utils import timezone

from connectors.models import Connection
from sync.webhooks.describing import Panel, panel_of

register = template.Library()


@register.simple_tag
def announcements(connection: Connection) -> Panel | None:
    """How the connection's announcements stand; None where there are none."""
    return panel_of(connection, timezone.now())
