"""What was backed up is what comes back, on a server that has never seen it: every row, every right, the proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from sync.models import Posting, Run, RunItem
from tenants.models import Role
from tests.cast import make_key, make_tenant
from tests.conftest import database_environment
from tests.operating.installation import Installation, Server, server, tool
from tests.sync.payroll.payday import Payday, ready


@contextmanager
def restored() -> Iterator[tuple[Server, Installation, Installation]]:
    """(new server, the installation there, the one that was backed up): by the commands of docs/operating.md."""
    owner = connections["owner"].settings_dict
    here = Installation(database_environment())
    dump = tool("pg_dump", "--format=custom", owner["NAME"], socket_dir=owner["HOST"], PGPORT=str(owner["PORT"]))
    with server() as there:
        there.create_roles()
        arguments = ("--exit-on-error", "--single-transaction", "--dbname", "mlc")
        tool("pg_restore", *arguments, socket_dir=there.socket_dir, given=dump)
        yield there, Installation.on(there), here


def a_story(sandbox: dict[str, str]) -> Payday:
    """People and a pay run, whose journal is on the ledger."""
    payday, pay_run = ready(sandbox)
    payday.story.map_everything()
    payday.story.run()
    payday.approve(pay_run)
    payday.advance(pay_run)
    assert [p.state for p in payday.postings()] == [Posting.State.RECONCILED]
    return payday


@pytest.mark.timeout(900)
def test_a_backup_comes_back_whole_proven_protected_and_at_work(installation: None, sandbox: dict[str, str]) -> None:
    payday = a_story(sandbox)
    tenant = payday.story.tenant
    key = make_key(tenant, Role.PREPARER)
    make_tenant("Other Corp")
    journals, people = payday.journals(), len(payday.story.employees())

    with restored() as (there, new, old):
        before = json.loads(old.manage("census"))
        assert before["companies"][str(tenant.id)]["tables"]["sync_runitem"]["rows"] > 0
        assert json.loads(new.manage("census")) == before
        assert f"{tenant.slug}: " in new.manage("verify_audit", "--all")
        protected_as_before(there, tenant.id)
        new.manage("migrate", "--check")
        new.manage("migrate", "-v0")
        assert json.loads(new.manage("census"))["companies"] == before["companies"]
        works(new, payday, key)

    assert payday.journals() == journals
    assert len(payday.story.employees()) == people


def protected_as_before(there: Server, tenant_id: Any) -> None:
    """The application role sees a company's rows in its scope only, and cannot touch the audit trail."""
    here = {"host": there.socket_dir, "user": "mlc_app", "password": "app", "dbname": "mlc"}
    with psycopg.connect(make_conninfo(**here), autocommit=True) as application:
        for table in ("sync_run", "sync_posting", "audit_auditentry", "connectors_connection"):
            assert application.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        with application.transaction():
            application.execute("SELECT set_config('mlc.tenant', %s, true)", [str(tenant_id)])
            assert application.execute("SELECT count(DISTINCT tenant_id) FROM sync_run").fetchone() == (1,)
        for statement in (
            "DELETE FROM audit_auditentry",
            "UPDATE sync_approval SET tenant_id = tenant_id",
            "ALTER TABLE sync_run DISABLE ROW LEVEL SECURITY",
            "SET ROLE mlc_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)
    unforced = "SELECT count(*) FROM pg_policies JOIN pg_class ON relname = tablename WHERE NOT relforcerowsecurity"
    assert there.sql(unforced) == "0"
    assert there.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'mlc_owner'") == "0"


def works(new: Installation, payday: Payday, key: str) -> None:
    """The web process is ready; a run asked for there is worked on there, finds nothing to do and hires nobody."""
    flow = payday.story.flows["people"].pk
    headers = {"Authorization": f"Api-Key {key}"}
    with new.web() as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        asked = client.post(f"/api/v1/flows/{flow}/run/", headers=headers, json={"kind": "full"})
        assert asked.status_code in (200, 201, 202), asked.text
        run = asked.json()["id"]
        with new.worker() as worker:

            def ended() -> Any:
                found = client.get(f"/api/v1/runs/{run}/", headers=headers).json()
                return found if found["state"] in Run.ENDED else None

            found = new.until(ended, worker, "the run does not end")
    assert (found["state"], found["created"], found["updated"]) == (Run.State.SUCCEEDED, 0, 0)
    with payday.scope():
        assert RunItem.objects.filter(run_id=run).count() == 0
