"""Rows of one entity set: found by key or index, numbered by version, and put back when a changeset fails."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.dynamics.model import EntityType, Record, comparable, shown

Key = tuple[Any, ...]
Undo = list[Callable[[], None]]


class Row:
    """One record; names that start with an underscore are our own and never shown."""

    __slots__ = ("number", "record", "version")

    def __init__(self, record: Record, number: int) -> None:
        self.record = record
        self.number = number
        self.version = 1

    @property
    def etag(self) -> str:
        return 'W/"' + base64.b64encode(f"{self.version},{self.number}".encode()).decode() + '"'


class Table:
    """Rows in order of arrival. Every change leaves in ``undo`` how to take it back."""

    def __init__(self, entity: EntityType, undo: Undo, indexed: Iterable[str] = ()) -> None:
        self.entity = entity
        self.rows: dict[Key, Row] = {}
        self._undo = undo
        self._indexes: dict[str, dict[Any, dict[Key, Row]]] = {name: {} for name in indexed}
        self._arrived = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(sorted(self.rows.values(), key=lambda row: row.number))

    def key_of(self, record: Record) -> Key:
        return tuple(comparable(record[name]) for name in self.entity.keys)

    def find(self, *key: Any) -> Row | None:
        """The row with these key values, in the order of the entity's key and without regard to case."""
        return self.rows.get(tuple(comparable(value) for value in key))

    def matching(self, equal: Record) -> Iterable[Row]:
        """The rows a filter has to look at: those an index names for one of the wanted values, else all."""
        for name in self._indexes.keys() & equal.keys():
            return self._indexes[name].get(equal[name], {}).values()
        return self.rows.values()

    def add(self, record: Record) -> Row:
        """ValueError for a property the entity does not have, or a key that is taken."""
        self._refuse_unknown(record)
        key = self.key_of(record)
        if key in self.rows:
            raise ValueError(f"{self.entity.name} has {key} already")
        self._arrived += 1
        row = Row(record, self._arrived)
        self._put(key, row)
        self._undo.append(lambda: self._take(key, row))
        return row

    def change(self, row: Row, changes: Record) -> None:
        self._refuse_unknown(changes)
        old, version = row.record, row.version
        self._replace(row, old | changes, version + 1)
        self._undo.append(lambda: self._replace(row, old, version))

    def remove(self, row: Row) -> None:
        key = self.key_of(row.record)
        self._take(key, row)
        self._undo.append(lambda: self._put(key, row))

    def _replace(self, row: Row, record: Record, version: int) -> None:
        self._take(self.key_of(row.record), row)
        row.record, row.version = record, version
        self._put(self.key_of(record), row)

    def _put(self, key: Key, row: Row) -> None:
        self.rows[key] = row
        for name, index in self._indexes.items():
            index.setdefault(self._indexed(row, name), {})[key] = row

    def _take(self, key: Key, row: Row) -> None:
        del self.rows[key]
        for name, index in self._indexes.items():
            del index[self._indexed(row, name)][key]

    def _indexed(self, row: Row, name: str) -> Any:
        return comparable(row.record.get(name, self.entity.blanks[name]))

    def _refuse_unknown(self, record: Record) -> None:
        unknown = {name for name in record if not name.startswith("_")} - self.entity.kinds.keys()
        if unknown:
            raise ValueError(f"{self.entity.name} has no {sorted(unknown)}")


def rendered(entity: EntityType, row: Row, names: Iterable[str]) -> Record:
    """The row as it is shown: its etag, then the properties; an absent one shows its type's empty value."""
    record, blanks = row.record, entity.blanks
    return {"@odata.etag": row.etag} | {name: shown(record.get(name, blanks[name])) for name in names}
