"""How values are written where Dynamics reads them: in keys, in filters, in bodies. Pure, and back again.

A date travels as the noon of its day, so that no time zone moves it; an instant as UTC to the second. Source:
dynamics §2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote

import msgspec

NAMESPACE = "Microsoft.Dynamics.DataEntities"
EMPTY_DATE = date(1900, 1, 1)
OPEN_END = datetime(2154, 12, 31, 23, 59, 59, tzinfo=UTC)
WILDCARD = "*"


class EnumMember(msgspec.Struct, frozen=True):
    """A member of one of Dynamics' enumerations; which one is only said in keys and filters."""

    enum: str
    name: str


Value = str | int | Decimal | date | datetime | EnumMember
YES, NO = EnumMember("NoYes", "Yes"), EnumMember("NoYes", "No")


def literal(value: Value) -> str:
    """``value`` as a filter or a key has it, not yet percent-encoded. ValueError for an instant without a zone."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, EnumMember):
        return f"{NAMESPACE}.{value.enum}{literal(value.name)}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int) else text_of(value)


def text_of(value: date | datetime) -> str:
    """A day as its noon, an instant as UTC, both to the second. ValueError for an instant without a zone."""
    if not isinstance(value, datetime):
        return f"{value.isoformat()}T12:00:00Z"
    if value.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def key(values: Mapping[str, Value]) -> str:
    """The parentheses behind an entity set's name, percent-encoded; all key fields must be given, in any order."""
    parts = (f"{name}={quote(literal(value), safe=chr(39) + ':')}" for name, value in values.items())
    return f"({','.join(parts)})"


def equal(name: str, value: Value) -> str:
    """The condition that ``name`` is ``value``. A star in a text stands for anything there, and case may not count:
    what comes back must be compared again. Source: dynamics §2."""
    return f"{name} eq {literal(value)}"


def begins(name: str, text: str) -> str:
    """The condition that ``name`` begins with ``text``; to be compared again like ``equal``."""
    return f"{name} eq {literal(text + WILDCARD)}"


def between(name: str, first: date, last: date) -> str:
    """The condition that the day ``name`` lies between the two, both included."""
    return f"{name} ge {literal(first)} and {name} le {literal(last)}"


def both(*conditions: str) -> str:
    """All of the conditions; empty ones do not count."""
    return _joined(" and ", conditions)


def either(conditions: Iterable[str]) -> str:
    """At least one of the conditions. Dynamics has no ``in``."""
    return _joined(" or ", conditions)


def json_value(value: object) -> object:
    """``value`` as a JSON body has it: enumerations by the bare name, days at noon, all else as it is."""
    if isinstance(value, EnumMember):
        return value.name
    return text_of(value) if isinstance(value, date) else value


def read_instant(text: str | None) -> datetime | None:
    """The instant Dynamics means, aware UTC; None for an empty one. ValueError for what is no instant."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None if moment.date() <= EMPTY_DATE else moment


def read_day(text: str | None) -> date | None:
    """The day of a date-only field; None for an empty one. ValueError for what is no date."""
    moment = read_instant(text)
    return moment.date() if moment else None


def read_end(text: str | None) -> datetime | None:
    """The last second of a validity, aware UTC; None where it is open. Source: dynamics §2."""
    moment = read_instant(text)
    return None if moment is None or moment >= OPEN_END.replace(hour=0, minute=0, second=0) else moment


def parse(text: str) -> Value:
    """What ``literal`` wrote, read back. ValueError for what it cannot have written."""
    if match := re.fullmatch(rf"{re.escape(NAMESPACE)}\.(\w+)('.*')", text, re.DOTALL):
        return EnumMember(match[1], _unquoted(match[2]))
    if text.startswith("'"):
        return _unquoted(text)
    if match := re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z", text):
        return date.fromisoformat(match[1]) if match[2] == "12:00:00" else datetime.fromisoformat(text)
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return Decimal(text)
    raise ValueError("not a literal")


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if len(text) < 2 or text[-1] != "'" or "'" in inner.replace("''", ""):
        raise ValueError("quotes that do not match")
    return inner.replace("''", "'")


def _joined(word: str, conditions: Iterable[str]) -> str:
    given = [condition for condition in conditions if condition]
    return word.join(f"({condition})" for condition in given) if len(given) > 1 else "".join(given)
