"""The database itself keeps tenants apart, whatever the application does."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, close_old_connections, connection, connections, transaction

from connectors.models import Connection
from sync.models import Integration
from tenants.models import Membership, Role, Tenant
from tenants.rls import tenant_ids, tenant_tables
from tenants.scope import NoTenantScope, tenant_scope
from tests.cast import make_cast, make_tenant, make_user


@pytest.fixture
def raw() -> Iterator[psycopg.Connection]:
    """A connection as the application role, without anything of ours around it."""
    parameters = connections["default"].get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{k: parameters[k] for k in names if parameters.get(k)}, autocommit=True) as connection:
        yield connection


def make_connection(tenant: Tenant, name: str = "Plex") -> Connection:
    with tenant_scope(tenant.id):
        return Connection.objects.create(vendor="plex", name=name)


def test_the_application_role_is_neither_superuser_nor_owner_nor_exempt(raw: psycopg.Connection) -> None:
    row = raw.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    owned = raw.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user").fetchone()

    assert row == (False, False, False)
    assert owned == (0,)


def test_row_level_security_is_forced_on_every_tenant_table(raw: psycopg.Connection) -> None:
    secured: dict[str, bool] = dict(
        raw.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relkind = 'r'"
        ).fetchall()
    )
    with_tenant_column = {
        row[0]
        for row in raw.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'")
    }

    tables = {table for table, _ in tenant_tables()}
    assert with_tenant_column <= tables
    assert len(tables) > 10
    assert [table for table in sorted(tables) if not secured[table]] == []


def test_what_runs_as_the_owner_looks_names_up_in_ours_only_and_is_called_by_the_application_alone(
    raw: psycopg.Connection,
) -> None:
    found = raw.execute("""
        SELECT proname, proconfig, has_function_privilege(current_user, oid, 'EXECUTE'),
               EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
          FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
    """).fetchall()

    assert len(found) > 5
    for name, settings, ours, everybodys in found:
        assert settings == ["search_path=pg_catalog, public, pg_temp"], name
        assert (ours, everybodys) == (True, False), name


def test_no_temporary_table_stands_in_for_one_of_ours(raw: psycopg.Connection) -> None:
    for statement in (
        "CREATE TEMPORARY VIEW sync_notice AS SELECT 'missed'::text AS kind",
        "CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(statement)


def test_raw_sql_without_a_tenant_sees_no_row_of_any_tenant_table(raw: psycopg.Connection) -> None:
    make_connection(make_cast().acme)

    for table, _ in tenant_tables():
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_raw_sql_with_tenant_a_sees_none_of_bs_rows(raw: psycopg.Connection) -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    make_connection(acme)
    make_connection(other)

    with raw.transaction():
        raw.execute("SELECT set_config('mlc.tenant', %s, true)", [str(acme.id)])
        for table, column in tenant_tables():
            assert raw.execute(f"SELECT count(*) FROM {table} WHERE {column} <> %s", [acme.id]).fetchone() == (0,)
        assert raw.execute("SELECT count(*) FROM connectors_connection").fetchone() == (1,)


def test_a_row_cannot_be_written_for_another_tenant() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    theirs = make_connection(other)

    with tenant_scope(acme.id):
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Connection.objects.create(tenant=other, vendor="plex", name="planted")
        assert Connection._base_manager.filter(pk=theirs.pk).update(name="taken") == 0
        assert Connection._base_manager.filter(pk=theirs.pk).delete()[0] == 0


def test_without_a_scope_the_application_raises_before_the_database_has_to() -> None:
    with pytest.raises(NoTenantScope):
        Connection.objects.count()
    assert Connection._base_manager.count() == 0


def test_a_write_without_a_scope_fails() -> None:
    acme = make_tenant("Acme")

    with pytest.raises(DatabaseError, match="row-level security"):
        Connection(tenant_id=acme.id, vendor="plex", name="x").save(force_insert=True)


def test_the_tenant_ends_with_its_scope_on_the_same_connection() -> None:
    acme = make_tenant("Acme")
    make_connection(acme)

    with tenant_scope(acme.id):
        assert Connection._base_manager.count() == 1
    assert Connection._base_manager.count() == 0
    assert _session_tenant() in (None, "")


def test_the_tenant_ends_with_its_scope_inside_one_transaction() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    make_connection(acme)

    with transaction.atomic():
        with tenant_scope(acme.id):
            assert Connection._base_manager.count() == 1
            with tenant_scope(other.id):
                assert Connection._base_manager.count() == 0
            assert Connection._base_manager.count() == 1
        assert Connection._base_manager.count() == 0


def test_an_exception_leaves_no_tenant_behind() -> None:
    acme = make_tenant("Acme")
    make_connection(acme)

    with pytest.raises(DatabaseError), tenant_scope(acme.id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert Connection._base_manager.count() == 0
    assert _session_tenant() in (None, "")


def test_a_rolled_back_savepoint_does_not_confuse_the_scopes() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    make_connection(acme)

    with tenant_scope(acme.id), transaction.atomic():
        assert Connection._base_manager.count() == 1
        with pytest.raises(RuntimeError), transaction.atomic(), tenant_scope(other.id):
            assert Connection._base_manager.count() == 0
            raise RuntimeError
        assert Connection._base_manager.count() == 1
        with pytest.raises(RuntimeError), transaction.atomic():
            with tenant_scope(other.id):
                assert Connection._base_manager.count() == 0
            assert Connection._base_manager.count() == 1
            raise RuntimeError
        assert Connection._base_manager.count() == 1


def test_threads_do_not_inherit_each_others_tenant() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    make_connection(acme)
    seen: dict[str, int] = {}

    def look(name: str, tenant_id: uuid.UUID | None) -> None:
        try:
            if tenant_id is None:
                seen[name] = Connection._base_manager.count()
            else:
                with tenant_scope(tenant_id):
                    seen[name] = Connection._base_manager.count()
        finally:
            close_old_connections()
            connection.close()

    with tenant_scope(acme.id):
        threads = [
            threading.Thread(target=look, args=arguments)
            for arguments in (("bare", None), ("acme", acme.id), ("other", other.id))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert seen == {"bare": 0, "acme": 1, "other": 0}


def test_streaming_a_query_stays_in_its_tenant() -> None:
    acme = make_tenant("Acme")
    for number in range(5):
        make_connection(acme, f"Plex {number}")

    with tenant_scope(acme.id):
        assert len(list(Connection.objects.iterator(chunk_size=2))) == 5


def test_a_user_sees_own_memberships_only() -> None:
    from tenants.membership import choose_membership, memberships_of

    cast = make_cast()
    with tenant_scope(cast.other.id):
        Membership.objects.create(user=cast.people[Role.VIEWER], role=Role.PREPARER)
    vera = cast.people[Role.VIEWER]

    assert {m.tenant.name for m in memberships_of(vera.pk)} == {"Acme", "Other Corp"}
    assert {m.tenant.name for m in memberships_of(cast.olga.pk)} == {"Other Corp"}
    chosen = choose_membership(vera.pk, str(cast.other.id))
    assert chosen is not None
    assert chosen.role == Role.PREPARER
    fallback = choose_membership(cast.olga.pk, str(cast.acme.id))
    assert fallback is not None
    assert fallback.tenant_id == cast.other.id


def test_jobs_learn_the_ids_of_tenants_and_nothing_else() -> None:
    acme = make_tenant("Acme")

    assert acme.id in tenant_ids()
    assert Tenant.objects.filter(pk=acme.id).count() == 0


def test_a_person_without_a_role_anywhere_gets_nothing() -> None:
    from tenants.membership import choose_membership

    cast = make_cast()
    stranger = make_user("sam", cast.acme, Role.VIEWER)
    with tenant_scope(cast.acme.id):
        Membership.objects.filter(user=stranger).delete()

    assert choose_membership(stranger.pk, str(cast.acme.id)) is None


def _session_tenant() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('mlc.tenant', true)")
        found: str | None = cursor.fetchone()[0]
    return found


def test_no_row_can_point_to_another_tenants_row() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other")
    theirs = [make_connection(other, name) for name in ("Rippling", "Plex")]

    with tenant_scope(acme.id):
        with pytest.raises(DatabaseError, match="same_tenant"), transaction.atomic():
            Integration.objects.create(name="planted", source_id=theirs[0].pk, target_id=theirs[1].pk)
        assert Integration.objects.count() == 0


def test_every_key_between_tenant_tables_includes_the_tenant(raw: psycopg.Connection) -> None:
    named = {row[0] for row in raw.execute("SELECT conname FROM pg_constraint WHERE contype = 'f'")}

    missing = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation
        and {"tenant"} <= {f.name for f in model._meta.concrete_fields}
        and isinstance(field.related_model, type)
        and {"tenant"} <= {f.name for f in field.related_model._meta.concrete_fields}
        and f"{model._meta.db_table}_{field.column}_same_tenant"[:63] not in named
    ]
    assert missing == []
    assert sum(name.endswith("_same_tenant") for name in named) > 10
