"""Row-level security: what the database itself lets the application role see and write.

``protect`` runs after every migration, for every model with a ``tenant`` column, so that no table can be
forgotten. The application role gets its privileges when all are protected, hence never on an unprotected table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connections, transaction
from django.db.models import Model
from psycopg import sql

from tenants.totals import TOTALS, TOTALS_READ

TENANT = "(SELECT NULLIF(current_setting('mlc.tenant', true), '')::uuid)"
USER = "(SELECT NULLIF(current_setting('mlc.user', true), '')::integer)"
API_KEY = "(SELECT NULLIF(current_setting('mlc.api_key', true), ''))"

APPEND_ONLY = frozenset({"audit_auditentry", "sync_approval"})
"""Tables the application role may read and insert into, nothing else."""

# Rows that lead to a tenant can be read by the identity that is to be led there, before any tenant is known.
READABLE_BY_IDENTITY = {
    "tenants_membership": f"user_id = {USER}",
    "tenants_apikey": f"prefix = {API_KEY}",
    # Its own rows are filtered by the policy on memberships.
    "tenants_tenant": "id IN (SELECT tenant_id FROM tenants_membership)",
}


def tenant_tables() -> Iterator[tuple[str, str]]:
    """(table, tenant column) of every table that holds a tenant's rows."""
    yield "tenants_tenant", "id"
    for model in apps.get_models():
        try:
            field = model._meta.get_field("tenant")
        except FieldDoesNotExist:
            continue
        yield model._meta.db_table, str(field.attname)  # type: ignore[union-attr]


def protect(using: str, application_role: str) -> None:
    """Afterwards row-level security is forced on every tenant table and the application role has its privileges.

    Where the migrating role owns the database, nobody else may make temporary tables in it: they would come before ours
    in whatever looks them up by name. Idempotent.

    Raises ImproperlyConfigured when the migrating role is the application role.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
        if owner == application_role:
            raise ImproperlyConfigured(
                "Migrations need a role of their own: set DATABASE_OWNER_URL to the role that owns the tables, "
                "different from the role in DATABASE_URL."
            )
        existing = set(connection.introspection.table_names(cursor))
    for table, column in tenant_tables():
        if table in existing:
            _protect_table(using, table, list(_policies(table, column, owner)))
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in _tenant_keys(existing):
            cursor.execute(statement)
        for statement in _functions() if "tenants_tenant" in existing else []:
            cursor.execute(statement)
        if existing >= OWNER_READS:  # else only some applications were migrated so far
            cursor.execute(TENANTS_WITH_WORK)
        for statement in _grants(application_role, existing):
            cursor.execute(statement)


# What the database itself says of a table's protection, and what we noted when we last made it.
_PROTECTION = """
    SELECT concat_ws(' ', c.relrowsecurity, c.relforcerowsecurity, string_agg(concat_ws(
               '|', p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
               pg_get_expr(p.polwithcheck, p.polrelid)), E'\n' ORDER BY p.polname)),
           max(obj_description(p.oid, 'pg_policy')) FILTER (WHERE p.polname = 'tenant_rows')
    FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
    WHERE c.oid = %s::regclass GROUP BY c.oid
