"""One operation, sent alone or inside of a batch, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.dynamics.addresses import Address, Query, address_of, query_of
from sandbox.dynamics.model import EntityType, Record, Unreadable, encode, taken
from sandbox.dynamics.refusals import Refusal, bad_query, failed, no_route, no_such_property

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

DATA = "/data/"


@dataclass(frozen=True)
class Answer:
    """Status, headers and the JSON of the body; None sends none, text goes as it is."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else encode(self.body)

    @property
    def content_type(self) -> str:
        plain = self.body is None or isinstance(self.body, str)
        return "text/plain" if plain else "application/json; odata.metadata=minimal; odata.streaming=true"


@dataclass(frozen=True)
class Operation:
    """``origin`` is scheme and host; ``path`` and ``raw_query`` are as they came; ``headers`` in lower case."""

    method: str
    origin: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    content: bytes
    in_batch: bool = False

    @property
    def uri(self) -> str:
        return f"{self.origin}{self.path}" + (f"?{self.raw_query}" if self.raw_query else "")

    def address(self) -> Address:
        if not self.path.startswith(DATA):
            raise no_route(self.uri)
        return address_of(self.path.removeprefix(DATA), self.uri)

    def query(self) -> Query:
        return query_of(self.raw_query)

    def parsed(self) -> Record:
        """The body as an object with its numbers exact; 400 for anything else."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.content and kind != "application/json":
            raise Refusal(
                415, f"The request entity's media type '{kind}' is not supported for this resource.", plain=True
            )
        try:
            body = json.loads(self.content or b"{}", parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise failed("The request body is not a JSON object.")
        return body


@dataclass(frozen=True)
class Write:
    """A change of one entity set: ``values`` is the body as kept values, ``key`` the key of what is changed."""

    environment: Environment
    operation: Operation
    entity: EntityType
    query: Query
    key: Record
    values: Record

    @property
    def company(self) -> str:
        """The company this concerns: the key's, else the body's, else the user's default (dynamics §2)."""
        named = self.key.get("dataAreaId") or self.values.get("dataAreaId", "")
        return named.lower() or self.environment.default_company


def values_of(environment: Environment, entity: EntityType, body: Record) -> Record:
    """The body's properties as they are kept; 400 for one the type does not have or a value of another type."""
    values: Record = {}
    for name, value in body.items():
        if name.startswith("@odata."):
            continue
        if name not in entity.kinds:
            raise no_such_property(entity, name)
        try:
            values[name] = taken(entity, name, value, environment.settings.user_zone)
        except Unreadable as error:
            raise bad_query(str(error)) from None
        values[name] = _fitting(environment, entity, name, values[name])
    return values


def _fitting(environment: Environment, entity: EntityType, name: str, value: Any) -> Any:
    settings = environment.settings
    longest = settings.max_lengths.get(name)
    if longest is None or not isinstance(value, str) or len(value) <= longest:
        return value
    if settings.overlong == "truncate":
        return value[:longest]
    raise failed(f"The value of property '{name}' on type '{entity.type_name}' is longer than {longest} characters.")
