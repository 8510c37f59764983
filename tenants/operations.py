"""Changes of tables that an installation may have already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import migrations
from django.db.migrations.operations.base import Operation


class UnlessThere(migrations.SeparateDatabaseAndState):
    """These operations, but where the table has the column already nothing is done: two versions were released that
    differ in when they made it."""

    def __init__(self, table: str, column: str, operations: Sequence[Operation]) -> None:
        super().__init__(database_operations=operations, state_operations=operations)
        self._table, self._column = table, column

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self._table, self._column, self.state_operations], {}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            columns = schema_editor.connection.introspection.get_table_description(cursor, self._table)
        if self._column not in {column.name for column in columns}:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
