"""The database itself keeps the trail: it refuses change, and it refuses what does not continue the chain.

Plain SQL triggers: nothing a session can set switches them off, only the tables' owner can, and then verification
finds what was changed. They hold for the owner as for the application role.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail is append-only: % of % is refused. To correct something, record a new entry.',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_entries_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_auditchain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""

# pg_temp comes last in the search path: no temporary table of a session can pose as one of ours.
HEAD = """
CREATE FUNCTION audit_head_moves_forward() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.seq = 0 AND NEW.hash = decode(repeat('00', 32), 'hex') THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.tenant_id = OLD.tenant_id AND NEW.seq > OLD.seq AND EXISTS (
        SELECT 1 FROM audit_auditentry e
        WHERE e.tenant_id = NEW.tenant_id AND e.seq = NEW.seq AND e.hash = NEW.hash
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The head of an audit chain starts at 0 and moves forwards to an entry, by inserting entries only.'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_head_moves_forward BEFORE INSERT OR UPDATE ON audit_auditchain
    FOR EACH ROW EXECUTE FUNCTION audit_head_moves_forward();
"""

# Once per statement, so that a batch of any size costs one pass over its own rows.
CONTINUE = """
CREATE FUNCTION audit_continue_chain() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    broken bigint;
BEGIN
    SELECT link.seq INTO broken FROM (
        SELECT fresh.seq, fresh.previous_hash, fresh.hash, fresh.body,
               lag(fresh.seq, 1, head.seq) OVER chain AS last_seq,
               lag(fresh.hash, 1, head.hash) OVER chain AS last_hash
        FROM fresh LEFT JOIN audit_auditchain head ON head.tenant_id = fresh.tenant_id
        WINDOW chain AS (PARTITION BY fresh.tenant_id ORDER BY fresh.seq)
    ) link
    WHERE link.seq IS DISTINCT FROM link.last_seq + 1
       OR link.previous_hash IS DISTINCT FROM link.last_hash
       OR link.hash IS DISTINCT FROM sha256(link.previous_hash || convert_to(link.body, 'UTF8'))
    ORDER BY link.seq LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Audit entry % does not continue its chain. Entries are written by audit.record only.', broken
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE audit_auditchain head SET seq = last.seq, hash = last.hash
    FROM (SELECT DISTINCT ON (tenant_id) tenant_id, seq, hash FROM fresh ORDER BY tenant_id, seq DESC) last
    WHERE head.tenant_id = last.tenant_id;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_entries_continue_the_chain AFTER INSERT ON audit_auditentry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit_continue_chain();
"""

UNDO = """
DROP TRIGGER audit_entries_continue_the_chain ON audit_auditentry;
DROP TRIGGER audit_head_moves_forward ON audit_auditchain;
DROP TRIGGER audit_head_stays ON audit_auditchain;
DROP TRIGGER audit_entries_are_immutable ON audit_auditentry;
DROP FUNCTION audit_continue_chain, audit_head_moves_forward, audit_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE + HEAD + CONTINUE, UNDO)]
