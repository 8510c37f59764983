"""Names of time zones a tenant may use."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError


def validate_time_zone(name: str) -> None:
    """Raises ValidationError unless ``name`` is an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone. Use a name such as America/Detroit.")
