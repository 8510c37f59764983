"""The ``filter`` and ``order_by`` languages of the v2 API. Source: rippling §5.1.

A filter is ``field op value`` joined with ``and``/``or`` (``and`` binds tighter). Text is single-quoted, dates and
timestamps are bare and in UTC without a zone suffix; a quoted timestamp is refused as a value of the wrong type.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

FieldKind = Literal["text", "timestamp", "date"]
Order = tuple[tuple[str, bool], ...]
"""Pairs of field and "descending"."""

SORTABLE = frozenset({"id", "created_at", "updated_at"})

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[()\[\],])|(?P<word>[^\s'()\[\],]+))")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?)?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_OLD_SPELLING = {"ge": "gte", "le": "lte"}


class RefusedQuery(ValueError):
    """The query text is one that the API answers with 400; the message is what it says."""


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    values: tuple[str, ...]

    def matches(self, row: Mapping[str, Any]) -> bool:
        actual = row.get(self.field)
        if self.operator == "in":
            return actual in self.values
        if actual is None:
            return self.operator == "ne"
        return _COMPARE[self.operator](actual, self.values[0])


@dataclass(frozen=True)
class Filter:
    """Any of the alternatives holds; an alternative holds when all of its conditions do."""

    alternatives: tuple[tuple[Condition, ...], ...]

    def matches(self, row: Mapping[str, Any]) -> bool:
        return any(all(condition.matches(row) for condition in every) for every in self.alternatives)

    def not_before(self, field: str) -> str | None:
        """The greatest lower bound that every match has on this field, if there is one."""
        if len(self.alternatives) != 1:
            return None
        bounds = [c.values[0] for c in self.alternatives[0] if c.field == field and c.operator in ("eq", "gt", "gte")]
        return max(bounds, default=None)


def instant_text(instant: datetime) -> str:
    """How v2 writes an instant; texts of this form sort like the instants themselves."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def parse_filter(text: str, fields: Mapping[str, FieldKind], spelling: Literal["gte", "ge"]) -> Filter:
    """Raises RefusedQuery unless the text is a filter over these fields in this spelling of the operators."""
    tokens = _tokens(text)
    alternatives: list[tuple[Condition, ...]] = []
    conditions: list[Condition] = []
    while True:
        conditions.append(_condition(tokens, fields, spelling))
        if not tokens:
            alternatives.append(tuple(conditions))
            return Filter(tuple(alternatives))
        kind, joint = tokens.pop(0)
        if kind != "word" or joint not in ("and", "or"):
            raise RefusedQuery(f"Invalid filter: expected 'and' or 'or', got {joint}")
        if joint == "or":
            alternatives.append(tuple(conditions))
            conditions = []


def parse_order(text: str, sortable: frozenset[str] = SORTABLE) -> Order:
    """Raises RefusedQuery for a field that is not sortable or a direction other than asc and desc."""
    order = []
    for part in text.split(","):
        field, _, direction = part.strip().partition(" ")
        if field not in sortable:
            raise RefusedQuery(f"Invalid order_by: field '{field}' is not sortable")
        if direction.strip() not in ("", "asc", "desc"):
            raise RefusedQuery(f"Invalid order_by: unknown direction '{direction.strip()}'")
        order.append((field, direction.strip() == "desc"))
    return tuple(order)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise RefusedQuery(f"Invalid filter: cannot read {text[position:].strip()}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _take(tokens: list[tuple[str, str]], what: str) -> tuple[str, str]:
    if not tokens:
        raise RefusedQuery(f"Invalid filter: expected {what}, got end of text")
    return tokens.pop(0)


def _condition(tokens: list[tuple[str, str]], fields: Mapping[str, FieldKind], spelling: str) -> Condition:
    _, field = _take(tokens, "a field")
    if field not in fields:
        raise RefusedQuery(f"Invalid filter: field '{field}' is not filterable")
    _, written = _take(tokens, "an operator")
    name = _OLD_SPELLING.get(written, written) if spelling == "ge" else written
    if (spelling == "ge" and written in _OLD_SPELLING.values()) or name not in {*_COMPARE, "in"}:
        raise RefusedQuery(f"Invalid filter: unknown operator '{written}'")
    if name == "in":
        return Condition(field, name, _values(tokens, field, fields[field]))
    return Condition(field, name, (_value(tokens, field, fields[field]),))


def _values(tokens: list[tuple[str, str]], field: str, kind: FieldKind) -> tuple[str, ...]:
    opening = _take(tokens, "a list")[1]
    closing = {"(": ")", "[": "]"}.get(opening)
    if closing is None:
        raise RefusedQuery(f"Invalid filter: 'in' needs a list, got {opening}")
    values = [_value(tokens, field, kind)]
    while (mark := _take(tokens, closing)[1]) == ",":
        values.append(_value(tokens, field, kind))
    if mark != closing:
        raise RefusedQuery(f"Invalid filter: expected {closing}, got {mark}")
    return tuple(values)


def _value(tokens: list[tuple[str, str]], field: str, kind: FieldKind) -> str:
    form, value = _take(tokens, "a value")
    if kind == "text":
        if form != "text":
            raise RefusedQuery(f"Invalid filter: the value of '{field}' must be quoted, got {value}")
        return value[1:-1].replace("''", "'")
    if form == "text":
        expected = "datetime.date" if kind == "date" else "datetime.datetime"
        raise RefusedQuery(f"{field} parameter is of the wrong type, expected: {expected} | None, got: str")
    if kind == "date":
        return _date(field, value)
    try:
        if not _TIMESTAMP.fullmatch(value):
            raise ValueError(value)
        return instant_text(datetime.fromisoformat(value).replace(tzinfo=UTC))
    except ValueError:
        raise RefusedQuery(f"Invalid filter: {field} expects YYYY-MM-DDTHH:MM:SS, got {value}") from None


def _date(field: str, value: str) -> str:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise RefusedQuery(f"Invalid filter: {field} expects YYYY-MM-DD, got {value}") from None
