"""Rows of one kind in one plant, found by index and rendered once per profile until they change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from sandbox.plex.naming import Names, Profile

Record = dict[str, Any]
T = TypeVar("T")

MEMO_LIMIT = 1_000
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(value: object) -> bytes:
    """JSON; a Decimal becomes a number with exactly its digits, ``1250.00`` for one of two decimals."""
    return _ENCODER.encode(value)


class Row:
    """One record under its kept names, with its JSON text per profile."""

    __slots__ = ("_rendered", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self._rendered: dict[Profile, bytes] = {}

    def json(self, names: Names, profile: Profile) -> bytes:
        text = self._rendered.get(profile)
        if text is None:
            text = self._rendered[profile] = encode(names.rendered(profile, self.record))
        return text

    def changed(self) -> None:
        self._rendered.clear()


class Table:
    """Rows in order of arrival.

    ``find`` by an indexed field costs the number of hits. What ``remember`` keeps is forgotten with the next change.
    """

    def __init__(self, names: Names, indexed: Iterable[str] = ()) -> None:
        self.names = names
        self._known = names.connect.keys() | names.documents.keys() | {names.key}
        self.rows: dict[str, Row] = {}
        self._memo: dict[Hashable, Any] = {}
        self._indexes: dict[str, dict[Any, list[Row]]] = {name: {} for name in indexed}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def add(self, record: Record) -> Row:
        self._refuse_unknown(record)
        row = self.rows[record[self.names.key]] = Row(record)
        for name in self._indexes:
            self._index(name, row)
        self._memo.clear()
        return row

    def change(self, row: Row, changes: Record) -> None:
        self._refuse_unknown(changes)
        for name in self._indexes.keys() & changes.keys():
            self._unindex(name, row)
        row.record.update(changes)
        for name in self._indexes.keys() & changes.keys():
            self._index(name, row)
        row.changed()
        self._memo.clear()

    def remove(self, row: Row) -> None:
        del self.rows[row.record[self.names.key]]
        for name in self._indexes:
            self._unindex(name, row)
        self._memo.clear()

    def indexes(self, name: str) -> bool:
        return name in self._indexes or name == self.names.key

    def find(self, name: str, value: Any) -> list[Row]:
        """Rows whose indexed field has the value, in order of arrival."""
        if name == self.names.key:
            return [self.rows[value]] if value in self.rows else []
        return self._indexes[name].get(value, [])

    def shared(self, name: str) -> Iterator[tuple[str, list[Row]]]:
        """The values of an indexed field with the rows that carry them."""
        return iter(self._indexes[name].items())

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave the last time, unless a row changed since."""
        if key not in self._memo:
            if len(self._memo) >= MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = make()
        kept: T = self._memo[key]
        return kept

    def render(self, profile: Profile) -> None:
        """Render every row now instead of at its first read."""
        for row in self:
            row.json(self.names, profile)

    def _refuse_unknown(self, record: Record) -> None:
        """ValueError for a name no profile shows: a slip of whoever scripts the simulator."""
        if not record.keys() <= self._known:
            raise ValueError(f"unknown fields {sorted(record.keys() - self._known)}; known are {sorted(self._known)}")

    def _index(self, name: str, row: Row) -> None:
        value = row.record.get(name)
        if value is not None:
            self._indexes[name].setdefault(value, []).append(row)

    def _unindex(self, name: str, row: Row) -> None:
        value = row.record.get(name)
        if value is None:
            return
        hits = self._indexes[name][value]
        hits.remove(row)
        if not hits:
            del self._indexes[name][value]
