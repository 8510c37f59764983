"""Credentials at rest open for the connection, tenant and purpose they were given for, and for nobody else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from pytest_django import Settings

from connectors import seal
from connectors.models import Connection
from connectors.seal import SealBroken
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.stored import PLEX_CREDENTIALS, make_connection

BROKEN = b"gAAAAABnot-a-fernet-token"


def stored(connection: Connection) -> Connection:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)


def column(connection: Connection, name: str = "sealed") -> bytes:
    with tenant_scope(connection.tenant_id), database.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM connectors_connection WHERE id = %s", [connection.id])
        return bytes(cursor.fetchone()[0])


def overwrite(connection: Connection, ciphertext: bytes) -> None:
    with tenant_scope(connection.tenant_id), database.cursor() as cursor:
        cursor.execute("UPDATE connectors_connection SET sealed = %s WHERE id = %s", [ciphertext, connection.id])
        assert cursor.rowcount == 1


def test_what_was_stored_comes_back_and_is_not_in_the_database_in_clear() -> None:
    connection = make_connection(make_tenant("Acme"))

    assert stored(connection).open_credentials() == PLEX_CREDENTIALS
    assert PLEX_CREDENTIALS["api_key"].encode() not in column(connection)


@pytest.mark.parametrize("same_tenant", [True, False])
def test_a_ciphertext_copied_to_another_row_is_refused(same_tenant: bool) -> None:
    acme = make_tenant("Acme")
    mine = make_connection(acme)
    theirs = make_connection(acme if same_tenant else make_tenant("Other"), name="Copy")
    overwrite(theirs, column(mine))

    with pytest.raises(SealBroken, match="stored for another connection"):
        stored(theirs).open_credentials()


def test_what_was_sealed_for_one_purpose_does_not_open_for_another() -> None:
    tenant_id, connection_id = uuid.uuid4(), uuid.uuid4()
    sealed = seal.seal(tenant_id, connection_id, seal.TOKEN, {"token": "x"})

    with pytest.raises(SealBroken):
        seal.unseal(tenant_id, connection_id, seal.CREDENTIALS, sealed)


def test_every_key_opens_and_the_first_one_seals(installation: None, settings: Settings) -> None:
    old = settings.FERNET_KEYS
    connection = make_connection(make_tenant("Acme"))
    settings.FERNET_KEYS = ["a-new-key", *old]
    newer = make_connection(make_tenant("Acme"))

    assert stored(connection).open_credentials() == PLEX_CREDENTIALS
    assert (connection.sealed_by, newer.sealed_by) == (seal.key_id(old[0]), seal.key_id("a-new-key"))
    settings.FERNET_KEYS = ["a-new-key"]
    assert stored(newer).open_credentials() == PLEX_CREDENTIALS
    with pytest.raises(SealBroken, match="cannot be read with the keys in use"):
        stored(connection).open_credentials()


@pytest.fixture
def unreadable() -> tuple[Tenant, Connection]:
    """A connection whose ciphertext no key opens: to decrypt it anywhere is to fail."""
    acme = make_tenant("Acme")
    connection = make_connection(acme)
    overwrite(connection, BROKEN)
    return acme, connection


def test_lists_and_saves_need_no_key(unreadable: tuple[Tenant, Connection]) -> None:
    acme, connection = unreadable
    with tenant_scope(acme.id):
        (listed,) = Connection.objects.all()
        listed.refresh_from_db()
        listed.full_clean()
        listed.account = "changed"
        listed.save()
        assert Connection.objects.get(pk=connection.pk).account == "changed"
    with pytest.raises(SealBroken):
        stored(connection).open_credentials()


def test_saving_leaves_the_ciphertext_and_its_key_as_they_are(settings: Settings) -> None:
    connection = make_connection(make_tenant("Acme"))
    before = column(connection)
    settings.FERNET_KEYS = ["a-new-key", *settings.FERNET_KEYS]
    with tenant_scope(connection.tenant_id):
        stored(connection).save()

    assert column(connection) == before
    assert stored(connection).sealed_by == connection.sealed_by


def test_no_credentials_are_none() -> None:
    connection = make_connection(make_tenant("Acme"), credentials={})

    assert not connection.has_credentials
    assert stored(connection).open_credentials() == {}


def test_a_ciphertext_without_the_name_of_its_key_cannot_be_stored() -> None:
    connection = make_connection(make_tenant("Acme"))
    with (
        tenant_scope(connection.tenant_id),
        pytest.raises(IntegrityError, match="connection_names_its_key"),
        transaction.atomic(),
    ):
        Connection.objects.update(sealed_by="")


def test_nothing_sealed_shows_itself() -> None:
    connection = make_connection(make_tenant("Acme"), checked_at=datetime(2026, 3, 1, tzinfo=UTC))

    assert "gAAAA" not in repr(vars(stored(connection)))
    assert PLEX_CREDENTIALS["api_key"] not in repr(vars(connection))