"""


def _protect_table(using: str, table: str, statements: list[str]) -> None:
    """Replacing a policy locks everybody out of the table for a moment: one table at a time, and none that is protected
    as it should be already."""

    def protection(cursor: Any) -> tuple[str, str | None]:
        cursor.execute(_PROTECTION, [table])
        state, noted = cursor.fetchone()
        return hashlib.sha256("\n".join([state, *statements]).encode()).hexdigest(), noted

    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        present, noted = protection(cursor)
        if present == noted:
            return
        for statement in statements:
            cursor.execute(statement)
        present, _ = protection(cursor)
        cursor.execute(
            sql.SQL("COMMENT ON POLICY tenant_rows ON {} IS {}").format(sql.Identifier(table), sql.Literal(present))
        )


def _policies(table: str, column: str, owner: str) -> Iterator[str]:
    def render(template: str, **parts: sql.Composable) -> str:
        return sql.SQL(template).format(table=sql.Identifier(table), **parts).as_string(None)

    yield render("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    yield render("ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    own = sql.SQL("{} = " + TENANT).format(sql.Identifier(column))
    yield render("DROP POLICY IF EXISTS tenant_rows ON {table}")
    yield render("CREATE POLICY tenant_rows ON {table} USING ({own}) WITH CHECK ({own})", own=own)
    if condition := READABLE_BY_IDENTITY.get(table):
        yield render("DROP POLICY IF EXISTS identity_reads ON {table}")
        yield render("CREATE POLICY identity_reads ON {table} FOR SELECT USING ({c})", c=sql.SQL(condition))
    if table in OWNER_READS:
        yield render("DROP POLICY IF EXISTS owner_reads ON {table}")
        yield render(
            "CREATE POLICY owner_reads ON {table} FOR SELECT TO {owner} USING (true)", owner=sql.Identifier(owner)
        )


def _tenant_keys(existing: set[str]) -> Iterator[str]:
    """Foreign keys that include the tenant: PostgreSQL checks keys without row-level security, so a plain one would
    accept another tenant's row."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            target = field.related_model
            if not field.is_relation or not isinstance(target, type) or model._meta.db_table not in existing:
                continue
            if _is_tenants(model) and _is_tenants(target) and target._meta.db_table in existing:
                yield from _tenant_key(model._meta.db_table, str(field.column), target)


def _is_tenants(model: type[Model]) -> bool:
    return any(field.name == "tenant" for field in model._meta.concrete_fields)


def _tenant_key(table: str, column: str, target: type[Model]) -> Iterator[str]:
    referenced, key = target._meta.db_table, target._meta.pk.column
    unique, foreign = f"{referenced}_of_tenant", f"{table}_{column}_same_tenant"[:63]
    for name, on, definition in (
        (unique, referenced, sql.SQL("UNIQUE (tenant_id, {})").format(sql.Identifier(str(key)))),
        (
            foreign,
            table,
            sql.SQL("FOREIGN KEY (tenant_id, {}) REFERENCES {} (tenant_id, {}) DEFERRABLE INITIALLY DEFERRED").format(
                sql.Identifier(column), sql.Identifier(referenced), sql.Identifier(str(key))
            ),
        ),
    ):
        yield (
            sql.SQL(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = {name}) "
                "THEN ALTER TABLE {on} ADD CONSTRAINT {constraint} {definition}; END IF; END $$"
            )
            .format(
                name=sql.Literal(name), on=sql.Identifier(on), constraint=sql.Identifier(name), definition=definition
            )
            .as_string(None)
        )


OWNER_READS = frozenset(
    {
        "audit_auditchain",
        "connectors_connection",
        "sync_alerthook",
        "sync_delivery",
        "sync_dispatch",
        "sync_flow",
        "sync_integration",
        "sync_listening",
        "sync_looked",
        "sync_notice",
        "sync_payexpectation",
        "sync_payrun",
        "sync_posting",
        "sync_reconciliation",
        "sync_run",
        "sync_timing",
        "tenants_tenant",
    }
    | TOTALS_READ
)
"""Tables the functions below read across tenants; they run as the owner and give away ids and counts only."""

