"""The entity sets, their properties and enumerations, and how values are written in bodies, keys and filters.

``model.json`` lists names and types as Microsoft's metadata has them, release 10.0.47; what only the Common Data Model
describes (people, structures, formats) has its types from there (dynamics §3). All values are kept as text, Decimal,
int, date, aware UTC datetime, or the bare name of an enumeration's member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

Record = dict[str, Any]
NAMESPACE = "Microsoft.Dynamics.DataEntities"
NOON = time(12, tzinfo=UTC)
EMPTY_DATE = date(1900, 1, 1)
EMPTY_INSTANT = datetime(1900, 1, 1, tzinfo=UTC)
OPEN_END = datetime(2154, 12, 31, 23, 59, 59, tzinfo=UTC)
EDM = {"string": "Edm.String", "decimal": "Edm.Decimal", "int": "Edm.Int64"}
INSTANT_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Unreadable(ValueError):
    """A value that is not of its property's type; says so in the words of OData."""


@dataclass(frozen=True)
class EntityType:
    """One entity set. ``kinds``: property → string, decimal, int, date, instant or the name of its enumeration.

    ``blanks``: what a property shows that was never set (dynamics §2): empty text, zero, 1900-01-01, an
    enumeration's first member.
    """

    name: str
    type_name: str
    aot: str
    keys: tuple[str, ...]
    kinds: dict[str, str]
    blanks: Record = field(default_factory=dict)

    @property
    def of_a_company(self) -> bool:
        return "dataAreaId" in self.keys

    def edm(self, name: str) -> str:
        kind = self.kinds[name]
        return EDM.get(kind) or ("Edm.DateTimeOffset" if kind in ("date", "instant") else f"{NAMESPACE}.{kind}")


def encode(value: object) -> bytes:
    """JSON; a Decimal becomes a number with exactly its digits."""
    return _ENCODER.encode(value)


def shown(value: Any) -> Any:
    """A kept value as JSON has it: a date at the noon of UTC, an instant to the second (dynamics §2)."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}" if value.year >= 1000 else value.isoformat()
    return f"{value.isoformat()}T12:00:00Z" if isinstance(value, date) else value


def taken(entity: EntityType, name: str, value: Any, user_zone: ZoneInfo) -> Any:
    """The value of a body's property as it is kept; Unreadable when it is not of the property's type.

    An instant given for a date becomes the day it is where the service user lives: noon stays on its day, midnight
    moves (dynamics §2)."""
    kind = entity.kinds[name]
    if kind == "string" and (value is None or isinstance(value, str)):
        return value or ""
    if kind in ("decimal", "int") and isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if kind == "decimal":
            return number
        if number == number.to_integral_value():
            return int(number)
    if kind in ("date", "instant") and isinstance(value, str) and INSTANT_FORM.fullmatch(value):
        instant = datetime.fromisoformat(value).astimezone(UTC)
        if kind == "instant":
            return instant
        return instant.date() if instant.timetz() == NOON else instant.astimezone(user_zone).date()
    if kind in ENUMS and value in ENUMS[kind]:
        return value
    raise Unreadable(f"Cannot convert the literal '{value}' to the expected type '{entity.edm(name)}'.")


def literal(text: str) -> Any:
    """A literal of a key or a filter: text, number, instant, (enumeration, member), bool, or None for null."""
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1].replace("''", ""):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if INSTANT_FORM.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(UTC)
    qualified = re.fullmatch(rf"{re.escape(NAMESPACE)}\.(\w+)'(\w+)'", text)
    if qualified:
        return (qualified[1], qualified[2])
    try:
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return Decimal(text)
    except InvalidOperation:
        pass
    raise Unreadable(f"Syntax error in '{text}'.")


def compared(entity: EntityType, name: str, value: Any) -> Any:
    """A literal as it compares with kept values; Unreadable when the types do not go together."""
    kind = entity.kinds[name]
    if kind == "string" and isinstance(value, str):
        return value.casefold()
    if kind in ("decimal", "int") and isinstance(value, Decimal):
        return value
    if kind == "instant" and isinstance(value, datetime):
        return value
    if kind == "date" and isinstance(value, datetime):
        return value
    if isinstance(value, tuple) and value[0] == kind and value[1] in ENUMS[kind]:
        return value[1].casefold()
    raise Unreadable(
        "A binary operator with incompatible types was detected. Found operand types "
        f"'{entity.edm(name)}' and '{_edm_of(value)}' for operator kind 'Equal'."
    )


def comparable(value: Any) -> Any:
    """A kept value as it is compared: text without regard to case, as the database collates; a date as its noon."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, NOON)
    return value


def _edm_of(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{NAMESPACE}.{value[0]}"
    names = {str: "Edm.String", bool: "Edm.Boolean", Decimal: "Edm.Decimal", datetime: "Edm.DateTimeOffset"}
    return names.get(type(value), "<null>")


def _words(packed: str | Iterable[str]) -> list[str]:
    return (packed if isinstance(packed, str) else " ".join(packed)).split()


def _blank(kind: str) -> Any:
    plain: Record = {"string": "", "decimal": Decimal(0), "int": 0, "date": EMPTY_DATE, "instant": EMPTY_INSTANT}
    return plain[kind] if kind in plain else ENUMS[kind][0]


def _entity(name: str, described: Record) -> EntityType:
    kinds = {name: kind for kind, packed in described["properties"].items() for name in _words(packed)}
    keys = tuple(_words(described["keys"]))
    kinds = {key: kinds[key] for key in keys} | kinds
    blanks = {name: _blank(kind) for name, kind in kinds.items()}
    return EntityType(name, described["type"], described["aot"], keys, kinds, blanks)


_MODEL = json.loads((Path(__file__).parent / "model.json").read_text())
ENUMS: dict[str, list[str]] = {name: _words(members) for name, members in _MODEL["enums"].items()}
ENTITIES: dict[str, EntityType] = {name: _entity(name, described) for name, described in _MODEL["entities"].items()}
