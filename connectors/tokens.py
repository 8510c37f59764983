"""The access of a connection, shared by all threads, processes and machines through one sealed row."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction

from connectors import seal
from connectors.access import Grant
from connectors.errors import ConnectionConfigError
from connectors.isolated import isolated_connection
from connectors.models import AccessToken
from tenants.scope import tenant_scope

REFUSAL_HOLDS = timedelta(minutes=1)

UNREADABLE = (
    "The stored access cannot be read with the keys in use. Ask your operator to restore the key, or connect again on "
    "the connection's page."
)


class SharedTokens:
    """Implements ``contract.TokenStore``. The row's lock is held while a token is fetched, however long it takes.

    A refusal of the credentials is remembered, for a minute in the row and for good in this object: whoever waited
    gets the same error instead of presenting the same wrong secret once each, which some vendors answer by locking
    the account. What is renewed well before it expires needs clocks that agree to the minute only.
    """

    def __init__(self, tenant_id: uuid.UUID, connection_id: uuid.UUID, *, now: Callable[[], datetime]) -> None:
        self._tenant_id = tenant_id
        self._connection_id = connection_id
        self._now = now
        self._lock = threading.Lock()
        self._refusal: ConnectionConfigError | None = None

    def read(self) -> Grant | None:
        """What is held; None when there is nothing, or nothing that can be opened."""
        with isolated_connection(self._tenant_id):
            row = AccessToken.objects.filter(connection_id=self._connection_id).first()
        return self._opened(row) if row else None

    def refresh(self, stale: str | None, fetch: Callable[[Grant | None], Grant]) -> Grant:
        """What replaces the token ``stale``: another worker's if one is there by now, else what ``fetch`` brings."""
        # Threads of this process queue here, so that only one of them occupies a database connection.
        with self._lock:
            if self._refusal:
                raise self._refusal
            try:
                return self._refreshed(stale, fetch)
            except ConnectionConfigError as refusal:
                self._refusal = refusal
                raise

    def keep(self, grant: Grant) -> None:
        """Afterwards this is what is held, by the caller's transaction if there is one."""
        with tenant_scope(self._tenant_id), transaction.atomic():
            AccessToken.objects.bulk_create([AccessToken(connection_id=self._connection_id)], ignore_conflicts=True)
            self._put(AccessToken.objects.select_for_update().get(connection_id=self._connection_id), grant)
        self._refusal = None

    def _refreshed(self, stale: str | None, fetch: Callable[[Grant | None], Grant]) -> Grant:
        with isolated_connection(self._tenant_id):
            AccessToken.objects.bulk_create([AccessToken(connection_id=self._connection_id)], ignore_conflicts=True)
            with transaction.atomic():
                _wait_as_long_as_it_takes()
                row = AccessToken.objects.select_for_update().get(connection_id=self._connection_id)
                held = self._opened(row)
                if held and held.token != stale and held.expires_at > self._now():
                    return held
                if row.refused_at and self._now() - row.refused_at < REFUSAL_HOLDS:
                    raise ConnectionConfigError(row.refusal)
                try:
                    grant = fetch(held)
                except ConnectionConfigError as refusal:
                    if row.sealed is not None and held is None:
                        raise ConnectionConfigError(UNREADABLE) from None
                    refused = refusal
                    row.refusal, row.refused_at = refusal.sentence, self._now()
                    row.save(update_fields=["refusal", "refused_at"])
                else:
                    self._put(row, grant)
                    return grant
        raise refused

    def _put(self, row: AccessToken, grant: Grant) -> None:
        content = {"token": grant.token, "refresh_token": grant.refresh_token}
        row.sealed = seal.seal(self._tenant_id, self._connection_id, seal.TOKEN, content)
        row.sealed_by, row.expires_at = seal.current_key_id(), grant.expires_at
        row.refusal, row.refused_at = "", None
        row.save(update_fields=["sealed", "sealed_by", "expires_at", "refusal", "refused_at"])

    def _opened(self, row: AccessToken) -> Grant | None:
        if row.sealed is None or row.expires_at is None:
            return None
        try:
            content = seal.unseal(self._tenant_id, self._connection_id, seal.TOKEN, row.sealed)
        except seal.SealBroken:
            return None  # a new one is fetched in its place
        return Grant(token=content["token"], expires_at=row.expires_at, refresh_token=content.get("refresh_token", ""))


def _wait_as_long_as_it_takes() -> None:
    """For this transaction: no limit of the server's ends the wait for the lock, or the wait for the vendor."""
    limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with database.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {limit} = 0" for limit in limits))
