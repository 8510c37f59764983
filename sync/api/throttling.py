"""How many requests one key may make; the limit is a setting."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from tenants.models import ApiKey


class KeyThrottle(SimpleRateThrottle):
    """Counts per key, per process of the web server."""

    scope = "api_key"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """The key's own counter; none for a request without a key, which is refused anyway."""
        if not isinstance(request.auth, ApiKey):
            return None
        return f"throttle-{self.scope}-{request.auth.prefix}"
