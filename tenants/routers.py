"""Which database role does what: the owner migrates, the application role does everything else."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    """Both aliases name the same database; only ``owner`` may change its tables."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True
