"""A migration that cannot have a table at once lets everybody else go on, and comes again."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.operating.installation import Installation, server

TABLE = "sync_run"


@pytest.mark.timeout(900)
def test_a_table_in_use_delays_nobody_for_long_and_is_changed_when_it_is_free() -> None:
    with server() as here:
        here.create_roles()
        installation = Installation.on(here)
        installation.manage("migrate", "-v0")
        # Something to do for the next migration: the table's protection is not as it should be.
        here.sql(f"ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY")
        conninfo = make_conninfo(host=here.socket_dir, user="mlc_owner", dbname="mlc")
        waits: list[float] = []
        over = threading.Event()

        def look() -> None:
            with psycopg.connect(conninfo, autocommit=True) as somebody:
                while not over.wait(0.05):
                    began = time.monotonic()
                    somebody.execute(f"SELECT count(*) FROM {TABLE}")
                    waits.append(time.monotonic() - began)

        with psycopg.connect(conninfo) as holder:
            holder.execute(f"SELECT count(*) FROM {TABLE}")  # its transaction stays open
            with subprocess.Popen(
                [sys.executable, "manage.py", "migrate", "-v0"],
                cwd=installation.code,
                env=installation.environment,
                stderr=subprocess.PIPE,
                text=True,
            ) as migration:
                assert migration.stderr is not None
                visitor = threading.Thread(target=look)
                visitor.start()
                while "in use" not in (said := migration.stderr.readline()):
                    assert said, "the migration has ended"
                assert here.sql(f"SELECT relforcerowsecurity FROM pg_class WHERE relname = '{TABLE}'") == "f"
                holder.rollback()
                migration.stderr.read()
                code = migration.wait()
                over.set()
                visitor.join()

    assert code == 0
    assert max(waits) < 4
    assert len(waits) > 5


@pytest.mark.timeout(900)
def test_what_is_protected_already_is_not_even_asked_for() -> None:
    with server() as here:
        here.create_roles()
        installation = Installation.on(here)
        installation.manage("migrate", "-v0")
        conninfo = make_conninfo(host=here.socket_dir, user="mlc_owner", dbname="mlc")
        with psycopg.connect(conninfo) as reader:
            reader.execute(f"SELECT count(*) FROM {TABLE}, sync_posting, audit_auditentry")
            installation.manage("migrate", "-v0")
            assert here.sql(f"SELECT relforcerowsecurity FROM pg_class WHERE relname = '{TABLE}'") == "t"
