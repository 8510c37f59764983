"""Sign-in by client credentials: when a token is fetched, kept, dropped, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors.auth import ApiKeyHeader, Basic
from connectors.contract import ConnectorContext
from connectors.errors import ConnectionConfigError, TemporaryError, UnexpectedReplyError
from connectors.http import VendorHttp
from connectors.oauth import ClientCredentials
from tests.connectors.scripted_server import Answer, Asked, ScriptedServer
from tests.connectors.surroundings import Clock, TokenMemory, context

Connect = Callable[..., VendorHttp]
SECRET = "s3cr:t/+ä"


class TokenServer:
    """Issues tokens t1, t2 …; the API accepts only those in ``good``."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.issued: list[Asked] = []
        self.good: set[str] = set()
        self.grant: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600}
        server.script = self.answer

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            with self.server.lock:
                self.issued.append(asked)
                token = f"t{len(self.issued)}"
                self.good.add(token)
            return Answer(body={"access_token": token, **self.grant})
        bearer = asked.headers["authorization"].removeprefix("Bearer ")
        return Answer(status=200 if bearer in self.good else 401)


@pytest.fixture
def issuer(server: ScriptedServer) -> TokenServer:
    return TokenServer(server)


@pytest.fixture
def connect(server: ScriptedServer, clock: Clock) -> Iterator[Connect]:
    opened: list[VendorHttp] = []

    def make(surroundings: ConnectorContext | None = None, **values: Any) -> VendorHttp:
        surroundings = surroundings or context(clock)
        values = {"token_url": f"{server.url}/token", "client_id": "plant 1", "client_secret": SECRET} | values
        auth = ClientCredentials(surroundings, product="Acme", **values)
        opened.append(VendorHttp(surroundings, product="Acme", base_url=f"{server.url}/api", auth=auth))
        return opened[-1]

    yield make
    for http in opened:
        http.close()


def test_the_client_signs_in_by_form(connect: Connect, issuer: TokenServer) -> None:
    connect(scope="erp.read erp.write", audience="urn:acme").read("/employees")
    form = parse_qs(issuer.issued[0].body.decode())
    assert form == {
        "grant_type": ["client_credentials"],
        "scope": ["erp.read erp.write"],
        "audience": ["urn:acme"],
        "client_id": ["plant 1"],
        "client_secret": [SECRET],
    }
    assert "authorization" not in issuer.issued[0].headers
    assert SECRET not in issuer.issued[0].path


def test_the_client_signs_in_by_basic(connect: Connect, issuer: TokenServer) -> None:
    connect(client_auth="basic").read("/employees")
    assert parse_qs(issuer.issued[0].body.decode()) == {"grant_type": ["client_credentials"]}
    # "plant%201:s3cr%3At%2F%2B%C3%A4": both parts encoded before they are joined.
    assert issuer.issued[0].headers["authorization"] == "Basic cGxhbnQlMjAxOnMzY3IlM0F0JTJGJTJCJUMzJUE0"


@pytest.mark.parametrize(("expires_in", "kept"), [(3600, 3540), ("1200", 1140), (None, 240), (40, 20), ("soon", 240)])
def test_a_token_is_kept_until_a_minute_before_it_expires(
    connect: Connect, issuer: TokenServer, clock: Clock, expires_in: Any, kept: int
) -> None:
    issuer.grant["expires_in"] = expires_in
    if expires_in is None:
        del issuer.grant["expires_in"]
    http = connect()
    http.read("/a")
    clock.moment += timedelta(seconds=kept - 1)
    http.read("/a")
    assert len(issuer.issued) == 1
    clock.moment += timedelta(seconds=1)
    http.read("/a")
    assert len(issuer.issued) == 2


def test_workers_share_one_token(connect: Connect, issuer: TokenServer, clock: Clock) -> None:
    tokens = TokenMemory()
    first, second = connect(context(clock, tokens=tokens)), connect(context(clock, tokens=tokens))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: (first if n % 2 else second).read("/a"), range(64)))
    assert len(issuer.issued) == 1


def test_a_revoked_token_is_replaced_once_by_all_who_meet_it(
    connect: Connect, issuer: TokenServer, clock: Clock
) -> None:
    tokens = TokenMemory()
    https = [connect(context(clock, tokens=tokens)) for _ in range(2)]
    for http in https:
        http.read("/a")
    issuer.good.clear()
    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda n: https[n % 2].read("/a").status, range(64)))
    assert statuses == {200}
    assert len(issuer.issued) == 2


def test_a_fresh_token_that_is_refused_too_needs_a_person(connect: Connect, issuer: TokenServer) -> None:
    http = connect()
    http.read("/a")
    issuer.grant["access_token"] = "never-good"
    issuer.good.clear()
    with pytest.raises(ConnectionConfigError):
        http.read("/a")
    assert len(issuer.issued) == 2


@pytest.mark.parametrize("status", [400, 401])
def test_an_unknown_client_is_permanent_and_nothing_secret_is_said(
    server: ScriptedServer, connect: Connect, status: int
) -> None:
    server.script = lambda asked: Answer(
        status=status, body={"error": "invalid_client", "error_description": f"bad secret {SECRET}"}
    )
    with pytest.raises(ConnectionConfigError, match="client secret") as caught:
        connect().read("/a")
    assert len(server.asked) == 1
    assert SECRET not in f"{caught.value!r}{caught.value.detail}"
    assert "invalid_client" in caught.value.detail


def test_a_token_server_that_fails_is_temporary(server: ScriptedServer, connect: Connect) -> None:
    server.script = lambda asked: Answer(status=503)
    with pytest.raises(TemporaryError):
        connect().read("/a")


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"{}", b'{"access_token": ""}', b'{"acc'])
def test_a_token_answer_without_a_token_is_unexpected(server: ScriptedServer, connect: Connect, body: bytes) -> None:
    server.script = lambda asked: Answer(body=body)
    with pytest.raises(UnexpectedReplyError):
        connect().read("/a")


def test_the_secret_goes_only_to_an_allowed_sign_in_address(connect: Connect) -> None:
    for address in ("https://evil.example.com/token", "http://accounts.acme.com/token"):
        with pytest.raises(ConnectionConfigError):
            connect(context(allowed_hosts=frozenset({"accounts.acme.com"})), token_url=address)


@pytest.mark.parametrize("values", [{"client_id": " "}, {"client_secret": ""}, {"client_auth": "jwt"}])
def test_an_incomplete_client_is_said_before_anything_is_sent(
    server: ScriptedServer, connect: Connect, values: dict[str, str]
) -> None:
    with pytest.raises(ConnectionConfigError):
        connect(**values)
    assert server.asked == []


def test_fixed_credentials(server: ScriptedServer) -> None:
    for auth, name, value in (
        (ApiKeyHeader("X-Acme-Key", " k1 "), "x-acme-key", "k1"),
        (Basic("ada", "pä:ss"), "authorization", "Basic YWRhOnDDpDpzcw=="),
    ):
        http = VendorHttp(context(), product="Acme", base_url=server.url, auth=auth)
        http.read("/a")
        http.close()
        assert server.asked[-1].headers[name] == value
        assert not auth.refresh()
        assert "k1" not in repr(auth)
