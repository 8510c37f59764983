"""Rows of one kind, kept so that a page costs the page and not the table.

Rows are plain JSON objects and are replaced, never changed in place, so they may share their parts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from functools import total_ordering
from typing import Any

from sandbox.rippling.filters import Filter, Order

Row = dict[str, Any]


@total_ordering
class _Descending:
    """A sort key that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class Table:
    """Rows by id, with the answer to every filter and order asked for kept until a row changes."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows: dict[str, Row] = {row["id"]: row for row in rows}
        self._by_updated = sorted(_moment(row) for row in self.rows.values())
        self._answers: dict[tuple[Filter | None, Order], list[str]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def get(self, row_id: str | None) -> Row | None:
        return None if row_id is None else self.rows.get(row_id)

    def put(self, row: Row) -> Row:
        """The row is in the table, in place of an earlier one with its id."""
        if row["id"] in self.rows:
            self._forget_moment(self.rows[row["id"]])
        self.rows[row["id"]] = row
        insort(self._by_updated, _moment(row))
        self._answers.clear()
        return row

    def remove(self, row_id: str) -> None:
        self._forget_moment(self.rows.pop(row_id))
        self._answers.clear()

    def after(self, last: Row | None, wanted: Filter | None, order: Order, limit: int) -> tuple[list[Row], bool]:
        """Up to ``limit`` rows that follow ``last`` in this order, and whether more follow them.

        ``last`` needs only the sortable fields; it need not be in the table any more.
        """
        ids = self._answer(wanted, order)
        start = 0
        if last is not None:
            start = bisect_right(ids, _key(last, order), key=lambda row_id: _key(self.rows[row_id], order))
        page = [self.rows[row_id] for row_id in ids[start : start + limit]]
        return page, start + limit < len(ids)

    def _answer(self, wanted: Filter | None, order: Order) -> list[str]:
        known = self._answers.get((wanted, order))
        if known is None:
            known = sorted(self._matching(wanted), key=lambda row_id: _key(self.rows[row_id], order))
            self._answers[wanted, order] = known
        return known

    def _matching(self, wanted: Filter | None) -> Iterable[str]:
        if wanted is None:
            return self.rows
        bound = wanted.not_before("updated_at")
        if bound is None:
            return (row_id for row_id, row in self.rows.items() if wanted.matches(row))
        recent = self._by_updated[bisect_left(self._by_updated, (bound, "")) :]
        return (row_id for _, row_id in recent if wanted.matches(self.rows[row_id]))

    def _forget_moment(self, row: Row) -> None:
        del self._by_updated[bisect_left(self._by_updated, _moment(row))]


def _moment(row: Row) -> tuple[str, str]:
    return str(row["updated_at"]), row["id"]


def _key(row: Row, order: Order) -> tuple[Any, ...]:
    if not order:
        return (row["id"],)
    parts = [_Descending(str(row[field])) if descending else str(row[field]) for field, descending in order]
    return (*parts, row["id"])
