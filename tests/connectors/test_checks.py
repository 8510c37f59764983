"""Testing and administering a connection: what people see afterwards, and the proof of who did what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection as database

from audit.context import acting_as
from audit.models import AuditEntry
from connectors.access import Grant
from connectors.administration import pause, remove_connection, replace_credentials, resume, save_connection
from connectors.checks import check_connection
from connectors.contract import CheckResult
from connectors.models import AccessToken, Connection
from connectors.tokens import SharedTokens
from sandbox.rippling import RipplingSimulator
from tenants.models import Tenant
from tenants.scope import NoTenantScope, tenant_scope
from tests.cast import make_tenant
from tests.connectors.conftest import ServeSimulator
from tests.connectors.customers import Customer
from tests.connectors.stored import PLEX_CREDENTIALS, PLEX_SETTINGS, make_connection

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@contextmanager
def ada(owner: Tenant | Connection) -> Iterator[None]:
    """Ada at work for this company, or for the company of this connection."""
    tenant_id = owner.id if isinstance(owner, Tenant) else owner.tenant_id
    with tenant_scope(tenant_id), acting_as("user", "ada@example.com"):
        yield


def stored(connection: Connection) -> Connection:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)


def trail(connection: Connection) -> list[tuple[str, str]]:
    with tenant_scope(connection.tenant_id):
        entries = AuditEntry.objects.filter(subject_id=str(connection.id)).order_by("seq")
        return [(entry.action, entry.actor_label) for entry in entries]


def last_entry(connection: Connection) -> AuditEntry:
    with tenant_scope(connection.tenant_id):
        return AuditEntry.objects.filter(subject_id=str(connection.id)).latest("seq")


def check(connection: Connection) -> CheckResult:
    return check_connection(
        connection, now=lambda: AT, sleep=time.sleep, random=lambda: 0.0, correlation_id="check-4711"
    )


@pytest.fixture
def company(serve_simulator: ServeSimulator) -> Customer:
    return Customer.create(serve_simulator(RipplingSimulator), size=10)


@pytest.fixture
def rippling(company: Customer) -> Connection:
    """A connection to a company in the Rippling simulator, made the way people make one."""
    acme = make_tenant("Acme")
    with ada(acme):
        connection = Connection(
            vendor="rippling",
            name="Rippling",
            settings={
                "api": "v2",
                "rest_url": company.url + company.connect["base_path_v2"],
                "platform_url": company.url + company.connect["base_path_v1"],
            },
        )
        save_connection(connection, at=AT)
        replace_credentials(connection, {"api_token": company.connect["token"]}, at=AT)
    return connection


# Testing.


def test_a_good_connection_is_ready_and_the_test_is_on_record(rippling: Connection) -> None:
    with ada(rippling):
        result = check(rippling)

    assert result.ok
    found = stored(rippling)
    assert found.state in (Connection.State.READY, Connection.State.LIMITED)
    assert found.checked_at == AT
    assert [f["sentence"] for f in found.findings] == [f.sentence for f in result.findings]
    assert found.learned == dict(result.learned)
    assert (rippling.state, rippling.findings) == (found.state, found.findings)
    assert trail(rippling)[-1] == ("connection.checked", "ada@example.com")


def test_a_wrong_token_is_a_finding_and_a_right_one_mends_it(rippling: Connection, company: Customer) -> None:
    with ada(rippling):
        replace_credentials(rippling, {"api_token": "wrong-token-0815"}, at=AT)
        result = check(rippling)
        assert not result.ok
        assert stored(rippling).state == Connection.State.ATTENTION
        assert stored(rippling).state_reason
        assert "wrong-token-0815" not in repr(vars(stored(rippling))) + last_entry(rippling).body

        replace_credentials(rippling, {"api_token": company.connect["token"]}, at=AT)
        assert stored(rippling).state == Connection.State.NEW
        check(rippling)

    assert stored(rippling).state in (Connection.State.READY, Connection.State.LIMITED)
    assert stored(rippling).state_reason == ""


def test_an_access_of_another_company_fails_the_test_and_changes_nothing(
    rippling: Connection,
) -> None:
    with ada(rippling):
        check(rippling)
        known = stored(rippling)
        assert known.company
        Connection.objects.update(company="the-former-company", account="Northfield")
        result = check(rippling)

    found = stored(rippling)
    assert not result.ok
    assert (found.state, found.company, found.account) == ("attention", "the-former-company", "Northfield")
    assert "another Rippling company than before" in found.state_reason
    assert found.learned == known.learned


def test_without_credentials_the_test_says_so_instead_of_failing() -> None:
    connection = make_connection(make_tenant("Acme"), credentials={})
    with ada(connection):
        result = check(connection)

    assert [f.sentence for f in result.findings] == [
        "The connection Plex has no credentials yet. Enter them on its page."
    ]
    assert stored(connection).state == Connection.State.ATTENTION


def test_a_paused_connection_can_be_tested_and_stays_paused(rippling: Connection) -> None:
    with ada(rippling):
        pause(rippling, reason="Payroll is being closed.", at=AT)
        assert check(rippling).ok
        assert (stored(rippling).state, stored(rippling).state_reason) == ("paused", "Payroll is being closed.")
        resume(rippling, at=AT)

    assert stored(rippling).state in (Connection.State.READY, Connection.State.LIMITED)
    assert [action for action, _ in trail(rippling)[-3:]] == [
        "connection.paused",
        "connection.checked",
        "connection.resumed",
    ]


def test_findings_about_former_credentials_are_not_kept(rippling: Connection, company: Customer) -> None:
    with ada(rippling):
        before = stored(rippling)
        replace_credentials(rippling, {"api_token": "wrong-token-0815"}, at=AT)
        assert check(before).ok  # asked with what was read before the replacement

    assert stored(rippling).state == Connection.State.NEW
    assert trail(rippling)[-1][0] == "connection.checked"


def test_another_tenant_cannot_test_it(rippling: Connection) -> None:
    with ada(make_tenant("Other")), pytest.raises(NoTenantScope):
        check(rippling)
    assert stored(rippling).checked_at is None


# Administering.


def test_a_new_connection_is_stored_with_its_settings_tidied_and_on_record() -> None:
    acme = make_tenant("Acme")
    connection = Connection(vendor="plex", name=" Plex East ", settings=PLEX_SETTINGS | {"pcn": " 80101 "})
    with ada(acme):
        save_connection(connection, at=AT)

    assert stored(connection).name == "Plex East"
    assert stored(connection).settings == PLEX_SETTINGS
    assert trail(connection) == [("connection.created", "ada@example.com")]
    after = last_entry(connection).content.after
    assert after is not None
    assert "PCN: 80101" in after["settings"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"settings": PLEX_SETTINGS | {"pcn": "eight"}}, "settings.pcn"),
        ({"settings": PLEX_SETTINGS | {"base_url": "https://evil.example"}}, "settings.base_url"),
        ({"settings": PLEX_SETTINGS | {"api_key": "secret"}}, "settings.api_key"),
        ({"settings": []}, "settings"),
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "Taken"}, "name"),
        ({"vendor": "unknown"}, "vendor"),
        ({"vendor": "rippling"}, "vendor"),
        ({"environment": "staging"}, "environment"),
    ],
    ids=[
        "not a number",
        "another host",
        "a secret",
        "no mapping",
        "blank",
        "too long",
        "taken",
        "unknown product",
        "another product",
        "unknown environment",
    ],
)
def test_a_wrong_entry_is_refused_with_its_field_and_changes_nothing(change: dict[str, Any], field: str) -> None:
    acme = make_tenant("Acme")
    make_connection(acme, name="Taken")
    connection = make_connection(acme)
    for name, value in change.items():
        setattr(connection, name, value)
    with ada(acme), pytest.raises(ValidationError) as caught:
        save_connection(connection, at=AT)

    assert list(caught.value.message_dict) == [field]
    assert (stored(connection).name, stored(connection).settings) == ("Plex", PLEX_SETTINGS)
    assert trail(connection) == []


def test_another_company_may_use_the_same_name() -> None:
    make_connection(make_tenant("Acme"))
    other = make_tenant("Other")
    connection = Connection(tenant=other, vendor="plex", name="Plex", settings=PLEX_SETTINGS)
    with ada(other):
        save_connection(connection, at=AT)

    assert stored(connection).name == "Plex"


def test_new_settings_drop_what_was_known_and_keep_the_credentials() -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme, state="ready", checked_at=AT, learned={"host": "x"}, account="ACME")
    SharedTokens(acme.id, connection.id, now=lambda: AT).keep(Grant(token="token", expires_at=AT))
    with ada(acme):
        connection.settings = PLEX_SETTINGS | {"pcn": "80102"}
        save_connection(connection, at=AT)
        assert not AccessToken.objects.exists()

    found = stored(connection)
    assert (found.state, found.learned, found.account, found.checked_at) == ("new", {}, "", None)
    assert found.open_credentials() == PLEX_CREDENTIALS
    content = last_entry(connection).content
    assert content.before is not None
    assert content.after is not None
    assert set(content.after["settings"]) - set(content.before["settings"]) == {"PCN: 80102"}


def test_a_new_name_keeps_what_was_known_and_no_change_leaves_no_trace() -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme, state="ready", checked_at=AT, learned={"host": "x"})
    with ada(acme):
        save_connection(connection, at=AT)
        connection.name = "Plex West"
        save_connection(connection, at=AT)

    assert (stored(connection).state, stored(connection).learned) == ("ready", {"host": "x"})
    assert trail(connection) == [("connection.changed", "ada@example.com")]


def test_a_form_that_was_open_for_long_does_not_undo_what_happened_meanwhile() -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme)
    form = stored(connection)
    with ada(acme):
        replace_credentials(connection, {"api_key": "the-newer-key"}, at=AT)
        pause(connection, reason="Plex is being upgraded.", at=AT)
        form.name = "Plex West"
        save_connection(form, at=AT)

    found = stored(connection)
    assert (found.name, found.state, found.open_credentials()) == (
        "Plex West",
        "paused",
        {"api_key": "the-newer-key"},
    )


def test_replaced_credentials_are_all_there_are_and_never_on_record() -> None:
    acme = make_tenant("Acme")
    connection = make_connection(acme, credentials={"api_key": "old-key-0815", "api_secret": "old-secret-0815"})
    SharedTokens(acme.id, connection.id, now=lambda: AT).keep(Grant(token="token", expires_at=AT))
    with ada(acme):
        replace_credentials(connection, {"api_key": "new-key-4711", "api_secret": ""}, at=AT)
        assert not AccessToken.objects.exists()

    assert stored(connection).open_credentials() == {"api_key": "new-key-4711"}
    entry = last_entry(connection)
    assert entry.content.detail == {"fields": ["Consumer key"]}
    assert "4711" not in entry.body
    assert "0815" not in entry.body


def test_wrong_credential_names_are_refused_and_the_old_ones_stay() -> None:
    connection = make_connection(make_tenant("Acme"))
    with ada(connection), pytest.raises(ValidationError) as caught:
        replace_credentials(connection, {"pcn": "1", "api_key": "x"}, at=AT)

    assert list(caught.value.message_dict) == ["credentials.pcn"]
    assert stored(connection).open_credentials() == PLEX_CREDENTIALS


def test_pausing_twice_is_one_pause() -> None:
    connection = make_connection(make_tenant("Acme"))
    with ada(connection):
        pause(connection, reason="First.", at=AT)
        pause(connection, reason="Second.", at=AT)
        assert stored(connection).state_reason == "First."
        resume(connection, at=AT)
        resume(connection, at=AT)

    assert [action for action, _ in trail(connection)] == ["connection.paused", "connection.resumed"]
    assert (stored(connection).state, stored(connection).state_reason) == ("new", "")


def test_a_removed_connection_is_gone_with_its_credentials() -> None:
    connection = make_connection(make_tenant("Acme"))
    with ada(connection):
        remove_connection(connection, at=AT)
        assert not Connection.objects.exists()

    assert trail(connection) == [("connection.removed", "ada@example.com")]


def test_another_tenant_can_administer_nothing_of_it() -> None:
    connection, other = make_connection(make_tenant("Acme")), make_tenant("Other")
    connection.name = "Taken over"
    acts: tuple[Callable[[], None], ...] = (
        lambda: save_connection(connection, at=AT),
        lambda: replace_credentials(connection, {"api_key": "planted"}, at=AT),
        lambda: pause(connection, reason="Harm.", at=AT),
        lambda: resume(connection, at=AT),
        lambda: remove_connection(connection, at=AT),
    )
    for act in acts:
        with ada(other), pytest.raises(Connection.DoesNotExist):
            act()

    found = stored(connection)
    assert (found.name, found.state, found.open_credentials()) == ("Plex", "new", PLEX_CREDENTIALS)
    with tenant_scope(other.id):
        assert not AuditEntry.objects.exists()


def test_an_act_and_its_entry_stand_or_fall_together(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_connection(make_tenant("Acme"))

    def fail(*args: object, **kwargs: object) -> None:
        with database.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    monkeypatch.setattr("connectors.administration.record", fail)
    with ada(connection), pytest.raises(Exception, match="division by zero"):
        pause(connection, reason="Plex is being upgraded.", at=AT)

    assert stored(connection).state == "new"
