"""Programs at the API: an API key proves whose they are. ``config.api_scope`` then puts them in their tenant."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.models import ApiKey
from tenants.scope import api_key_scope, tenant_scope

KEYWORD = "Api-Key"
# One sentence for a wrong, an expired and a revoked key: which it is helps only somebody who guesses.
REFUSAL = "This API key is not valid. Ask an administrator of your company for a new one."
USE_NOTED_EVERY = timedelta(minutes=1)

_KEY = re.compile(r"(?P<prefix>[A-Za-z0-9]{8})\.[A-Za-z0-9]{32}")


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key <key>``. ``request.auth`` is then the ``ApiKey``; there is no user."""

    def __init__(self, now: Callable[[], datetime] = timezone.now) -> None:
        self._now = now

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        """The key's row; None when the request shows no key; AuthenticationFailed for a key that is not valid."""
        keyword, _, text = request.headers.get("Authorization", "").partition(" ")
        if keyword.lower() != KEYWORD.lower():
            return None
        key, now = self._find(text.strip()), self._now()
        if key is None or key.revoked or key.expired_at(now):
            raise AuthenticationFailed(REFUSAL)
        _note_use(key, now)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer a 401."""
        return KEYWORD

    def _find(self, text: str) -> ApiKey | None:
        if not (parts := _KEY.fullmatch(text)):
            return None
        with api_key_scope(parts["prefix"]):
            # Not ``objects``: in a browser with a session, the scope would be the session's tenant.
            key: ApiKey | None = ApiKey._base_manager.filter(prefix=parts["prefix"]).first()
        if key is None or not ApiKey.objects.key_generator.verify(text, key.hashed_key):
            return None
        return key


def _note_use(key: ApiKey, now: datetime) -> None:
    """Keep when the key was last used, to the minute: busy programs must not write a row per request."""
    long_ago = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= long_ago:
        with tenant_scope(key.tenant_id):
            unnoted = Q(last_used_at=None) | Q(last_used_at__lte=long_ago)
            ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the key."""

    target_class = "config.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": f"`{KEYWORD} <key>`; an administrator makes keys on the page API keys.",
        }
