"""One worker fetches an access token, the others get it; nobody else's row will do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection as database
from django.db import transaction

from connectors.access import Grant
from connectors.errors import ConnectionConfigError, TemporaryError
from connectors.models import AccessToken, Connection
from connectors.tokens import SharedTokens
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.stored import make_connection
from tests.connectors.surroundings import START, Clock

LATER = START + timedelta(hours=1)


def shared_tokens(connection: Connection, clock: Clock | None = None) -> SharedTokens:
    return SharedTokens(connection.tenant_id, connection.id, now=(clock or Clock()).now)


def grant(token: str, expires_at: datetime = LATER, refresh_token: str = "") -> Grant:
    return Grant(token=token, expires_at=expires_at, refresh_token=refresh_token)


def never(held: Grant | None) -> Grant:
    raise AssertionError("nothing was to be fetched")


def giving(token: str) -> Callable[[Grant | None], Grant]:
    return lambda held: grant(token)


class TokenEndpoint:
    """Counts how often a token was asked for; each one is new."""

    def __init__(self, seconds: float = 0, error: Exception | None = None) -> None:
        self.asked = 0
        self.at_once = 0
        self._seconds = seconds
        self._error = error
        self._inside = 0
        self._lock = threading.Lock()

    def fetch(self, held: Grant | None) -> Grant:
        with self._lock:
            self.asked += 1
            self._inside += 1
            self.at_once = max(self.at_once, self._inside)
            number = self.asked
        time.sleep(self._seconds)
        with self._lock:
            self._inside -= 1
        if self._error:
            raise self._error
        return grant(f"token-{number}")


def in_threads(count: int, work: Callable[[int], str]) -> list[str]:
    barrier = threading.Barrier(count)

    def start(number: int) -> str:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


@pytest.mark.parametrize("stores", [1, 20], ids=["one process", "processes of their own"])
def test_twenty_workers_with_a_stale_token_fetch_one_new_one(stores: int) -> None:
    connection = make_connection(make_tenant("Acme"))
    shared_tokens(connection).refresh(None, giving("stale"))
    endpoint = TokenEndpoint(seconds=0.5)
    workers = [shared_tokens(connection) for _ in range(stores)]

    got = in_threads(20, lambda number: workers[number % stores].refresh("stale", endpoint.fetch).token)

    assert endpoint.asked == 1
    assert set(got) == {"token-1"}
    assert shared_tokens(connection).read() == grant("token-1")


def test_the_very_first_token_is_fetched_once_too() -> None:
    connection = make_connection(make_tenant("Acme"))
    endpoint = TokenEndpoint(seconds=0.2)

    assert set(in_threads(10, lambda _: shared_tokens(connection).refresh(None, endpoint.fetch).token)) == {"token-1"}
    assert endpoint.asked == 1


def test_a_late_worker_gets_the_new_token_instead_of_fetching() -> None:
    connection = make_connection(make_tenant("Acme"))
    shared_tokens(connection).refresh(None, giving("new"))

    assert shared_tokens(connection).refresh("old", never).token == "new"


def test_an_expired_token_is_replaced_whoever_held_it() -> None:
    connection = make_connection(make_tenant("Acme"))
    shared_tokens(connection).refresh(None, lambda held: grant("short", START + timedelta(minutes=5)))
    clock = Clock(moment=START + timedelta(minutes=5))

    assert shared_tokens(connection, clock).refresh("older", giving("next")).token == "next"


def test_a_refused_sign_in_is_tried_once_and_told_to_everybody() -> None:
    connection = make_connection(make_tenant("Acme"))
    endpoint = TokenEndpoint(seconds=0.2, error=ConnectionConfigError("Plex refused the sign-in."))
    store = shared_tokens(connection)

    def attempt(_: int) -> str:
        with pytest.raises(ConnectionConfigError) as caught:
            store.refresh(None, endpoint.fetch)
        return caught.value.sentence

    assert in_threads(10, attempt) == ["Plex refused the sign-in."] * 10
    assert endpoint.asked == 1
    assert shared_tokens(connection).read() is None


def test_a_passing_failure_is_tried_again_by_the_next() -> None:
    connection = make_connection(make_tenant("Acme"))
    store = shared_tokens(connection)
    with pytest.raises(TemporaryError):
        store.refresh(None, TokenEndpoint(error=TemporaryError("Not now.")).fetch)

    assert store.refresh(None, giving("token")).token == "token"


def test_a_token_survives_the_transaction_it_was_fetched_in() -> None:
    connection = make_connection(make_tenant("Acme"))
    with pytest.raises(RuntimeError), tenant_scope(connection.tenant_id), transaction.atomic():
        shared_tokens(connection).refresh(None, giving("token"))
        raise RuntimeError

    assert shared_tokens(connection).read() == grant("token")


def test_the_token_is_not_in_the_database_in_clear() -> None:
    connection = make_connection(make_tenant("Acme"))
    shared_tokens(connection).refresh(None, giving("very-recognisable-token"))
    with tenant_scope(connection.tenant_id), database.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM connectors_accesstoken t")
        row = cursor.fetchone()[0]

    assert "recognisable" not in row
    assert b"recognisable".hex() not in row


def test_another_tenant_neither_reads_nor_replaces_a_token() -> None:
    connection, other = make_connection(make_tenant("Acme")), make_tenant("Other")
    shared_tokens(connection).refresh(None, giving("ours"))
    thief = SharedTokens(other.id, connection.id, now=Clock().now)

    assert thief.read() is None
    with pytest.raises(AccessToken.DoesNotExist):
        thief.refresh(None, giving("planted"))
    assert shared_tokens(connection).read() == grant("ours")


def test_a_token_copied_from_another_connection_is_not_used() -> None:
    acme = make_tenant("Acme")
    source, target = make_connection(acme, name="One"), make_connection(acme, name="Two")
    for connection in (source, target):
        shared_tokens(connection).refresh(None, giving(f"token of {connection.name}"))
    with tenant_scope(acme.id), database.cursor() as cursor:
        cursor.execute(
            "UPDATE connectors_accesstoken SET sealed = (SELECT sealed FROM connectors_accesstoken"
            " WHERE connection_id = %s) WHERE connection_id = %s",
            [source.id, target.id],
        )
        assert cursor.rowcount == 1

    assert shared_tokens(target).read() is None
    assert shared_tokens(target).refresh(None, giving("fresh")).token == "fresh"