TENANTS_WITH_WORK = """
    CREATE OR REPLACE FUNCTION mlc_tenants_with_work(
        now timestamptz, dead timestamptz, unstarted timestamptz, untied timestamptz
    ) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        SELECT tenant_id FROM sync_run
         WHERE state IN ('fetching', 'applying') AND heartbeat_at < dead
        UNION
        SELECT tenant_id FROM sync_run WHERE state = 'scheduled' AND created_at < unstarted
        UNION
        SELECT journal.tenant_id FROM sync_posting journal
          JOIN sync_payrun paid ON paid.id = journal.pay_run_id
          JOIN sync_flow flow ON flow.integration_id = paid.integration_id
           AND flow.kind = 'payroll' AND flow.writes_enabled AND NOT flow.paused
         WHERE journal.state IN ('approved', 'posting', 'verifying')
           AND (journal.next_try_at <= now OR journal.state = 'posting' AND journal.heartbeat_at < dead)
            OR journal.state = 'posted' AND NOT EXISTS (
               SELECT FROM sync_reconciliation WHERE pay_run_id = journal.pay_run_id AND at > untied)
            OR journal.awaits_booking AND NOT EXISTS (
               SELECT FROM sync_reconciliation
                WHERE pay_run_id = journal.pay_run_id AND at > untied - interval '5 hours')
           AND EXISTS (
               SELECT FROM sync_integration pair JOIN connectors_connection ledger ON ledger.id = pair.target_id
                WHERE pair.id = paid.integration_id AND ledger.state NOT IN ('paused', 'attention'))
        UNION
        SELECT flow.tenant_id FROM sync_flow flow
          JOIN sync_integration pair ON pair.id = flow.integration_id
          JOIN connectors_connection side ON side.id IN (pair.source_id, pair.target_id)
         WHERE NOT flow.paused AND flow.every_minutes IS NOT NULL AND flow.next_run_at < now - interval '2 minutes'
         GROUP BY flow.tenant_id, flow.id HAVING bool_and(side.state <> 'paused')
        UNION
        SELECT timing.tenant_id FROM sync_timing timing
          JOIN sync_flow flow ON flow.id = timing.flow_id AND NOT flow.paused
          JOIN sync_integration pair ON pair.id = flow.integration_id
          JOIN connectors_connection side ON side.id IN (pair.source_id, pair.target_id)
         WHERE timing.next_at < now - interval '2 minutes'
         GROUP BY timing.tenant_id, timing.id HAVING bool_and(side.state <> 'paused')
        UNION
        SELECT tenant_id FROM sync_delivery WHERE state IN ('pending', 'asked')
        UNION
        SELECT tenant_id FROM sync_listening WHERE feed_at <= now
        UNION
        SELECT tenant_id FROM sync_dispatch WHERE next_at <= now
    $$
"""
"""Where the minute's work of ``sync.jobs.tick`` finds something: dead and unstarted runs, journals that are due or
not tied out lately or are still to be booked on the ledger, clocks whose time has passed, announcements and messages on
their way."""


TENANTS_TO_TELL = """
    CREATE OR REPLACE FUNCTION mlc_tenants_to_tell(now timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        SELECT tenant.id FROM tenants_tenant tenant
          LEFT JOIN audit_auditchain chain ON chain.tenant_id = tenant.id
          LEFT JOIN sync_looked looked ON looked.tenant_id = tenant.id
         WHERE looked.tenant_id IS NULL OR looked.seq <> coalesce(chain.seq, 0) OR looked.again_at <= now
        UNION
        SELECT tenant_id FROM sync_dispatch WHERE next_at <= now
    $$
"""
"""Where there may be something to tell people: something happened since the notices were kept, it is time to look
again, or a message is due."""

TENANTS_OVERDUE = """
    CREATE OR REPLACE FUNCTION mlc_tenants_overdue(now timestamptz) RETURNS TABLE (tenant uuid, known boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        WITH missed AS (
            SELECT DISTINCT tenant_id FROM sync_notice
             WHERE settled_at IS NULL AND resolved_at IS NULL AND kind = 'missed'
        )
        SELECT found.tenant_id, missed.tenant_id IS NOT NULL FROM (
            SELECT wound.tenant_id FROM (
                SELECT timing.tenant_id, flow.integration_id FROM sync_timing timing
                  JOIN sync_flow flow ON flow.id = timing.flow_id AND NOT flow.paused
                 WHERE timing.next_at < now - interval '10 minutes'
                UNION ALL
                SELECT tenant_id, integration_id FROM sync_flow
                 WHERE NOT paused AND every_minutes IS NOT NULL AND next_run_at < now - interval '15 minutes'
                   AND next_run_at < now - 2 * every_minutes * interval '1 minute'
            ) wound
             WHERE NOT EXISTS (
                   SELECT FROM sync_integration pair
                     JOIN connectors_connection side ON side.id IN (pair.source_id, pair.target_id)
                    WHERE pair.id = wound.integration_id AND side.state = 'paused')
            UNION
            SELECT tenant_id FROM sync_payexpectation WHERE look_at IS NULL OR look_at <= now
            UNION
            SELECT tenant_id FROM missed
        ) found LEFT JOIN missed USING (tenant_id)
    $$
"""
"""Where something may not have happened when it was due, and whether that is known already."""

