"""What a request's address names: an entity set, with its key, ``$count`` or an action behind it (dynamics §2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from sandbox.dynamics.model import ENTITIES, NAMESPACE, EntityType, Record, Unreadable, compared, literal
from sandbox.dynamics.refusals import bad_query, no_route

_PIECE = re.compile(r"\s*(?:(\w+)\s*=\s*)?((?:[\w.]*'(?:[^']|'')*')|[^,']+)\s*(,|$)")
_RESOURCE = re.compile(r"(\w[\w$]*)(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """``key``: the values of the whole key as they compare, None for the set. ``action``: the name behind the dots."""

    entity: EntityType
    key: Record | None = None
    count: bool = False
    action: str = ""


@dataclass(frozen=True)
class Query:
    """The options of an address, decoded; ``raw`` as they came, for the link to the next page."""

    options: dict[str, str] = field(default_factory=dict)
    raw: str = ""

    @property
    def cross_company(self) -> bool:
        return self.options.get("cross-company") == "true"


def address_of(path: str, uri: str) -> Address:
    """The address below ``/data/``, still percent-encoded; a 404 in the router's words for what is none."""
    resource, _, rest = _split(path)
    found = _RESOURCE.fullmatch(resource)
    if found is None or found[1] not in ENTITIES:
        raise no_route(uri)
    entity = ENTITIES[found[1]]
    key = None if found[2] is None else _key(entity, found[2], uri)
    if not rest:
        return Address(entity, key)
    if rest == "$count" and key is None:
        return Address(entity, count=True)
    if rest.startswith(f"{NAMESPACE}."):
        return Address(entity, key, action=rest.removeprefix(f"{NAMESPACE}."))
    raise no_route(uri)


def query_of(raw: str) -> Query:
    """Options by name. Only %XX is decoded, and a raw ``+`` inside of a filter is refused (dynamics §2)."""
    options: dict[str, str] = {}
    for part in raw.split("&"):
        name, _, value = part.partition("=")
        if unquote(name) == "$filter" and "+" in value:
            raise bad_query(f"Syntax error: character '+' is not valid at position {value.index('+')}.")
        if part:
            options[unquote(name)] = unquote(value)
    return Query(options, raw)


def _split(path: str) -> tuple[str, str, str]:
    """Resource and what follows its slash; a slash inside of a quoted key value belongs to the value."""
    decoded, quoted = unquote(path), False
    for place, letter in enumerate(decoded):
        quoted ^= letter == "'"
        if letter == "/" and not quoted:
            return decoded[:place], "/", decoded[place + 1 :]
    return decoded, "", ""


def _key(entity: EntityType, text: str, uri: str) -> Record:
    given: dict[str, str] = {}
    place = 0
    while place < len(text):
        piece = _PIECE.match(text, place)
        if piece is None:
            raise no_route(uri)
        given[piece[1] or (entity.keys[0] if len(entity.keys) == 1 else "")] = piece[2]
        place = piece.end()
    if given.keys() != set(entity.keys):
        raise no_route(uri)
    try:
        return {name: compared(entity, name, literal(given[name].strip())) for name in entity.keys}
    except Unreadable:
        raise no_route(uri) from None
