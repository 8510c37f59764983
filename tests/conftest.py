"""PostgreSQL for the tests, the simulators, and the cast of every story.

Tests commit for real: each one makes its own tenants, and row-level security keeps the stories apart, as it keeps
customers apart. Nothing is rolled back or flushed between tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import pytest_django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT.parent / "shared" / "specs"

# Half of Hypothesis' own number of examples; `--hypothesis-profile=default` tries all of them.
hypothesis.settings.register_profile("short", max_examples=50)
hypothesis.settings.load_profile("short")


def pytest_configure(config: pytest.Config) -> None:
    # Password hashing is not what these tests are about.
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """A database of this test process: made and migrated by the owner role, used by the application role."""
    from django.db import connections

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    # The process id keeps two test runs on one checkout apart.
    name = f"test_mlc_{worker}_{os.getpid()}"
    owner, application = connections["owner"], connections["default"]
    original = owner.settings_dict["NAME"]
    owner.settings_dict["TEST"]["NAME"] = name
    with django_db_blocker.unblock():
        owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        with _databases() as server:
            server.execute(f"CREATE DATABASE {name}_blank TEMPLATE {name}")
        application.settings_dict["NAME"] = name
        yield
        with _databases() as server:
            server.execute(f"DROP DATABASE {name}_blank")
        application.settings_dict["NAME"] = original
        owner.creation.destroy_test_db(original, verbosity=0)


@contextmanager
def _databases(*, as_role: str = "owner") -> Iterator[psycopg.Connection[Any]]:
    """Where databases can be made and dropped, while this process is connected to none."""
    from django.db import connections

    connections["default"].close()
    connections["owner"].close()
    there = connections[as_role].get_connection_params() | {"dbname": "postgres"}
    with psycopg.connect(**there, autocommit=True) as connection:
        yield connection


@pytest.fixture
def installation(django_db_setup: None) -> Iterator[None]:
    """A database of this story's own, as after the first migration, for what looks at all companies or serves all
    queues: other stories left theirs in the common one. Ask for it before anything that makes a company."""
    from django.db import connections

    common = connections["default"].settings_dict["NAME"]
    own = f"{common}_{uuid.uuid4().hex[:8]}"
    with _databases() as server:
        server.execute(f"CREATE DATABASE {own} TEMPLATE {common}_blank")
    _use(own)
    yield
    with _databases(as_role="default") as server:
        # Processes that were killed may still be connected, and only their own role may end them.
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            [own],
        )
    _use(common)
    with _databases() as server:
        server.execute(f"DROP DATABASE {own}")


def _use(name: str) -> None:
    from django.db import connections

    for alias in ("default", "owner"):
        connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session", autouse=True)
def _database(django_db_setup: None) -> None:
    """Database access for every test and fixture, committed for real."""


@pytest.fixture(autouse=True)
def _no_scope_left_behind() -> Iterator[None]:
    yield
    from tenants.scope import has_tenant_scope

    assert not has_tenant_scope(), "the test left a tenant scope open"


@pytest.fixture
def as_described() -> Iterator[None]:
    """Afterwards every request our connectors sent in this test was one the vendor's description allows."""
    from tests.connectors.customers import CREATED
    from tests.specification import check_customer

    CREATED.clear()
    yield
    if SPECS.is_dir():
        for customer in CREATED:
            check_customer(customer)


def database_environment() -> dict[str, str]:
    """Environment for a child process that is to work on this test process's database."""
    from django.conf import settings
    from django.db import connections

    def url(alias: str) -> str:
        values = connections[alias].settings_dict
        return (
            f"postgresql://{values['USER']}:{values['PASSWORD']}@:{values['PORT']}/{values['NAME']}"
            f"?host={values['HOST']}"
        )

    return {
        **os.environ,
        "DATABASE_URL": url("default"),
        "DATABASE_OWNER_URL": url("owner"),
        "ML_DEVELOPMENT": "true",
        "SECRET_KEY": settings.SECRET_KEY,
        "FERNET_KEYS": ",".join(settings.FERNET_KEYS),
        "ALLOW_LOOPBACK_VENDORS": "true",
        "PYTHONPATH": str(ROOT),
        "PYTHONDEVMODE": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


@pytest.fixture(scope="session")
def sandbox() -> Iterator[dict[str, str]]:
    """Every vendor simulator in a process of its own; vendor → base URL."""
    with subprocess.Popen(  # one process for all tests of this worker; each test makes its own companies in it
        [sys.executable, "-m", "sandbox"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()
