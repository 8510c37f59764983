"""Encryption keys change while the system runs, and nothing starts with the wrong ones."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import connections, transaction
from pytest_django import Settings

from audit.models import AuditEntry
from connectors import seal
from connectors.access import Grant
from connectors.administration import replace_credentials
from connectors.errors import ConnectionConfigError
from connectors.management.commands import rotate_keys
from connectors.models import AccessToken, Connection
from connectors.seal import key_id
from connectors.startup import check_keys, sealed_secrets
from connectors.tokens import SharedTokens
from sync.models import AlertHook
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.conftest import ROOT, database_environment
from tests.connectors.stored import PLEX_CREDENTIALS, make_connection

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NEW = "the-new-key"


@pytest.fixture(autouse=True)
def _nobody_elses_connections(installation: None) -> None:
    """These stories count the connections of every tenant, and leave some under keys that nobody else has."""


def rotate() -> str:
    out = io.StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def stored(connection: Connection) -> Connection:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)


def rotations(tenant: Tenant) -> list[dict[str, Any]]:
    with tenant_scope(tenant.id):
        entries = AuditEntry.objects.filter(action="keys.rotated").order_by("seq")
        return [entry.content.detail for entry in entries]


def test_after_a_rotation_the_old_key_is_not_needed_any_more(settings: Settings) -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    old = settings.FERNET_KEYS[0]
    mine = [make_connection(acme, name=f"Plex {number}") for number in range(3)]
    theirs = make_connection(other)
    SharedTokens(acme.id, mine[0].id, now=lambda: AT).keep(Grant(token="token", expires_at=AT))
    settings.FERNET_KEYS = [NEW, old]
    out = rotate()
    settings.FERNET_KEYS = [NEW]

    for connection in (*mine, theirs):
        assert stored(connection).open_credentials() == PLEX_CREDENTIALS
        assert stored(connection).sealed_by == key_id(NEW)
    assert SharedTokens(acme.id, mine[0].id, now=lambda: AT).read() == Grant(token="token", expires_at=AT)
    assert "5 encrypted anew." in out
    assert NEW not in out
    assert (rotations(acme), rotations(other)) == ([{"rows": 3}, {"rows": 1}], [{"rows": 1}])
    check_keys()


def test_a_second_rotation_finds_nothing_to_do(settings: Settings) -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme)
    settings.FERNET_KEYS = [NEW, *settings.FERNET_KEYS]
    rotate()
    before = stored(connection).sealed

    assert "0 encrypted anew" in rotate()
    assert stored(connection).sealed == before
    assert len(rotations(acme)) == 1


def test_an_interrupted_rotation_goes_on_where_it_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = make_tenant("Acme")
    mine = [make_connection(acme, name=f"Plex {number}") for number in range(5)]
    settings.FERNET_KEYS = [NEW, *settings.FERNET_KEYS]
    monkeypatch.setattr(rotate_keys, "BATCH", 2)
    real, seen = rotate_keys._reseal, 0

    def die_at_the_fourth(row: Connection) -> bool:
        nonlocal seen
        seen += 1
        if seen == 4:
            raise KeyboardInterrupt
        return real(row)

    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr(rotate_keys, "_reseal", die_at_the_fourth)
        rotate()
    assert sum(stored(connection).sealed_by == key_id(NEW) for connection in mine) == 2

    assert "3 encrypted anew." in rotate()
    assert all(stored(connection).open_credentials() == PLEX_CREDENTIALS for connection in mine)
    assert rotations(acme) == [{"rows": 2}, {"rows": 2}, {"rows": 1}]


def test_what_no_key_opens_is_left_and_reported(settings: Settings) -> None:
    acme = make_tenant("Acme")
    settings.FERNET_KEYS = ["a-lost-key"]
    lost = make_connection(acme, name="Lost")
    before = stored(lost).sealed
    settings.FERNET_KEYS = ["the-old-key"]
    good = make_connection(acme, name="Good")
    settings.FERNET_KEYS = [NEW, "the-old-key"]
    with pytest.raises(CommandError, match=r"1 encrypted anew; 1 cannot be read"):
        rotate()

    assert stored(good).sealed_by == key_id(NEW)
    assert (stored(lost).sealed, stored(lost).sealed_by) == (before, key_id("a-lost-key"))


def test_credentials_replaced_during_a_rotation_win(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme)
    settings.FERNET_KEYS = [NEW, *settings.FERNET_KEYS]
    real = rotate_keys._reseal
    replaced = threading.Event()

    def replace() -> None:
        try:
            with tenant_scope(acme.id):
                replace_credentials(stored(connection), {"api_key": "entered-meanwhile"}, at=AT)
            replaced.set()
        finally:
            connections.close_all()

    person = threading.Thread(target=replace)

    def reseal_while_a_person_types(row: Connection) -> bool:
        person.start()
        deadline = time.monotonic() + 20
        while not _somebody_waits_for_a_lock():
            assert time.monotonic() < deadline, "the row was not locked"
            time.sleep(0.01)
        assert not replaced.is_set()
        return real(row)

    monkeypatch.setattr(rotate_keys, "_reseal", reseal_while_a_person_types)
    rotate()
    person.join()

    assert stored(connection).open_credentials() == {"api_key": "entered-meanwhile"}
    assert stored(connection).sealed_by == key_id(NEW)


def _somebody_waits_for_a_lock() -> bool:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_everything_sealed_is_rotated() -> None:
    assert {Connection, AccessToken} <= set(rotate_keys.sealed_models())
    for model in rotate_keys.sealed_models():
        assert {"sealed", "sealed_by", "tenant"} <= {field.name for field in model._meta.concrete_fields}


# Starting.


def test_the_right_keys_let_us_start(settings: Settings) -> None:
    make_connection(make_tenant("Acme"))
    make_connection(make_tenant("Acme"), credentials={})
    settings.FERNET_KEYS = [NEW, *settings.FERNET_KEYS]

    check_keys()


def test_a_missing_key_is_told_with_the_number_of_connections(settings: Settings) -> None:
    old = settings.FERNET_KEYS[0]
    for name in ("Acme", "Other"):
        tenant = make_tenant(name)
        make_connection(tenant, name="One")
        make_connection(tenant, name="Two")
    settings.FERNET_KEYS = [NEW]
    make_connection(make_tenant("Acme"))

    with pytest.raises(ImproperlyConfigured) as caught:
        check_keys()
    sentence = str(caught.value)
    assert sentence.startswith("Secrets whose key is not in FERNET_KEYS: 4 ")
    assert key_id(old) in sentence
    assert old not in sentence
    assert NEW not in sentence


@pytest.mark.parametrize("what", ["the access to an app", "the secret of an alert address"])
def test_whatever_is_sealed_needs_its_key(settings: Settings, what: str) -> None:
    acme = make_tenant("Acme")
    with tenant_scope(acme.id):
        if what == "the access to an app":
            installed = Connection.objects.create(vendor="rippling", name="HR")
            SharedTokens(acme.id, installed.id, now=lambda: AT).keep(Grant(token="t", expires_at=AT, refresh_token="r"))
        else:
            hook = AlertHook(name="Desk", url="https://desk.example.com/")
            hook.sealed, hook.sealed_by = seal.seal(acme.id, hook.id, "hook", {"secret": "s"}), seal.current_key_id()
            hook.save()
    check_keys()
    settings.FERNET_KEYS = [NEW]

    with pytest.raises(ImproperlyConfigured, match="Secrets whose key is not in FERNET_KEYS: 1 "):
        check_keys()


def test_an_access_that_cannot_be_read_is_not_called_one_that_never_was(settings: Settings) -> None:
    connection = make_connection(make_tenant("Acme"))
    tokens = SharedTokens(connection.tenant_id, connection.id, now=lambda: AT)
    tokens.keep(Grant(token="t", expires_at=AT, refresh_token="r"))
    old, settings.FERNET_KEYS = settings.FERNET_KEYS, [NEW]

    def renew(held: Grant | None) -> Grant:
        if held is None:
            raise ConnectionConfigError("not connected yet")
        return Grant(token="t2", expires_at=AT, refresh_token=held.refresh_token)

    with pytest.raises(ConnectionConfigError, match="Ask your operator to restore the key"):
        tokens.refresh(None, renew)
    settings.FERNET_KEYS = old
    restored = SharedTokens(connection.tenant_id, connection.id, now=lambda: AT)
    assert restored.refresh("t", renew).refresh_token == "r"


def test_counting_gives_away_nothing_but_counts() -> None:
    make_connection(make_tenant("Acme"))
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM mlc_sealed_by()")
        assert [column.name for column in cursor.description] == ["key_id", "connections"]
    assert sum(sealed_secrets().values()) == 1
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM connectors_connection")
        assert cursor.fetchone() == (0,)


def started(arguments: list[str], keys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=database_environment() | {"FERNET_KEYS": keys},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


WEB = ["-c", "import config.wsgi; print('serving')"]
WORKER = ["manage.py", "qcluster", "--run-once"]


@pytest.mark.parametrize("arguments", [WEB, WORKER], ids=["web", "worker"])
def test_web_and_worker_do_not_start_without_the_key(arguments: list[str]) -> None:
    make_connection(make_tenant("Acme"))
    ended = started(arguments, NEW)

    assert ended.returncode != 0
    assert "Secrets whose key is not in FERNET_KEYS: 1 " in ended.stderr
    assert "serving" not in ended.stdout


def test_web_starts_with_the_key(settings: Settings) -> None:
    make_connection(make_tenant("Acme"))
    ended = started(WEB, f"{NEW},{settings.FERNET_KEYS[0]}")

    assert (ended.stdout, ended.returncode) == ("serving\n", 0), ended.stderr


def test_migrations_and_rotation_run_without_the_key() -> None:
    connection = make_connection(make_tenant("Acme"))

    assert started(["manage.py", "migrate", "--check"], NEW).returncode == 0
    ended = started(["manage.py", "rotate_keys"], NEW)
    assert ended.returncode == 1
    assert "1 cannot be read with any key" in ended.stderr
    assert stored(connection).open_credentials() == PLEX_CREDENTIALS
