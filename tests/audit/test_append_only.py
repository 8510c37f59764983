"""The database refuses to change the trail, whoever asks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.models import ProtectedError

from audit.models import AuditChain, AuditEntry
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.audit.trail import AT, company_with_trail, entries_of, verified, worker_entry, write

APPLICATION, OWNER = "default", "owner"


def run_as(role: str, tenant: Tenant, sql: str, params: list[Any] | None = None) -> None:
    with tenant_scope(tenant.id), transaction.atomic(using=role), connections[role].cursor() as cursor:
        cursor.execute(sql, params or [])


@pytest.mark.parametrize("role", [APPLICATION, OWNER])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditentry SET action = 'worker.created'",
        "UPDATE audit_auditentry SET body = body WHERE seq = 2",
        "UPDATE audit_auditentry SET body = '' WHERE seq = -1",
        "DELETE FROM audit_auditentry WHERE seq = 3",
        "TRUNCATE audit_auditentry",
        "INSERT INTO audit_auditentry SELECT * FROM audit_auditentry ON CONFLICT (id) DO UPDATE SET action = 'x'",
    ],
)
def test_an_entry_cannot_be_changed_or_deleted(role: str, sql: str) -> None:
    acme = company_with_trail(4)

    with pytest.raises(DatabaseError, match="permission denied" if role == APPLICATION else "append-only"):
        run_as(role, acme, sql)

    assert [entry.seq for entry in entries_of(acme)] == [1, 2, 3, 4]
    assert verified(acme).ok


@pytest.mark.parametrize("role", [APPLICATION, OWNER])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditchain SET seq = 3",
        "UPDATE audit_auditchain SET seq = 3, hash = (SELECT hash FROM audit_auditentry WHERE seq = 3)",
        "UPDATE audit_auditchain SET seq = 5",
        "UPDATE audit_auditchain SET hash = sha256('')",
        "DELETE FROM audit_auditchain",
        "TRUNCATE audit_auditchain",
    ],
)
def test_the_head_cannot_go_back_vanish_or_lie(role: str, sql: str) -> None:
    acme = company_with_trail(4)

    with pytest.raises(DatabaseError, match=r"append-only|moves forwards|permission denied"):
        run_as(role, acme, sql)

    assert verified(acme).head_matches


@pytest.mark.parametrize("role", [APPLICATION, OWNER])
def test_the_guards_cannot_be_switched_off_by_a_session(role: str) -> None:
    acme = company_with_trail(2)

    with pytest.raises(DatabaseError, match="permission denied"):
        run_as(role, acme, "SET session_replication_role = replica")


def forged(tenant: Tenant, **changed: Any) -> AuditEntry:
    """What would be a valid next entry, but for ``changed``."""
    with tenant_scope(tenant.id):
        head = AuditChain.objects.get()
    body = f'{{"format":1,"seq":{head.seq + 1}}}'
    values = {"seq": head.seq + 1, "previous_hash": bytes(head.hash), "body": body, **changed}
    values.setdefault("hash", hashlib.sha256(values["previous_hash"] + values["body"].encode()).digest())
    return AuditEntry(tenant=tenant, at=AT, action="worker.created", **values)


@pytest.mark.parametrize(
    "changed",
    [{"seq": 6}, {"seq": 0}, {"previous_hash": bytes(32)}, {"hash": bytes(32)}, {"previous_hash": b""}],
    ids=["gap", "before the first", "another branch", "wrong hash", "no previous hash"],
)
def test_an_entry_that_does_not_continue_the_chain_is_not_inserted(changed: dict[str, Any]) -> None:
    acme = company_with_trail(4)

    with tenant_scope(acme.id), pytest.raises(DatabaseError, match="does not continue its chain"):
        forged(acme, **changed).save()

    with tenant_scope(acme.id):
        forged(acme).save()
    assert len(entries_of(acme)) == 5


@contextmanager
def may_make_temporary_tables() -> Iterator[None]:
    """On a database whose owner is not ours everybody may."""
    database, role = connections[OWNER].settings_dict["NAME"], connections[APPLICATION].settings_dict["USER"]
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {role}")
    try:
        yield
    finally:
        with connections[OWNER].cursor() as cursor:
            cursor.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM {role}")


def test_a_temporary_table_cannot_pose_as_the_head() -> None:
    acme = company_with_trail(4)
    entry = forged(acme, seq=9, previous_hash=bytes(32))

    with (
        may_make_temporary_tables(),
        tenant_scope(acme.id),
        pytest.raises(DatabaseError, match="does not continue its chain"),
        transaction.atomic(),
        connections[APPLICATION].cursor() as cursor,
    ):
        cursor.execute(
            "CREATE TEMPORARY TABLE audit_auditchain ON COMMIT DROP AS "
            "SELECT %s::uuid AS tenant_id, 8::bigint AS seq, %s::bytea AS hash",
            [acme.id, bytes(32)],
        )
        entry.save()


def test_a_company_with_a_trail_cannot_be_deleted() -> None:
    acme = company_with_trail(2)

    with tenant_scope(acme.id), pytest.raises(ProtectedError):
        acme.delete()
    with pytest.raises(DatabaseError, match="foreign key"):
        run_as(OWNER, acme, "DELETE FROM tenants_tenant WHERE id = %s", [acme.id])

    write(acme, worker_entry())
    assert verified(acme).entries == 3
