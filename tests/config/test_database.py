"""The embedded server: it starts by itself, is shared, and keeps its data; a deployment's own is read from its URL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.database import databases
from tests.conftest import ROOT

OUTSIDE = ("DATABASE_URL", "DATABASE_OWNER_URL", "SECRET_KEY", "FERNET_KEYS", "ML_DEVELOPMENT")


@pytest.fixture
def checkout() -> Iterator[dict[str, str]]:
    """The environment of a fresh checkout with a data directory of its own."""
    # Not pytest's directory: PostgreSQL run for root by another user must be able to get there.
    with tempfile.TemporaryDirectory(prefix="mlc-", dir="/tmp") as directory:
        environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        yield {**environment, "ML_DATA_DIR": directory}


def manage(environment: dict[str, str], *arguments: str) -> str:
    """What a ``manage.py`` command printed; it must succeed."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


SERVER = """
import json, sys
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT current_user, pg_postmaster_start_time()::text, (SELECT count(*) FROM mlc_tenant_ids())")
    print(json.dumps(cursor.fetchone()), flush=True)
sys.stdin.readline()
"""


def test_it_starts_by_itself_is_shared_by_processes_and_keeps_its_data(checkout: dict[str, str]) -> None:
    manage(checkout, "migrate", "-v0")
    zone, admin = ("--time-zone", "America/Detroit"), ("--admin-email", "ada@example.com")
    manage(checkout, "create_tenant", "Acme", "--slug", "acme", *zone, *admin)

    command = [sys.executable, "manage.py", "shell", "-v0", "-c", SERVER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, cwd=ROOT, env=checkout, **pipes) as web,  # type: ignore[call-overload]
        subprocess.Popen(command, cwd=ROOT, env=checkout, **pipes) as worker,  # type: ignore[call-overload]
    ):
        seen = [json.loads(process.stdout.readline()) for process in (web, worker)]
        for process in (web, worker):
            process.stdin.write("\n")
            process.stdin.flush()

    # The server was stopped after the commands above and started again: one server, the data still there.
    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][2]) == ("mlc_app", 1)


def test_the_keys_of_a_checkout_are_made_once_and_are_its_owners_alone(checkout: dict[str, str]) -> None:
    show = ("shell", "-v0", "-c", "from django.conf import settings; print(settings.SECRET_KEY)")
    printed = [manage(checkout, *show) for _ in range(2)]

    assert printed[0] == printed[1]
    keys = Path(checkout["ML_DATA_DIR"]) / "keys.json"
    assert keys.stat().st_mode & 0o077 == 0


def test_a_deployments_database_is_read_from_its_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:p%40ss@db.example:5433/mlc?sslmode=require")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner:x@db.example:5433/mlc")

    found = databases(tmp_path)

    app, owner = found["default"], found["owner"]
    assert (app["USER"], app["PASSWORD"], app["HOST"], app["PORT"], app["NAME"]) == (
        "app",
        "p@ss",
        "db.example",
        "5433",
        "mlc",
    )
    assert app["OPTIONS"] == {"sslmode": "require"}
    assert owner["USER"] == "owner"
    assert not list(tmp_path.iterdir())


def test_another_kind_of_database_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://app@db.example/mlc")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        databases(tmp_path)


def test_migrating_as_the_application_role_is_refused(checkout: dict[str, str]) -> None:
    """Row-level security would not apply to the owner of the tables."""
    from tests.conftest import database_environment

    environment = database_environment()
    environment["DATABASE_OWNER_URL"] = environment["DATABASE_URL"]
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "DATABASE_OWNER_URL" in done.stderr
