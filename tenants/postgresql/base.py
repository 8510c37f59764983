"""Tells PostgreSQL whose rows may be seen, for the length of one transaction and never longer.

The scope's settings are made with ``set_config(…, is_local => true)`` inside the transaction that runs the
statement; a statement outside a transaction gets a transaction of its own. Nothing is ever set for the session,
so a pooled or persistent connection, an exception or another thread cannot inherit a tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base

from tenants.scope import SETTINGS, current_settings

Bound = tuple[str, ...]
NOTHING: Bound = ("",) * len(SETTINGS)
_SELECT = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in SETTINGS)


class DatabaseWrapper(base.DatabaseWrapper):
    """``_bound`` is what this transaction has been told; None means unknown, tell it again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bound: Bound | None = NOTHING
        self.execute_wrappers.append(self._bind)

    def _bind(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        wanted = current_settings()
        if not self.in_atomic_block and self.get_autocommit():
            if wanted == NOTHING:
                return execute(sql, params, many, context)
            with transaction.atomic(using=self.alias):
                self._tell(wanted)
                return execute(sql, params, many, context)
        if wanted != self._bound:
            self._tell(wanted)
        return execute(sql, params, many, context)

    def _tell(self, wanted: Bound) -> None:
        assert self.connection is not None
        # As for every statement: a connection that was lost is Django's error, and is not used again.
        with self.wrap_database_errors:
            self.connection.execute(_SELECT, wanted)
        self._bound = wanted

    # The setting ends with the transaction, and a rolled-back savepoint may have taken it along.

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        self._bound = NOTHING

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._bound = None

    def connect(self) -> None:
        super().connect()
        self._bound = NOTHING

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._bound = NOTHING

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]
        self._bound = NOTHING
