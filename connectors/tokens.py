"""The access token of a connection, shared by all threads, processes and machines through one sealed row."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from connectors import seal
from connectors.errors import ConnectionConfigError
from connectors.isolated import isolated_connection
from connectors.models import AccessToken


class SharedTokens:
    """Implements ``contract.TokenStore``. The row's lock is held while a token is fetched, however long it takes.

    A refusal of the credentials is remembered: the threads that waited get the same error instead of presenting
    the same wrong secret once each, which some vendors answer by locking the account.
    """

    def __init__(self, tenant_id: uuid.UUID, connection_id: uuid.UUID, *, now: Callable[[], datetime]) -> None:
        self._tenant_id = tenant_id
        self._connection_id = connection_id
        self._now = now
        self._lock = threading.Lock()
        self._refusal: ConnectionConfigError | None = None

    def read(self) -> tuple[str, datetime] | None:
        """The token and its expiry (aware UTC); None when there is none, or none that can be opened."""
        with isolated_connection(self._tenant_id):
            row = AccessToken.objects.filter(connection_id=self._connection_id).first()
        return self._opened(row) if row else None

    def refresh(self, stale: str | None, fetch: Callable[[], tuple[str, datetime]]) -> str:
        """The token that replaces ``stale``: another worker's if one is there by now, else what ``fetch`` brings."""
        # Threads of this process queue here, so that only one of them occupies a database connection.
        with self._lock:
            if self._refusal:
                raise self._refusal
            try:
                return self._refreshed(stale, fetch)
            except ConnectionConfigError as refusal:
                self._refusal = refusal
                raise

    def _refreshed(self, stale: str | None, fetch: Callable[[], tuple[str, datetime]]) -> str:
        with isolated_connection(self._tenant_id):
            AccessToken.objects.bulk_create([AccessToken(connection_id=self._connection_id)], ignore_conflicts=True)
            with transaction.atomic():
                row = AccessToken.objects.select_for_update().get(connection_id=self._connection_id)
                held = self._opened(row)
                if held and held[0] != stale and held[1] > self._now():
                    return held[0]
                token, row.expires_at = fetch()
                row.sealed = seal.seal(self._tenant_id, self._connection_id, seal.TOKEN, {"token": token})
                row.sealed_by = seal.current_key_id()
                row.save(update_fields=["sealed", "sealed_by", "expires_at"])
        return token

    def _opened(self, row: AccessToken) -> tuple[str, datetime] | None:
        if row.sealed is None or row.expires_at is None:
            return None
        try:
            content = seal.unseal(self._tenant_id, self._connection_id, seal.TOKEN, row.sealed)
        except seal.SealBroken:
            return None  # a new one is fetched in its place
        return content["token"], row.expires_at
