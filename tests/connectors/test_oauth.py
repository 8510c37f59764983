"""Access that an administrator gave is renewed once, by whichever worker comes first, however slow the vendor is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.access import Grant
from connectors.auth import BearerToken
from connectors.contract import Company
from connectors.errors import ConnectionConfigError
from connectors.http import VendorHttp
from connectors.installing import install
from connectors.models import AccessToken, Connection
from connectors.oauth import AuthorizedApp, TokenEndpoint
from connectors.registry import open_app
from connectors.tokens import SharedTokens
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.conftest import ROOT, database_environment
from tests.connectors.customers import Customer
from tests.connectors.installs import OURS, company_with_app, connection_to
from tests.connectors.scripted_server import Answer, Asked, ScriptedServer
from tests.connectors.surroundings import START, Clock, OpenBudget, TokenMemory, context

WORKERS = 20
IMPATIENT = "-c statement_timeout=1500 -c lock_timeout=1500 -c idle_in_transaction_session_timeout=1500"

WORKERS_OF_ONE_MACHINE = """
import multiprocessing, os, random, sys, time, uuid
import django
django.setup()
from django.db import connections
from django.utils import timezone
from connectors.errors import ConnectorError
from connectors.models import Connection
from connectors.registry import open_connector
from tenants.scope import tenant_scope

def work(start):
    with tenant_scope(uuid.UUID(sys.argv[1])):
        connection = Connection.objects.get(pk=sys.argv[2])
        opened = open_connector(
            connection, now=timezone.now, sleep=time.sleep, random=random.random, correlation_id="test"
        )
        start.wait(60)
        try:
            said = f"read {sum(len(page.workers) for page in opened.worker_pages())}"
        except ConnectorError as error:
            said = error.sentence
        os.write(1, f"{said}\\n".encode())

connections["default"].settings_dict["OPTIONS"]["options"] = sys.argv[4]
fork = multiprocessing.get_context("fork")
start = fork.Barrier(int(sys.argv[3]))
workers = [fork.Process(target=work, args=(start,)) for _ in range(int(sys.argv[3]))]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""


def utc_now() -> datetime:
    return datetime.now(UTC)


def installed(customer: Customer) -> Connection:
    """A connection whose access is expired, and whose refresh token is good once."""
    connection = connection_to(customer, make_tenant("Acme"))
    with tenant_scope(connection.tenant_id):
        shop = open_app(connection, now=utc_now, sleep=lambda seconds: None, random=lambda: 0.5, correlation_id="test")
        grant = shop.exchange(customer.change("install")["code"], OURS)
        shop.close()
        stale = Grant(token=grant.token, expires_at=utc_now() - timedelta(1), refresh_token=grant.refresh_token)
        install(connection, Company(customer.connect["company_id"], "Northfield"), stale, at=utc_now())
    return connection


