"""Database work beside the caller's: committed at once, whatever becomes of the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from tenants.scope import tenant_scope


@contextmanager
def isolated_connection(tenant_id: uuid.UUID) -> Iterator[None]:
    """Inside, this thread's ORM uses a database connection of its own, in the tenant's scope.

    Connectors call from pool threads, which inherit no scope and close nothing, and sometimes from within a
    transaction, where a row lock would stop every other worker and a rollback would undo the accounting.
    Afterwards the connection is closed and the thread has the one it had before.
    """
    usual = connections["default"]
    connections["default"] = own = connections.create_connection("default")
    try:
        with tenant_scope(tenant_id):
            yield
    finally:
        connections["default"] = usual
        own.close()