OPEN_MISSED = """
    CREATE OR REPLACE FUNCTION mlc_open_missed(now timestamptz) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        SELECT count(*) FROM sync_notice WHERE settled_at IS NULL AND resolved_at IS NULL AND kind = 'missed'
           AND (cause NOT LIKE 'expectation:%' OR opened_at > now - interval '1 day')
    $$
"""
"""How much did not start when it was due, and pay dates missed on the last day: one that stays open longer is the
company's to settle, and must not keep whoever watches from seeing the next alarm."""


def _functions() -> Iterator[str]:
    yield """
        CREATE OR REPLACE FUNCTION mlc_tenant_ids() RETURNS SETOF uuid
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
        AS 'SELECT id FROM tenants_tenant ORDER BY created_at, id'
    """
    yield """
        CREATE OR REPLACE FUNCTION mlc_sealed_by() RETURNS TABLE (key_id text, connections bigint)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
        AS 'SELECT sealed_by, count(*) FROM (
                SELECT sealed_by FROM connectors_connection WHERE sealed IS NOT NULL UNION ALL
                SELECT sealed_by FROM connectors_accesstoken WHERE sealed IS NOT NULL UNION ALL
                SELECT sealed_by FROM sync_alerthook WHERE sealed IS NOT NULL
            ) everything GROUP BY 1 ORDER BY 1'
    """
    yield """
        CREATE OR REPLACE FUNCTION mlc_connection_of_webhook(key uuid)
        RETURNS TABLE (tenant_id uuid, connection_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
        AS 'SELECT c.tenant_id, c.id FROM connectors_connection c WHERE c.webhook_key = key'
    """
    yield """
        CREATE OR REPLACE FUNCTION mlc_connections_of_company(of_vendor text, of_company text)
        RETURNS TABLE (tenant_id uuid, connection_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
        AS 'SELECT c.tenant_id, c.id FROM connectors_connection c
            WHERE c.vendor = of_vendor AND c.company = of_company AND c.company <> $$$$ ORDER BY c.created_at, c.id'
    """
    yield from (TENANTS_TO_TELL, TENANTS_OVERDUE, OPEN_MISSED, TOTALS)


NOBODY_MAKES_TEMPORARY_TABLES = """
    DO $$ BEGIN
        IF EXISTS (
            SELECT FROM pg_database, LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS held
             WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
               AND held.grantee = 0 AND held.privilege_type = 'TEMPORARY'
        ) THEN
            EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
        END IF;
    END $$
"""

OURS_ALONE_CALL = """
    DO $$ DECLARE ours regprocedure; BEGIN
        FOR ours IN SELECT oid FROM pg_proc
                     WHERE prosecdef AND pronamespace = 'public'::regnamespace AND pg_has_role(proowner, 'USAGE')
        LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', ours);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', ours, {role});
        END LOOP;
    END $$
"""
"""What runs as the owner is called by the application role and by nobody else."""


def _grants(role: str, tables: set[str]) -> Iterator[str]:
    grantee = sql.Identifier(role).as_string(None)
    yield f"GRANT USAGE ON SCHEMA public TO {grantee}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {grantee}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {grantee}"
    yield NOBODY_MAKES_TEMPORARY_TABLES
    yield OURS_ALONE_CALL.format(role=sql.Literal(role).as_string(None))
    for table in sorted(APPEND_ONLY & tables):
        yield f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {grantee}"


def protect_after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Signal receiver: ``protect`` with the application role of ``DATABASES['default']``."""
    protect(using, connections["default"].settings_dict["USER"])


def tenant_ids() -> list[Any]:
    """The ids of all tenants, oldest first: for jobs that visit each tenant in its own scope."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT * FROM mlc_tenant_ids()")
        return [row[0] for row in cursor.fetchall()]