def all_at_once(connection: Connection, count: int, options: str = "") -> list[str]:
    """What so many processes say who begin to read in the same instant."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            WORKERS_OF_ONE_MACHINE,
            *map(str, (connection.tenant_id, connection.pk, count, options)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=database_environment(),
        timeout=120,
        check=True,
    )
    said = ended.stdout.splitlines()
    assert len(said) == count
    return said


@pytest.mark.parametrize(
    ("options", "impatience"), [({}, ""), ({"exchange_seconds": 3.0}, IMPATIENT)], ids=["quick", "slow"]
)
def test_twenty_processes_whose_access_has_expired_renew_it_once(
    sandbox: dict[str, str], options: dict[str, float], impatience: str
) -> None:
    customer = company_with_app(sandbox["rippling"], revoke_on_reuse=True, **options)
    connection = installed(customer)
    said = all_at_once(connection, WORKERS, impatience)

    assert set(said) == {"read 12"}
    app = customer.snapshot()["app"]
    assert (app["refreshes"], app["refused_refreshes"]) == (1, 0)


def test_a_refusal_is_asked_for_once_by_all_processes_and_names_the_remedy(sandbox: dict[str, str]) -> None:
    customer = company_with_app(sandbox["rippling"])
    connection = installed(customer)
    customer.change("terminate_installer")
    said = all_at_once(connection, 5)

    assert len(set(said)) == 1
    assert "Another administrator must connect again" in said[0]
    assert customer.snapshot()["app"]["refused_refreshes"] == 1
    with tenant_scope(connection.tenant_id):
        assert AccessToken.objects.get().refusal


def shared(connection: Connection, clock: Clock) -> SharedTokens:
    return SharedTokens(connection.tenant_id, connection.pk, now=clock.now)


def test_a_remembered_refusal_is_forgotten_after_a_minute_or_by_a_new_install(sandbox: dict[str, str]) -> None:
    connection = connection_to(company_with_app(sandbox["rippling"]), make_tenant("Acme"))
    clock, asked = Clock(), []

    def refuse(held: Grant | None) -> Grant:
        asked.append(held)
        raise ConnectionConfigError("No.")

    for _ in range(2):
        with pytest.raises(ConnectionConfigError):
            shared(connection, clock).refresh(None, refuse)
    assert len(asked) == 1
    clock.moment += timedelta(minutes=1)
    with pytest.raises(ConnectionConfigError):
        shared(connection, clock).refresh(None, refuse)
    assert len(asked) == 2

    fresh = Grant(token="new", expires_at=START + timedelta(hours=4), refresh_token="r")
    shared(connection, clock).keep(fresh)
    assert shared(connection, clock).refresh(None, refuse) == fresh


@pytest.fixture
def endpoint(server: ScriptedServer, clock: Clock) -> Iterator[tuple[VendorHttp, TokenMemory, list[Asked]]]:
    """An API that accepts the newest token, with an endpoint that rotates only when told to."""
    issued: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/token":
            issued.append(asked)
            rotated = {"refresh_token": f"r{len(issued)}"} if len(issued) == 1 else {}
            return Answer(body={"access_token": f"t{len(issued)}", "expires_in": 14400, **rotated})
        return Answer(status=200 if asked.headers["authorization"] == f"Bearer t{len(issued)}" else 401)

    server.script = answer
    tokens = TokenMemory(held=Grant(token="t0", expires_at=START, refresh_token="r0"))
    surroundings = context(clock, tokens=tokens)
    where = TokenEndpoint(
        surroundings,
        product="Acme",
        token_url=f"{server.url}/token",
        client_id="c",
        client_secret="s",
        client_auth="basic",
    )
    auth = AuthorizedApp(surroundings, where, product="Acme")
    http = VendorHttp(surroundings, product="Acme", base_url=f"{server.url}/api", auth=auth)
    yield http, tokens, issued
    http.close()


def test_a_new_refresh_token_replaces_the_old_one_and_else_that_one_stays(
    endpoint: tuple[VendorHttp, TokenMemory, list[Asked]], clock: Clock
) -> None:
    http, tokens, issued = endpoint
    http.read("/people")
    assert tokens.held is not None
    assert (tokens.held.token, tokens.held.refresh_token) == ("t1", "r1")
    clock.moment += timedelta(seconds=14400 - 60)
    http.read("/people")
    assert (tokens.held.token, tokens.held.refresh_token) == ("t2", "r1")
    assert [asked.body for asked in issued] == [
        b"grant_type=refresh_token&refresh_token=r0",
        b"grant_type=refresh_token&refresh_token=r1",
    ]


def test_access_that_ends_while_we_wait_for_our_turn_is_renewed_first(server: ScriptedServer, clock: Clock) -> None:
    """The wait is a budget's; the token is good for 30 seconds more when it begins."""

    class Waiting(OpenBudget):
        def acquire(self) -> None:
            super().acquire()
            if self.acquired == 1:
                clock.moment += timedelta(minutes=5)

    sent: list[str] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer(body={"access_token": "fresh", "expires_in": 3600})
        sent.append(asked.headers["authorization"])
        return Answer()

    server.script = answer
    tokens = TokenMemory(held=Grant(token="stale", expires_at=START + timedelta(seconds=30), refresh_token="r"))
    surroundings = context(clock, tokens=tokens, budget=Waiting())
    where = TokenEndpoint(
        surroundings, product="Acme", token_url=f"{server.url}/token", client_id="c", client_secret="s"
    )
    auth = AuthorizedApp(surroundings, where, product="Acme")
    http = VendorHttp(surroundings, product="Acme", base_url=f"{server.url}/api", auth=auth)
    http.read("/people")
    http.close()

    assert sent == ["Bearer fresh"]


def test_an_exchange_may_take_longer_than_any_other_answer(server: ScriptedServer, clock: Clock) -> None:
    """Giving up would lose the answer that holds the only refresh token."""

    def answer(asked: Asked) -> Answer:
        time.sleep(0.9)
        return Answer(body={"access_token": "t", "expires_in": 3600})

    server.script = answer
    surroundings = context(clock)
    where = TokenEndpoint(
        surroundings, product="Acme", token_url=f"{server.url}/token", client_id="c", client_secret="s"
    )
    http = VendorHttp(
        surroundings, product="Acme", base_url=f"{server.url}/api", auth=BearerToken("x"), read_timeout=0.3
    )
    assert where.ask(http, [("grant_type", "refresh_token"), ("refresh_token", "r")]).token == "t"
    http.close()
    assert len(server.asked) == 1


def test_nothing_shows_what_was_given() -> None:
    grant = Grant(token="very-secret", expires_at=START, refresh_token="more-secret")
    assert "secret" not in repr(grant)
